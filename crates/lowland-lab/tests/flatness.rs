//! What is measured of a run: against the landscape crate by hand, to the bit, and what is refused.

mod common;

use std::fs;
use std::path::Path;

use common::SMALL;
use lowland_data::{Amount, Loader, LoaderConfig, View};
use lowland_lab::flatness::{
    self, Flatness, FlatnessConfig, Impossible, LandscapeConfig, StatisticsOf,
};
use lowland_lab::{
    Change, ConfigFile, Error, Options, PastRun, Plan, Record, Result, Run, Stop, weights_of,
};
use lowland_landscape::{
    Ascent, Batch, End, Hessian, NetworkLoss, Normalisation, Objective, Search, eigenpairs,
    filter_normalised, parameters, quadrature, sharpness, trace,
};
use lowland_models::{CrossEntropy, Model, StateDict};
use lowland_tensor::{DType, Device, Tensor};

/// Trains the small experiment with changes.
fn trained(sets: &[&str], folder: &Path) -> PastRun {
    let sets: Vec<Change> = sets.iter().map(|set| Change::from(*set)).collect();
    let file = ConfigFile::parse("small.toml", SMALL, &sets).unwrap();
    let plan = Plan::new(file, Path::new("no-such-folder")).unwrap();
    let mut run = Run::new(plan, &options(1)).unwrap();
    let mut record = Record::create(folder, &run).unwrap();
    run.execute(&mut record, &mut (), &Stop::default()).unwrap();
    PastRun::read(folder).unwrap()
}

fn options(threads: usize) -> Options {
    Options { threads, workers: 0, ..Options::default() }
}

fn measure_by(
    run: &PastRun,
    config: &FlatnessConfig,
    options: &Options,
) -> Result<Option<Flatness>> {
    flatness::measure(run, config, true, Path::new("no-such-folder"), options, &Stop::default())
}

fn measure(run: &PastRun, config: &FlatnessConfig) -> Result<Flatness> {
    measure_by(run, config, &options(1)).map(Option::unwrap)
}

/// Everything, but little of it.
fn everything() -> FlatnessConfig {
    FlatnessConfig {
        images: 100,
        eigenvalues: 2,
        lanczos_steps: 8,
        trace_probes: 3,
        density_probes: 2,
        landscape: Some(LandscapeConfig { points: 3, images: 50, ..LandscapeConfig::default() }),
        ..FlatnessConfig::default()
    }
}

/// The images that a run with seed 3 of the small experiment with noisy labels was trained on, from the
/// dataset's own functions.
fn training_images(noise: f64) -> View {
    let dataset = lowland_data::load_builtin("digits").unwrap();
    let used = dataset.train().subset(Amount::Count(800), 3).unwrap();
    let (train, _) = used.split_validation(Amount::Fraction(0.1), 3).unwrap();
    train.with_label_noise(noise, 3).unwrap().0
}

fn batches(view: &View, images: usize, device: &Device) -> Vec<Batch> {
    let dataset = lowland_data::load_builtin("digits").unwrap();
    let view = view.subset(Amount::Count(images), 0).unwrap();
    let config = LoaderConfig {
        shuffle: true,
        ..LoaderConfig::evaluation(16, dataset.normalisation().clone())
    };
    let upload = |batch: lowland_data::Result<lowland_data::Batch>| {
        let batch = batch.unwrap();
        Batch {
            images: Tensor::from_slice(device, batch.shape(), batch.images()).unwrap(),
            labels: Tensor::from_slice(device, [batch.len()], batch.labels()).unwrap(),
        }
    };
    Loader::new(view, config).unwrap().epoch(0).map(upload).collect()
}

fn network(run: &PastRun, device: &Device) -> Model {
    let model = run.config.model.build([8, 8, 1], 10, device, DType::F32, 77).unwrap();
    let weights = StateDict::read(run.folder.join("weights.safetensors")).unwrap();
    model.store.load_state_dict(&weights, true).unwrap();
    model
}

