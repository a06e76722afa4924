//! The loader: shuffled, augmented, normalised batches, prepared by background threads and
//! delivered in order.
//!
//! What a batch holds is a pure function of (view, config, epoch, batch number): neither the number
//! of threads nor their timing nor the batches before it change a bit. The order of an epoch is a
//! Fisher-Yates shuffle of the view by `CounterRng::new(seed, Purpose::Shuffle, epoch, 0)`; sample
//! i of the split is augmented with `CounterRng::new(seed, Purpose::Augment, epoch, i)`, so that it
//! does not matter which batch it comes in. What else is drawn for a sample has a purpose of its
//! own.

mod batch;
mod epoch;
mod queue;

use std::sync::Arc;

pub use batch::Batch;
use batch::Pool;
pub use epoch::Epoch;

use crate::augment::{self, Augmentation, Cutout};
use crate::error::{Error, Result};
use crate::input_noise::InputNoise;
use crate::random::{CounterRng, Purpose};
use crate::statistics::{ChannelStats, Normaliser};
use crate::view::View;

/// How to make batches.
#[derive(Clone, Debug)]
pub struct LoaderConfig {
    /// Images in a batch, at least 1.
    pub batch_size: usize,
    /// Whether every epoch has its own random order; else the order of the view.
    pub shuffle: bool,
    /// Changes of each image, applied one after the other.
    pub augment: Vec<Augmentation>,
    /// Noise on each image after augmentation and before normalisation, the same in every epoch: to
    /// test a network, not to train one.
    pub input_noise: Option<InputNoise>,
    /// A square of each image to hide, after normalisation.
    pub cutout: Option<Cutout>,
    /// Mean and deviation to normalise by.
    pub normalise: ChannelStats,
    /// Seed of the shuffle, of the augmentation, of the noise on images and of cutout.
    pub seed: u64,
    /// Background threads; 0 prepares each batch in the caller, when it is asked for.
    pub workers: usize,
    /// How many batches may be ready or in preparation ahead of the caller, at least 1. It also
    /// bounds how many threads can be busy.
    pub prefetch: usize,
    /// Whether to leave out the last batch of an epoch when it is short.
    pub drop_last: bool,
}

impl LoaderConfig {
    /// Training: shuffled, random crop with padding 4 and horizontal flip, one worker.
    pub fn training(batch_size: usize, normalise: ChannelStats, seed: u64) -> LoaderConfig {
        let evaluation = LoaderConfig::evaluation(batch_size, normalise);
        LoaderConfig { shuffle: true, augment: augment::standard(), seed, ..evaluation }
    }

    /// Evaluation: every image once, in order, unchanged; one worker.
    pub fn evaluation(batch_size: usize, normalise: ChannelStats) -> LoaderConfig {
        LoaderConfig {
            batch_size,
            shuffle: false,
            augment: Vec::new(),
            input_noise: None,
            cutout: None,
            normalise,
            seed: 0,
            workers: 1,
            prefetch: 4,
            drop_last: false,
        }
    }

    fn check(&self, view: &View) -> Result<()> {
        for (field, value) in [("batch_size", self.batch_size), ("prefetch", self.prefetch)] {
            if value == 0 {
                return Err(Error::invalid(field, 0, "it must be at least 1"));
            }
        }
        if view.is_empty() || (self.drop_last && self.batch_size > view.len()) {
            let advice =
                format!("{} images make no batch; take a smaller batch or more images", view.len());
            return Err(Error::invalid("batch_size", self.batch_size, advice));
        }
        if self.batch_size.checked_mul(view.split().image_len()).is_none() {
            return Err(Error::invalid(
                "batch_size",
                self.batch_size,
                "the batch does not fit into memory",
            ));
        }
        self.augment.iter().try_for_each(|augmentation| augmentation.check(view.shape()))?;
        self.input_noise.iter().try_for_each(InputNoise::check)?;
        self.cutout.iter().try_for_each(|cutout| cutout.check(view.shape()))
    }
}

/// Makes the batches of any epoch of a view. Buffers are recycled across batches and epochs.
#[derive(Clone, Debug)]
pub struct Loader {
    plan: Arc<Plan>,
    pool: Arc<Pool>,
}

/// What all threads share: a checked config and the data.
#[derive(Debug)]
struct Plan {
    view: View,
    config: LoaderConfig,
    normaliser: Normaliser,
}

impl Loader {
    /// A loader of the images of a view.
    ///
    /// # Errors
    /// [`Error::Invalid`] when a setting is impossible: a batch of 0 images, no batch at all,
    /// statistics of another number of channels, a crop or a cutout larger than the image, negative
    /// noise.
    pub fn new(view: View, config: LoaderConfig) -> Result<Loader> {
        config.check(&view)?;
        let normaliser = Normaliser::new(&config.normalise, view.shape()[2])?;
        Ok(Loader {
            plan: Arc::new(Plan { view, config, normaliser }),
            pool: Arc::new(Pool::default()),
        })
    }

    /// Batches in an epoch.
    pub fn batches(&self) -> usize {
        self.plan.batches()
    }

    /// Images in an epoch: fewer than the view has when a short last batch is left out.
    pub fn samples(&self) -> usize {
        if self.plan.config.drop_last {
            self.batches() * self.plan.config.batch_size
        } else {
            self.plan.view.len()
        }
    }

    /// The images the loader draws from.
    pub fn view(&self) -> &View {
        &self.plan.view
    }

    /// The settings.
    pub fn config(&self) -> &LoaderConfig {
        &self.plan.config
    }

    /// All batches of epoch `epoch` (from 0), in order. Background threads start now and stop when
    /// the iterator is dropped.
    pub fn epoch(&self, epoch: u64) -> Epoch {
        self.start_at(epoch, 0)
    }

    /// The batches of epoch `epoch` from number `batch` on, with the same bits as in
    /// [`epoch`](Loader::epoch): for a run that is resumed in the middle. Empty when there are no
    /// more.
    pub fn start_at(&self, epoch: u64, batch: usize) -> Epoch {
        Epoch::start(Arc::clone(&self.plan), Arc::clone(&self.pool), epoch, batch)
    }
}

impl Plan {
    fn batches(&self) -> usize {
        let (images, size) = (self.view.len(), self.config.batch_size);
        if self.config.drop_last { images / size } else { images.div_ceil(size) }
    }

    /// The indices into the split, in the order of an epoch.
    fn order(&self, epoch: u64) -> Vec<u32> {
        let mut order = self.view.indices().to_vec();
        if self.config.shuffle {
            CounterRng::new(self.config.seed, Purpose::Shuffle, epoch, 0).shuffle(&mut order);
        }
        order
    }
}
