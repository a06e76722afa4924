//! The network of a recorded run, built again, with images to measure it on.

use std::path::Path;

use lowland_core::DType;
use lowland_data::{Amount, ChannelStats, Loader, LoaderConfig, View};
use lowland_landscape::{Batch, NetworkLoss, parameters};
use lowland_models::zoo::Spec;
use lowland_models::{CrossEntropy, Model, ParamEntry, StateDict};
use lowland_tensor::Tensor;

use super::StatisticsOf;
use super::stoppable::Stoppable;
use crate::config::ConfigFile;
use crate::past::PastRun;
use crate::plan::{Plan, in_model};
use crate::run::{Options, Parts, Stop, open_dataset};
use crate::{Error, Result, device};

/// The seed of everything that is drawn for a measurement, so that all runs are measured alike.
pub(super) const SEED: u64 = 0;

/// The network of a run, and the images that it was trained on.
pub(super) struct Network {
    plan: Plan,
    model: Model,
    train: View,
    normalisation: ChannelStats,
}

impl Network {
    /// The network of a run, with the weights that it has ended with.
    pub(super) fn of(run: &PastRun, data_folder: &Path, options: &Options) -> Result<Network> {
        let file = ConfigFile::read(&run.folder.join("config.toml"), &[])?;
        let plan = Plan::new(file, data_folder)?;
        let opened = device::open(&options.device, options.threads)?;
        let dataset = open_dataset(&plan)?;
        let (trained_on, here) = (&run.json.run.data.checksum, dataset.describe().checksum);
        if *trained_on != here {
            return Err(Error::Dataset(format!(
                "the dataset `{}` is not the one that the run `{}` was trained on: its checksum is {here}, \
                 that one's was {trained_on}; import it from the same source",
                dataset.name(),
                run.folder.display()
            )));
        }
        let Parts { train, .. } = Parts::of(&plan, &dataset)?;
        let (shape, classes) = (dataset.shape(), dataset.classes().len());
        let model = plan.model().build(shape, classes, &opened.device, DType::F32, 0);
        let model = model.map_err(|error| in_model(plan.file(), error))?;
        let normalisation = dataset.normalisation().clone();
        let network = Network { plan, model, train, normalisation };
        network.load(run, "weights.safetensors".as_ref())?;
        Ok(network)
    }

    /// Takes the weights and running statistics of a file of a run.
    pub(super) fn load(&self, run: &PastRun, name: &Path) -> Result<()> {
        let path = run.folder.join(name);
        let damaged = |problem: String| Error::Damaged { path: path.clone(), problem };
        let load = StateDict::from_bytes(&run.file(name)?, &path)
            .and_then(|state| self.model.store.load_state_dict(&state, true));
        load.map(drop).map_err(|error| match error {
            lowland_models::Error::Format { message, .. } => damaged(message),
            error @ lowland_models::Error::Mismatch(_) => damaged(error.to_string()),
            error => error.into(),
        })
    }

    /// All parameters in a row: the solution.
    pub(super) fn parameters(&self) -> Result<Vec<f64>> {
        Ok(parameters(&self.model.store)?)
    }

    /// The parameters' names and shapes.
    pub(super) fn entries(&self) -> &[ParamEntry] {
        self.model.store.entries()
    }

    /// What the network was made from.
    pub(super) fn spec(&self) -> &Spec {
        &self.model.spec
    }

    /// So many of the training images, or all where there are fewer, in batches of the run's size:
    /// drawn by class, in a random order, without augmentation. An image that would be a batch of its
    /// own is left out, as batch normalisation may have no variance there.
    pub(super) fn batches(&self, images: usize) -> Result<Vec<Batch>> {
        let size = self.plan.config().train.batch_size;
        let mut images = images.min(self.train.len());
        if size > 1 && images > 1 && images % size == 1 {
            images -= 1;
        }
        let view = self.train.subset(Amount::Count(images), SEED)?;
        let config = LoaderConfig {
            shuffle: true,
            seed: SEED,
            workers: 0,
            ..LoaderConfig::evaluation(size, self.normalisation.clone())
        };
        let device = self.model.store.device();
        let upload = |batch: lowland_data::Result<lowland_data::Batch>| {
            let batch = batch?;
            Ok(Batch {
                images: Tensor::from_slice(device, batch.shape(), batch.images())?,
                labels: Tensor::from_slice(device, [batch.len()], batch.labels())?,
            })
        };
        Loader::new(view, config)?.epoch(0).map(upload).collect()
    }

    /// The loss that training minimised, without weight decay, over batches.
    pub(super) fn loss<'a>(
        &'a self,
        batches: &'a [Batch],
        statistics: StatisticsOf,
        stop: &'a Stop,
    ) -> Result<Stoppable<'a>> {
        let label_smoothing = self.plan.config().train.label_smoothing;
        let Model { module, store, .. } = &self.model;
        let loss = CrossEntropy { label_smoothing };
        let loss = NetworkLoss::new(&**module, store, batches, loss, statistics.into())?;
        Ok(Stoppable { loss, stop })
    }
}

/// The number of images in batches.
pub(super) fn images_in(batches: &[Batch]) -> usize {
    batches.iter().map(Batch::len).sum()
}