#[test]
fn numbers_are_those_of_the_landscape_of_the_noisy_training_images() {
    let folder = tempfile::tempdir().unwrap();
    let noisy = ["data.label_noise=0.4", "train.label_smoothing=0.1"];
    let run = trained(&noisy, &folder.path().join("run"));
    let found = measure(&run, &everything()).unwrap();
    assert_eq!((found.epoch, found.images), (2, 100));

    let device = lowland_lab::device::open("cpu", 1).unwrap().device;
    let model = network(&run, &device);
    let loss_over = |batches: &'_ [Batch]| {
        let loss = CrossEntropy { label_smoothing: 0.1 };
        let by = Normalisation::Batch;
        let w = parameters(&model.store).unwrap();
        NetworkLoss::new(&*model.module, &model.store, batches, loss, by).unwrap().loss(&w).unwrap()
    };
    let (view, clean) = (training_images(0.4), training_images(0.0));
    let images = batches(&view, 100, &device);
    assert_eq!(found.loss, loss_over(&images));
    let with_true_labels = loss_over(&batches(&clean, 100, &device));
    assert!(with_true_labels < found.loss - 0.1, "{with_true_labels}, {}", found.loss);

    let w = parameters(&model.store).unwrap();
    let (loss, by) = (CrossEntropy { label_smoothing: 0.1 }, Normalisation::Batch);
    let mut f = NetworkLoss::new(&*model.module, &model.store, &images, loss, by).unwrap();
    let ball = Ascent { radius: 0.05, steps: 5, rate: 1.0, seed: 0 };
    assert_eq!(found.sharpness, Some(sharpness(&mut f, &w, &ball).unwrap().sharpness));
    let mut hessian = Hessian::new(&mut f, &w).unwrap();
    let search = Search { end: End::Top, count: 2, steps: 8, tolerance: 0.01, seed: 0 };
    let pairs = eigenpairs(&mut hessian, &search).unwrap();
    let values: Vec<f64> = found.eigenvalues.iter().map(|e| e.value).collect();
    let residuals: Vec<f64> = found.eigenvalues.iter().map(|e| e.error).collect();
    assert_eq!((values, residuals), (pairs.values, pairs.residuals));
    let hutchinson = trace(&mut hessian, 3, 0).unwrap();
    let of_trace = found.trace.unwrap();
    assert_eq!((of_trace.value, of_trace.error), (hutchinson.mean, hutchinson.standard_error));
    let spectrum = found.spectrum.unwrap();
    let nodes = quadrature(&mut hessian, 2, 8, 0).unwrap();
    let density = nodes.density(spectrum.sigma, 200).unwrap();
    assert_eq!((spectrum.eigenvalues, spectrum.density), (density.grid, density.density));
    let (low, high) = nodes.range();
    assert_eq!(spectrum.sigma, (high - low) / 100.0);

    // Surfaces are over images of their own, by running statistics, in directions 0 and 1.
    let images = batches(&view, 50, &device);
    let (loss, by) = (CrossEntropy { label_smoothing: 0.1 }, Normalisation::Running);
    let mut f = NetworkLoss::new(&*model.module, &model.store, &images, loss, by).unwrap();
    let [x, y] = [0, 1].map(|i| filter_normalised(model.store.entries(), &w, 0, i).unwrap());
    let plane = found.plane.unwrap();
    assert_eq!((&plane.a, &plane.b), (&vec![-1.0, 0.0, 1.0], &vec![-1.0, 0.0, 1.0]));
    let want = lowland_landscape::plane(&mut f, &w, [&x, &y], [&plane.a, &plane.b]).unwrap();
    assert_eq!(plane.losses.concat(), want.losses.into_iter().map(Some).collect::<Vec<_>>());
    let line = found.line.unwrap();
    assert_eq!(line.at, [-1.0, -0.5, 0.0, 0.5, 1.0]);
    assert_eq!([line.losses[0], line.losses[2]], [plane.losses[0][1], plane.losses[1][1]]);
    assert_eq!(line.losses[2], Some(f.loss(&w).unwrap()));
}

#[test]
fn the_number_of_threads_changes_no_bit_and_files_hold_what_was_measured() {
    let folder = tempfile::tempdir().unwrap();
    let run = trained(&["train.epochs=1"], &folder.path().join("run"));
    let timeless = |threads| {
        let found = measure_by(&run, &everything(), &options(threads)).unwrap().unwrap();
        assert!(found.seconds > 0.0);
        Flatness { seconds: 0.0, ..found }
    };
    let found = timeless(1);
    assert_eq!(found, timeless(2));
    flatness::write(&run.folder, &found).unwrap();
    let read = flatness::read(&run.folder).unwrap();
    assert_eq!(read.config, found.config);
    assert!((read.loss / found.loss - 1.0).abs() < 1e-15);
    assert_eq!(read.plane.unwrap().losses.len(), 3);
    fs::write(run.folder.join("flatness.json"), "{").unwrap();
    assert!(matches!(flatness::read(&run.folder), Err(Error::Damaged { .. })));
}

