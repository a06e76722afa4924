//! From a plan to everything a run needs.

use std::sync::Arc;

use lowland_core::DType;
use lowland_data::{
    Amount, Augmentation, Cutout, Dataset, HorizontalFlip, LabelNoiseReport, Loader, LoaderConfig,
    RandomCrop, View,
};

use super::{DataInfo, ModelInfo, Options, Run, RunInfo};
use crate::checkpoint::Progress;
use crate::memory::{self, Sizes};
use crate::plan::{Plan, in_model};
use crate::trainer::Trainer;
use crate::{Error, Result, device, initial};

/// The images of a run, in batches.
#[derive(Debug)]
pub(super) struct Loaders {
    pub(super) train: Loader,
    pub(super) validation: Option<Loader>,
    pub(super) test: Loader,
    /// What noise did to the labels of the training images.
    label_noise: Option<LabelNoiseReport>,
}

pub(super) fn set_up(plan: Plan, options: &Options) -> Result<Run> {
    let opened = device::open(&options.device, options.threads)?;
    let dataset = open_dataset(&plan)?;
    let loaders = Loaders::new(&plan, &dataset, options.workers)?;
    let config = plan.config();
    let (shape, classes) = (dataset.shape(), dataset.classes().len());
    check_last_batch(&plan, shape, loaders.train.view().len())?;
    let sizes = loaders.sizes(&plan, &dataset);
    let need = memory::check(&plan, &sizes, &opened, memory::available_bytes())?;
    let model = plan.model().build(shape, classes, &opened.device, DType::F32, config.seed);
    let model = model.map_err(|error| in_model(plan.file(), error))?;
    let initial_weights = config.train.initial_weights.as_ref();
    let initial_weights =
        initial_weights.map(|path| initial::load(plan.file(), path, &model)).transpose()?;
    let model_info = ModelInfo {
        name: model.name.clone(),
        parameters: model.store.count(),
        multiply_adds: model.multiply_adds,
        fused_layers: model.store.fusion().to_string(),
        initial_weights,
    };
    let trainer = Trainer::of_plan(&plan, model)?;
    let data = DataInfo {
        name: dataset.name().to_string(),
        title: dataset.title().to_string(),
        checksum: dataset.describe().checksum,
        image: shape,
        classes,
        train_images: loaders.train.view().len(),
        validation_images: loaders.validation.as_ref().map_or(0, |loader| loader.view().len()),
        test_images: loaders.test.view().len(),
        label_noise: loaders.label_noise,
    };
    let info = RunInfo {
        name: config.name.clone(),
        seed: config.seed,
        model: model_info,
        data,
        optimizer: trainer.optimizer().explain(),
        notes: plan.notes(),
        epochs: config.train.epochs,
        steps_per_epoch: loaders.train.batches(),
        batch_size: config.train.batch_size,
        device: options.device.clone(),
        threads: opened.threads,
        instruction_set: opened.instruction_set,
        loader_workers: options.workers,
        tensor_bytes_expected: Some(need.tensor_bytes),
    };
    Ok(Run { plan, info, trainer, loaders, progress: Progress::default() })
}

impl Loaders {
    fn new(plan: &Plan, dataset: &Dataset, workers: usize) -> Result<Loaders> {
        let config = plan.config();
        let Parts { train, validation, label_noise } = Parts::of(plan, dataset)?;
        let evaluation = LoaderConfig {
            workers: workers.min(1),
            ..LoaderConfig::evaluation(config.train.batch_size, dataset.normalisation().clone())
        };
        let training = LoaderConfig {
            shuffle: true,
            augment: augmentations(plan),
            cutout: cutout(plan),
            seed: config.seed,
            workers,
            prefetch: 4.max(2 * workers),
            ..evaluation.clone()
        };
        let train = Loader::new(train, training).map_err(|error| in_data(plan, error))?;
        let validation =
            validation.map(|view| Loader::new(view, evaluation.clone())).transpose()?;
        let test = Loader::new(dataset.test(), evaluation)?;
        Ok(Loaders { train, validation, test, label_noise })
    }

    /// What memory depends on. The images themselves are mapped from a file, and take none that the system
    /// could not have back.
    fn sizes(&self, plan: &Plan, dataset: &Dataset) -> Sizes {
        let largest = |loader: &Loader| loader.config().batch_size.min(loader.view().len());
        let image_bytes = dataset.train_split().image_len() as u64 * size_of::<f32>() as u64;
        let waiting = |loader: &Loader| {
            // One is in use, and all are kept for later epochs.
            let config = loader.config();
            let ahead = if config.workers == 0 { 0 } else { config.prefetch };
            let batches = loader.batches().min(1 + ahead) as u64;
            batches.saturating_mul(largest(loader) as u64).saturating_mul(image_bytes)
        };
        let noisy = (!plan.config().evaluate.input_noise.is_empty()).then_some(&self.test);
        let scored = self.validation.iter().chain([&self.test]);
        Sizes {
            image: dataset.shape(),
            classes: dataset.classes().len(),
            training: largest(&self.train),
            scored: scored.clone().map(largest).max().unwrap_or(0),
            waiting_bytes: scored.chain([&self.train]).chain(noisy).map(waiting).sum(),
        }
    }
}

