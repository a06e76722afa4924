//! A whole experiment on a GPU; skipped, with the reason, where there is none.

mod common;

use std::path::Path;

use common::{SMALL, metrics, run_json};
use lowland_lab::{ConfigFile, Options, Plan, Record, Run, Stop, device};

/// Whether there is a GPU; says so where not. `LOWLAND_REQUIRE_CUDA=1` demands one.
fn there_is_a_gpu() -> bool {
    let opened = device::open("cuda:0", 1);
    if let Err(reason) = &opened {
        println!("SKIP: {reason}");
        let required = std::env::var("LOWLAND_REQUIRE_CUDA").is_ok_and(|value| value == "1");
        assert!(!required, "LOWLAND_REQUIRE_CUDA is set, and {reason}");
    }
    opened.is_ok()
}

/// Trains the small network; gives the lines of its metrics.
fn train(device: &str, folder: &Path) -> Vec<serde_json::Value> {
    let plan = ConfigFile::parse("small.toml", SMALL, &[]).unwrap();
    let plan = Plan::new(plan, Path::new("no-such-folder")).unwrap();
    let options = Options { device: device.into(), threads: 2, workers: 1 };
    let mut run = Run::new(plan, &options).unwrap();
    let mut record = Record::create(folder, &run).unwrap();
    run.execute(&mut record, &mut (), &Stop::default()).unwrap();
    metrics(folder)
}

#[test]
fn a_gpu_trains_as_the_cpu_does_and_repeats_its_bits() {
    if !there_is_a_gpu() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (gpu, again) = (train("cuda:0", &at("gpu")), train("cuda:0", &at("again")));
    assert_eq!(gpu, again, "the same seed gave other numbers");
    let weights = |name: &str| std::fs::read(at(name).join("weights.safetensors")).unwrap();
    assert!(weights("gpu") == weights("again"), "the same seed gave other weights");
    let cpu = train("cpu", &at("cpu"));
    for (gpu, cpu) in gpu.iter().zip(&cpu) {
        let loss = |line: &serde_json::Value| line["train_loss"].as_f64().unwrap();
        let (gpu, cpu) = (loss(gpu), loss(cpu));
        assert!((gpu - cpu).abs() < 0.05 * cpu, "training loss {gpu} on the GPU, {cpu} on the CPU");
    }
    let json = run_json(&at("gpu"));
    assert_eq!(json["run"]["device"], "cuda:0");
    assert!(json["run"]["instruction_set"].as_str().unwrap().starts_with("sm_"), "{json}");
}
