//! Mistakes of the program: wherever a thread panics, the run ends with an error and nothing hangs.

mod common;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use common::{SMALL, run_json};
use lowland_core::stage::{Block, Scalars};
use lowland_core::{Clock, DType, Real, Stage};
use lowland_cpu::Cpu;
use lowland_lab::{
    ConfigFile, Error, Groups, Images, Observer, Options, Plan, Position, Record, Run, Stop,
    Trainer, caught,
};
use lowland_models::ModelConfig;
use lowland_optim::Update;
use lowland_tensor::Device;

/// An observer that cannot bear the fifth step.
struct Fifth;

impl Observer for Fifth {
    fn stepped(&mut self, at: &Position) {
        assert!(at.batch < 5, "five is too many");
    }
}

#[test]
fn a_panic_in_a_run_ends_it_with_an_error_that_is_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let file = ConfigFile::parse("small.toml", SMALL, &[]).unwrap();
    let plan = Plan::new(file, Path::new("no-such-folder")).unwrap();
    let mut run = Run::new(plan, &Options { threads: 2, ..Options::default() }).unwrap();
    let mut record = Record::create(folder.path(), &run).unwrap();
    let error = run.execute(&mut record, &mut Fifth, &Stop::default()).unwrap_err();
    assert!(matches!(&error, Error::Panic(message) if message == "five is too many"), "{error}");
    assert_eq!(error.exit_code(), 1);
    let json = run_json(folder.path());
    assert_eq!((&json["status"], &json["diverged"]), (&"failed".into(), &false.into()));
    assert_eq!(json["reason"], error.to_string());
}

/// A stage that panics while it is told to, on whichever thread has its turn.
#[derive(Clone, Debug)]
struct Faulty(Arc<AtomicBool>);

impl Stage for Faulty {
    fn name(&self) -> &'static str {
        "faulty"
    }

    fn apply_block<T: Real>(&self, _: Scalars<'_>, _: Block<'_, T>) {
        assert!(!self.0.load(Ordering::SeqCst), "a faulty stage");
    }
}

#[test]
fn a_panic_on_a_thread_of_the_device_reaches_the_caller_and_the_device_goes_on() {
    for threads in [1, 2, 4] {
        let device: Device = Arc::new(Cpu::new(threads));
        let config = ModelConfig::named("resnet-tiny");
        let model = config.build([8, 8, 1], 10, &device, DType::F32, 5).unwrap();
        let faulty = Faulty(Arc::new(AtomicBool::new(true)));
        let update = Update::from(lowland_core::Chain::new().then(faulty.clone()));
        let mut trainer = Trainer::new(model, Groups::One(update), 0.0).unwrap();
        let pixels = [0.5; 4 * 64];
        let batch = Images { shape: [4, 8, 8, 1], pixels: &pixels, labels: &[0, 1, 2, 3] };
        let mut step = || caught(|| trainer.step(&batch, &Clock::at_step(1, 0.1)));
        let error = step().unwrap_err();
        assert!(matches!(&error, Error::Panic(message) if message == "a faulty stage"), "{error}");
        faulty.0.store(false, Ordering::SeqCst);
        assert_eq!(step().unwrap().fault, None);
    }
}