#[test]
fn a_measurement_without_anything_is_a_loss_and_more_images_than_there_are_is_all() {
    let folder = tempfile::tempdir().unwrap();
    let run = trained(&["train.epochs=1", "data.subset=90"], &folder.path().join("run"));
    let nothing = FlatnessConfig {
        images: 1000,
        eigenvalues: 0,
        trace_probes: 0,
        sharpness_radius: 0.0,
        ..FlatnessConfig::default()
    };
    let found = measure(&run, &nothing).unwrap();
    // 81 images leave one over from batches of 16.
    assert_eq!(found.images, 80);
    assert!(found.loss > 1.0 && found.loss < 5.0, "{}", found.loss);
    assert!(found.eigenvalues.is_empty() && found.along.is_empty());
    assert!(found.trace.is_none() && found.spectrum.is_none() && found.sharpness.is_none());
    assert!(found.line.is_none() && found.plane.is_none());
    // A landscape is measured only where it is wanted of this run.
    let options = options(1);
    let stop = Stop::default();
    let config = FlatnessConfig { landscape: Some(LandscapeConfig::default()), ..nothing };
    let without =
        flatness::measure(&run, &config, false, Path::new("x"), &options, &stop).unwrap().unwrap();
    assert!(without.line.is_none() && without.plane.is_none());
    stop.wish();
    let stopped = flatness::measure(&run, &config, true, Path::new("x"), &options, &stop).unwrap();
    assert_eq!(stopped, None);
}

#[test]
fn the_centre_of_a_plane_is_the_loss_where_both_are_over_the_same_images() {
    let folder = tempfile::tempdir().unwrap();
    let run = trained(&["train.epochs=1"], &folder.path().join("run"));
    let statistics = StatisticsOf::Batch;
    let landscape = LandscapeConfig { points: 3, images: 100, statistics, ..Default::default() };
    let config =
        FlatnessConfig { trace_probes: 0, landscape: Some(landscape.clone()), ..everything() };
    let found = measure(&run, &config).unwrap();
    assert_eq!(found.plane.unwrap().losses[1][1], Some(found.loss));
    // So far that f32 has no such numbers.
    let far = LandscapeConfig { reach: 1e39, ..landscape };
    let config = FlatnessConfig { landscape: Some(far), ..config };
    let found = measure(&run, &config).unwrap();
    let plane = found.plane.unwrap().losses;
    assert_eq!((plane[0][0], plane[1][1], plane[2][1]), (None, Some(found.loss), None));
    assert_eq!(found.line.unwrap().losses[0], None);
}

#[test]
fn eigenvalues_along_the_run_are_at_each_epoch_that_was_kept() {
    let folder = tempfile::tempdir().unwrap();
    let kept = ["train.epochs=3", "record.weights_every_epochs=2"];
    let run = trained(&kept, &folder.path().join("run"));
    let config = FlatnessConfig { along_the_run: true, landscape: None, ..everything() };
    let found = measure(&run, &config).unwrap();
    let epochs: Vec<usize> = found.along.iter().map(|along| along.epoch).collect();
    assert_eq!(epochs, [2, 3]);
    assert_eq!(found.along[1].eigenvalue, found.eigenvalues[0]);
    let rates = [run.epochs[1].lr, run.epochs[2].lr];
    assert_eq!([found.along[0].lr, found.along[1].lr], rates);
    // The weights of epoch 2, as if the run had ended there.
    let end = run.folder.join("weights.safetensors");
    fs::remove_file(run.folder.join("B3SUMS")).unwrap();
    fs::copy(run.folder.join(weights_of(2)), &end).unwrap();
    let before = FlatnessConfig { eigenvalues: 1, along_the_run: false, ..config.clone() };
    assert_eq!(measure(&run, &before).unwrap().eigenvalues[0], found.along[0].eigenvalue);
    // Eigenvalues of the end are not needed for those along the run.
    fs::copy(run.folder.join(weights_of(3)), &end).unwrap();
    let alone = FlatnessConfig { eigenvalues: 0, ..config.clone() };
    assert_eq!(measure(&run, &alone).unwrap().along[0], found.along[0]);

    fs::remove_file(run.folder.join(weights_of(2))).unwrap();
    let error = measure(&run, &config).unwrap_err();
    assert!(error.to_string().contains("epoch-0002.safetensors"), "{error}");
    assert_eq!(error.exit_code(), 2);
}