/// The training images of a dataset as a run parts them.
pub(crate) struct Parts {
    /// The images to train on, with the labels that they are trained on by.
    pub(crate) train: View,
    /// Those to validate on, if any.
    pub(crate) validation: Option<View>,
    /// What noise did to the labels of the images to train on.
    pub(crate) label_noise: Option<LabelNoiseReport>,
}

impl Parts {
    /// The parts of a plan: a function of its config and the dataset alone.
    ///
    /// # Errors
    /// [`Error::Config`] for a subset or a validation fraction that the dataset is too small for.
    pub(crate) fn of(plan: &Plan, dataset: &Dataset) -> Result<Parts> {
        let (noise, seed) = (plan.config().data.label_noise, plan.config().seed);
        let (train, validation) = split(plan, dataset)?;
        if noise == 0.0 {
            return Ok(Parts { train, validation, label_noise: None });
        }
        let (train, report) = train.with_label_noise(noise, seed)?;
        Ok(Parts { train, validation, label_noise: Some(report) })
    }
}

/// The dataset that a plan names.
///
/// # Errors
/// As [`Source::open`](crate::dataset::Source::open), with the place that names it.
pub(crate) fn open_dataset(plan: &Plan) -> Result<Dataset> {
    plan.source().open().map_err(|error| in_dataset(plan, error))
}

/// The images to train on, and those to validate on, if any.
fn split(plan: &Plan, dataset: &Dataset) -> Result<(View, Option<View>)> {
    let (data, seed) = (&plan.config().data, plan.config().seed);
    let all = dataset.train();
    let used = match data.subset {
        None => all,
        Some(count) if count <= all.len() => all.subset(Amount::Count(count), seed)?,
        Some(count) => {
            let allowed = format!("`{}` has {} training images", dataset.name(), all.len());
            return Err(plan.file().impossible("data.subset", count, &allowed));
        }
    };
    if data.validation_fraction == 0.0 {
        return Ok((used, None));
    }
    let images = used.len();
    let fraction = Amount::Fraction(data.validation_fraction);
    let (train, validation) = used.split_validation(fraction, seed).map_err(|_| {
        let allowed = format!("of {images} images, both parts must get at least one");
        let fraction = format_args!("{:?}", data.validation_fraction);
        plan.file().impossible("data.validation_fraction", fraction, &allowed)
    })?;
    Ok((train, Some(validation)))
}

fn augmentations(plan: &Plan) -> Vec<Augmentation> {
    let data = &plan.config().data;
    let mut list: Vec<Augmentation> = Vec::new();
    if data.crop_padding_pixels > 0 {
        list.push(Arc::new(RandomCrop { padding: data.crop_padding_pixels }));
    }
    if data.horizontal_flip {
        list.push(Arc::new(HorizontalFlip));
    }
    list
}

fn cutout(plan: &Plan) -> Option<Cutout> {
    let side = plan.config().data.cutout_pixels;
    (side > 0).then_some(Cutout { side })
}

/// What the loader says of a setting, with the place of the field it came from.
fn in_data(plan: &Plan, error: lowland_data::Error) -> Error {
    match error {
        lowland_data::Error::Invalid { field: "batch_size", value, advice } => {
            plan.file().impossible("train.batch_size", value, &advice)
        }
        lowland_data::Error::Invalid { field: "crop padding", value, advice } => {
            plan.file().impossible("data.crop_padding_pixels", value, &advice)
        }
        lowland_data::Error::Invalid { field: "cutout side", value, advice } => {
            plan.file().impossible("data.cutout_pixels", value, &advice)
        }
        error => error.into(),
    }
}

/// What is wrong with the dataset, with the place that names it.
fn in_dataset(plan: &Plan, error: Error) -> Error {
    match error {
        Error::Data(_) | Error::Dataset(_) => {
            plan.file().error("data.dataset", error.to_string(), "")
        }
        error => error,
    }
}

/// Batch norm in training needs two values a channel: where the last feature maps are single pixels, a
/// batch of a single image has one.
fn check_last_batch(plan: &Plan, image: [usize; 3], images: usize) -> Result<()> {
    let spec = plan.model().spec().map_err(|error| in_model(plan.file(), error))?;
    let size = plan.config().train.batch_size;
    // The last batch holds what is left, or is full.
    let last = (images.saturating_sub(1)) % size + 1;
    if last > 1 || spec.last_map(image) != [1, 1] {
        return Ok(());
    }
    let [h, w, _] = image;
    let allowed = format!(
        "the last of {images} training images would be a batch of its own, whose batch norm has one value \
         a channel, as this network makes {h}x{w} pixels 1x1; choose a size that leaves another number \
         over, or fewer stages"
    );
    Err(plan.file().impossible("train.batch_size", size, &allowed))
}
