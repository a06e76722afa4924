//! An experiment of real runs, each a fraction of a second.
#![allow(dead_code)]

use std::fs;
use std::path::Path;

use lowland_lab::experiment::{ArmInfo, Cell, ExperimentRecord, FactorInfo, State};
use lowland_lab::flatness::{Estimate, Flatness, FlatnessConfig, Line, Plane, Spectrum};
use lowland_lab::machine::Machine;
use lowland_lab::{Change, ConfigFile, Options, Plan, Program, Record, Run, Stop};

/// SGD and Adam, each on digits without and with label noise, with three seeds; Adam has failed once.
/// Returns what `experiment.json` holds, which is written too, as is a made-up `flatness.json` of each
/// run of SGD.
pub fn run(folder: &Path) -> ExperimentRecord {
    let arms = [("sgd", "SGD"), ("adam", "Adam")];
    let mut cells = Vec::new();
    for (arm, _) in arms {
        for level in ["0.0", "0.2"] {
            for seed in [1, 2, 3] {
                cells.push(cell(folder, arm, level, seed));
            }
        }
    }
    let record = ExperimentRecord {
        name: "digits".into(),
        title: "Adam against SGD".into(),
        question: "Is Adam better than SGD?".into(),
        measure: "final_test_acc".into(),
        baseline: "sgd".into(),
        arms: arms.map(|(name, label)| ArmInfo { name: name.into(), label: label.into() }).into(),
        factors: vec![FactorInfo {
            name: "label noise".into(),
            key: "data.label_noise".into(),
            levels: vec!["0.0".into(), "0.2".into()],
        }],
        seeds: vec![1, 2, 3],
        cells,
        tuned: Vec::new(),
        changes: Vec::new(),
        command: "lowland experiment digits.toml".into(),
        program: Program::this(),
        machine: Machine::this(),
        started: "2026-01-01T00:00:00Z".into(),
        updated: "2026-01-01T00:01:00Z".into(),
    };
    let json = serde_json::to_string_pretty(&record).unwrap();
    fs::write(folder.join("experiment.json"), json).unwrap();
    fs::write(folder.join("experiment.toml"), "name = \"digits\"\n").unwrap();
    record
}

fn cell(folder: &Path, arm: &str, level: &str, seed: u64) -> Cell {
    let path = format!("runs/{arm}-{level}/seed-{seed}");
    let out = folder.join(&path);
    let fails = arm == "adam" && level == "0.2" && seed == 3;
    let optimizer = match arm {
        "sgd" => "optimizer={learning_rate=0.05, sgd={momentum=0.9}}",
        _ if fails => "optimizer={learning_rate=1e30, adam={}}",
        _ => "optimizer={learning_rate=0.01, adam={}}",
    };
    let sets = [
        format!("name={arm}"),
        format!("seed={seed}"),
        format!("data={{dataset='digits', subset=200, label_noise={level}}}"),
        "evaluate.input_noise=[{kind='normal', strength=0.2}]".into(),
        "model.name=resnet-tiny".into(),
        "train={epochs=2, batch_size=16}".into(),
        optimizer.into(),
    ];
    let file = ConfigFile::parse("test", "", &sets.map(Change::Set)).unwrap();
    let options = Options { threads: 1, workers: 0, ..Options::default() };
    let mut run = Run::new(Plan::new(file, Path::new("")).unwrap(), &options).unwrap();
    let mut record = Record::create(&out, &run).unwrap();
    let outcome = run.execute(&mut record, &mut (), &Stop::default());
    assert_eq!(outcome.is_err(), fails, "{outcome:?}");
    if arm == "sgd" {
        let json = serde_json::to_string_pretty(&flatness(seed)).unwrap();
        fs::write(out.join("flatness.json"), json).unwrap();
    }
    let state = if fails { State::Failed } else { State::Finished };
    Cell { arm: arm.into(), levels: vec![level.into()], seed, folder: path, state }
}

/// Numbers that a reader can tell apart.
fn flatness(seed: u64) -> Flatness {
    let at: Vec<f64> = vec![-1.0, 0.0, 1.0];
    let loss = |a: f64, b: f64| Some(seed as f64 + a * a + b * b / 2.0);
    let mut losses: Vec<Vec<Option<f64>>> =
        at.iter().map(|a| at.iter().map(|b| loss(*a, *b)).collect()).collect();
    losses[2][2] = None;
    Flatness {
        config: FlatnessConfig::default(),
        epoch: 2,
        images: 100,
        loss: seed as f64,
        eigenvalues: vec![Estimate { value: 10.0 + seed as f64, error: 0.125 }],
        trace: Some(Estimate { value: 100.0 + seed as f64, error: 1.5 }),
        spectrum: Some(Spectrum {
            eigenvalues: vec![-1.0, 0.0, 1.0, 2.0],
            density: vec![0.0, 0.75, 0.25, 0.0],
            sigma: 0.04,
        }),
        sharpness: Some(0.25 * seed as f64),
        along: Vec::new(),
        line: Some(Line { at: at.clone(), losses: at.iter().map(|a| loss(*a, 0.0)).collect() }),
        plane: Some(Plane { a: at.clone(), b: at, losses }),
        seconds: 0.5,
    }
}