#[test]
fn weights_that_are_not_those_of_the_run_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    let run = trained(&["train.epochs=1"], &path);
    let weights = path.join("weights.safetensors");
    let whole = fs::read(&weights).unwrap();
    let says = |run: &PastRun, parts: &[&str]| {
        let error = measure(run, &everything()).unwrap_err();
        let message = error.to_string();
        assert!(parts.iter().all(|part| message.contains(part)), "{message}");
        assert_eq!(error.exit_code(), 2, "{message}");
    };
    fs::write(&weights, &whole[..whole.len() / 2]).unwrap();
    says(&run, &["weights.safetensors` is damaged", "`B3SUMS` says"]);
    fs::remove_file(path.join("B3SUMS")).unwrap();
    says(&run, &["weights.safetensors` is damaged", "not a complete safetensors file"]);
    fs::remove_file(&weights).unwrap();
    says(&run, &["cannot read", "weights.safetensors", "check the path"]);
    let other = trained(
        &["train.epochs=1", "model={name=\"resnet-tiny\", widths=[4, 8]}"],
        &folder.path().join("other"),
    );
    fs::copy(other.folder.join("weights.safetensors"), &weights).unwrap();
    says(&run, &["weights.safetensors` is damaged", "not of this model"]);
    fs::write(&weights, &whole).unwrap();
    measure(&run, &FlatnessConfig { landscape: None, ..everything() }).unwrap();
    let mut elsewhere = run.clone();
    elsewhere.json.run.data.checksum = "another".into();
    says(&elsewhere, &["`digits` is not the one that the run", "its checksum is"]);
    let mut nothing = run.clone();
    nothing.json.weights_epoch = None;
    says(&nothing, &["no epoch of it is complete"]);
    let wrong = FlatnessConfig { lanczos_steps: 1, ..everything() };
    assert!(matches!(wrong.check(&run.config), Err(Impossible { field: "lanczos_steps", .. })));
    assert_eq!(measure(&run, &wrong).unwrap_err().exit_code(), 2);
}

#[test]
fn the_way_between_two_solutions_ends_at_their_losses() {
    let folder = tempfile::tempdir().unwrap();
    let from = trained(&["train.epochs=1"], &folder.path().join("from"));
    let to = trained(&["train.epochs=2"], &folder.path().join("to"));
    let between = |to: &PastRun, config: &LandscapeConfig| {
        let stop = Stop::default();
        flatness::interpolation(&from, to, config, Path::new("x"), &options(1), &stop)
    };
    // The centre of a plane is the loss of a solution.
    let at = |run: &PastRun, landscape: &LandscapeConfig| {
        let landscape = Some(LandscapeConfig { points: 3, ..landscape.clone() });
        let config = FlatnessConfig { landscape, eigenvalues: 0, trace_probes: 0, ..everything() };
        measure(run, &config).unwrap().plane.unwrap().losses[1][1]
    };
    for (asked, used) in [
        (StatisticsOf::Batch, StatisticsOf::Batch),
        (StatisticsOf::Running, StatisticsOf::ReEstimated),
    ] {
        let config =
            LandscapeConfig { points: 5, images: 100, statistics: asked, ..Default::default() };
        let found = between(&to, &config).unwrap().unwrap();
        assert_eq!((found.statistics, found.images), (used, 100));
        assert_eq!(found.line.at, [-0.25, 0.0, 0.25, 0.5, 0.75, 1.0, 1.25]);
        let losses = &found.line.losses;
        let by = LandscapeConfig { statistics: used, ..config };
        assert_eq!([losses[1], losses[5]], [at(&from, &by), at(&to, &by)], "{asked:?}");
        assert_ne!(losses[1], losses[5]);
        flatness::write_interpolation(folder.path(), &found).unwrap();
        assert_eq!(flatness::read_interpolation(folder.path()).unwrap().from, found.from);
    }

    let config = LandscapeConfig { points: 3, ..Default::default() };
    let narrow = ["train.epochs=1", "model={name=\"resnet-tiny\", widths=[4, 8]}"];
    let other = trained(&narrow, &folder.path().join("other"));
    let error = between(&other, &config).unwrap_err();
    assert!(matches!(error, Error::Incomparable { .. }), "{error}");
    assert!(error.to_string().contains("their networks are different"), "{error}");
    assert_eq!(error.exit_code(), 2);
    let mut elsewhere = to.clone();
    elsewhere.json.run.data.checksum = "another".into();
    let error = between(&elsewhere, &config).unwrap_err();
    assert!(error.to_string().contains("trained on different datasets"), "{error}");
}
