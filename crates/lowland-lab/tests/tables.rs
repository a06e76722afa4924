//! The tables of an experiment: what is in them, that everything follows from them, and that pandas,
//! NumPy and PyTorch read them.

#[path = "common/experiment.rs"]
mod experiment;
#[path = "common/python.rs"]
mod python;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use lowland_lab::experiment::ExperimentRecord;
use lowland_lab::flatness;
use lowland_lab::statistics::{self, Statistics};
use lowland_lab::tables::{self, Records};
use lowland_lab::{Error, PastRun};
use safetensors::SafeTensors;
use serde::Deserialize;

/// Prints what pandas and safetensors find, PyTorch's reader too where it is installed.
const READ: &str = r#"
import json, sys
import numpy, pandas
from safetensors import safe_open
from safetensors.numpy import load_file

folder = sys.argv[1]
csv = pandas.read_csv(f"{folder}/runs.csv")
records = pandas.read_json(f"{folder}/runs.json")
pandas.testing.assert_frame_equal(csv, records, check_dtype=False, rtol=1e-15)
epochs = pandas.read_csv(f"{folder}/epochs.csv")
arrays = load_file(f"{folder}/measurements.safetensors")
with safe_open(f"{folder}/measurements.safetensors", "np") as file:
    about = json.loads(file.metadata()["lowland"])
try:
    from safetensors.torch import load_file as load_torch
except ImportError:
    pass
else:
    tensors = load_torch(f"{folder}/measurements.safetensors")
    assert tensors.keys() == arrays.keys()
    for name, tensor in tensors.items():
        numpy.testing.assert_array_equal(tensor.numpy(), arrays[name])
last = epochs.groupby("run").last()
assert (csv.dropna().set_index("run").final_test_acc == last.test_acc[csv.dropna().run]).all()
json.dump({
    "columns": list(csv.columns),
    "rows": len(csv),
    "numbers": [str(csv[c].dtype) for c in ["data.label_noise", "seed", "final_test_acc"]],
    "finished": int(csv.final_test_acc.notna().sum()),
    "means": csv.groupby(["arm", "data.label_noise"]).final_test_acc.mean().to_list(),
    "epoch_columns": list(epochs.columns),
    "epochs": len(epochs),
    "arrays": {name: list(array.shape) for name, array in arrays.items()},
    "loss": arrays["sgd/0.2/seed-2/train_loss"].tolist(),
    "nan": int(numpy.isnan(arrays["sgd/0.0/seed-1/plane_loss"]).sum()),
    "experiment": about["experiment"],
}, sys.stdout)
"#;

#[derive(Deserialize)]
struct Found {
    columns: Vec<String>,
    rows: usize,
    numbers: [String; 3],
    finished: usize,
    means: Vec<f64>,
    epoch_columns: Vec<String>,
    epochs: usize,
    arrays: BTreeMap<String, Vec<usize>>,
    loss: Vec<f64>,
    nan: usize,
    experiment: String,
}

#[test]
fn an_experiment_can_be_recomputed_from_its_tables_and_read_by_others() {
    let folder = tempfile::tempdir().unwrap();
    let record = experiment::run(folder.path());
    let written = tables::write(folder.path()).unwrap();
    assert_eq!(written, folder.path().join("tables"));
    let statistics = statistics::of(&record, folder.path()).unwrap();
    everything_follows_from_the_tables(&written, folder.path(), &statistics);
    arrays_are_those_of_the_runs(&written, folder.path());
    markdown_has_a_row_an_arm(&written, &statistics);
    the_folder_is_small(&written);
    if let Some(found) = read(&written) {
        pandas_and_safetensors_agree(&found, &statistics, folder.path());
    }
    // Tables are written anew in place.
    let before = fs::read(written.join("measurements.safetensors")).unwrap();
    tables::write(folder.path()).unwrap();
    assert_eq!(before, fs::read(written.join("measurements.safetensors")).unwrap());
    let path = written.join("records.json");
    fs::write(&path, fs::read_to_string(&path).unwrap().replace("\"cell\"", "\"sell\"")).unwrap();
    let error = Records::read(&written).unwrap_err();
    assert!(matches!(error, Error::Damaged { .. }) && error.to_string().contains("records.json"));
}

fn everything_follows_from_the_tables(tables: &Path, folder: &Path, statistics: &Statistics) {
    let json = |path: &Path| fs::read_to_string(path).unwrap();
    let record: ExperimentRecord =
        serde_json::from_str(&json(&tables.join("experiment.json"))).unwrap();
    let records = Records::read(tables).unwrap();
    assert_eq!((records.runs.len(), records.interpolation.is_none()), (11, true));
    let runs = records.into_runs(folder);
    let again = PastRun::read(&folder.join("runs/adam-0.2/seed-1")).unwrap();
    let kept = runs.iter().find(|run| run.run.folder == again.folder).unwrap();
    assert_eq!((&kept.run.config, &kept.run.json), (&again.config, &again.json));
    assert_eq!(kept.run.epochs, again.epochs);
    for run in runs.iter().filter(|run| run.cell.arm == "sgd") {
        assert_eq!(run.flatness, Some(flatness::read(&run.run.folder).unwrap()));
    }
    assert_eq!(&statistics::of_runs(&record, &runs), statistics);
    let copy: Statistics = serde_json::from_str(&json(&tables.join("statistics.json"))).unwrap();
    assert_eq!(&copy, statistics);
    for name in ["experiment.toml", "experiment.json"] {
        assert_eq!(json(&tables.join(name)), json(&folder.join(name)));
    }
}

fn arrays_are_those_of_the_runs(tables: &Path, folder: &Path) {
    let bytes = fs::read(tables.join("measurements.safetensors")).unwrap();
    let arrays = SafeTensors::deserialize(&bytes).unwrap();
    let numbers = |name: &str| -> Vec<f64> {
        let array = arrays.tensor(name).unwrap();
        let number = |bytes: &[u8]| f64::from_le_bytes(bytes.try_into().unwrap());
        array.data().chunks_exact(8).map(number).collect()
    };
    let run = PastRun::read(&folder.join("runs/sgd-0.0/seed-3")).unwrap();
    let losses: Vec<f64> = run.epochs.iter().map(|epoch| epoch.test_loss).collect();
    assert_eq!(numbers("sgd/0.0/seed-3/test_loss"), losses);
    let plane = numbers("sgd/0.0/seed-3/plane_loss");
    assert_eq!(plane[..8], [4.5, 4.0, 4.5, 3.5, 3.0, 3.5, 4.5, 4.0]);
    assert!(plane[8].is_nan());
    assert_eq!(numbers("sgd/0.0/seed-3/spectrum_density"), [0.0, 0.75, 0.25, 0.0]);
    assert_eq!(numbers("sgd/0.0/seed-3/eigenvalues"), [13.0]);
    assert_eq!(numbers("sgd/0.0/seed-3/line_loss"), [4.0, 3.0, 4.0]);
    let bins = numbers("adam/0.0/seed-1/confidence_bins");
    assert_eq!(bins.chunks(3).map(|bin| bin[0]).sum::<f64>(), 360.0, "the test images");
    assert!(arrays.tensor("adam/0.0/seed-1/plane_loss").is_err());
    assert!(arrays.tensor("adam/0.2/seed-3/train_loss").is_err(), "that run failed");

    let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
    let about: serde_json::Value =
        serde_json::from_str(&metadata.metadata().as_ref().unwrap()["lowland"]).unwrap();
    for name in arrays.names() {
        let (_, last) = name.rsplit_once('/').unwrap();
        assert!(about["arrays"][last]["axes"].is_string(), "{name} is described");
    }
}

fn markdown_has_a_row_an_arm(tables: &Path, statistics: &Statistics) {
    let text = fs::read_to_string(tables.join("results.md")).unwrap();
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("| 0.")).collect();
    assert_eq!(rows.len(), statistics.rows.len());
    assert!(text.contains(&format!("**{}**", statistics.verdict.headline)), "{text}");
    let heading = "| label noise | arm | final test accuracy | n | difference | p | corrected p |\n\
                   | --- | --- | ---: | ---: | ---: | ---: | ---: |\n| 0.0 | SGD | ";
    assert!(text.contains(heading), "{text}");
    let row = statistics.rows.iter().find(|row| row.arm == "adam").unwrap();
    let mean = format!("| 0.0 | Adam | {:.2} ± ", 100.0 * row.summary.mean);
    let difference = format!(" points [{:+.2}, ", 100.0 * row.difference.unwrap().low);
    let line = rows.iter().find(|line| line.contains("| Adam |")).unwrap();
    assert!(line.starts_with(&mean) && line.contains(&difference), "{line}");
    for measure in &statistics.measures {
        assert!(text.contains(&format!("\n## {}\n", measure.title)), "{}", measure.title);
    }
}

/// 20 runs must fit into 300 KB.
fn the_folder_is_small(tables: &Path) {
    let entries = fs::read_dir(tables).unwrap().map(|entry| entry.unwrap());
    let bytes: u64 = entries.map(|entry| entry.metadata().unwrap().len()).sum();
    assert!(bytes < 12 * 15_000, "{bytes} bytes of 12 runs");
}

fn read(tables: &Path) -> Option<Found> {
    let modules = ["numpy", "pandas", "safetensors"];
    let text = python::run(READ, &modules, &[tables.to_str().unwrap()], "")?;
    Some(serde_json::from_str(&text).unwrap())
}

fn pandas_and_safetensors_agree(found: &Found, statistics: &Statistics, folder: &Path) {
    let mut columns = vec!["run", "arm", "data.label_noise", "seed", "state"];
    columns.extend(statistics.measures.iter().map(|measure| measure.key.as_str()));
    assert_eq!(found.columns, columns);
    assert_eq!((found.rows, found.finished), (12, 11));
    assert_eq!(found.numbers, ["float64", "int64", "float64"]);
    let means: Vec<f64> = [("adam", "0.0"), ("adam", "0.2"), ("sgd", "0.0"), ("sgd", "0.2")]
        .map(|(arm, level)| {
            let rows = &statistics.rows;
            let row = rows.iter().find(|row| row.arm == arm && row.levels == [level]);
            row.unwrap().summary.mean
        })
        .into();
    for (found, want) in found.means.iter().zip(&means) {
        assert!((found - want).abs() < 1e-12, "{found} instead of {want}");
    }
    let columns = [
        "run",
        "arm",
        "data.label_noise",
        "seed",
        "epoch",
        "train_loss",
        "train_acc",
        "val_loss",
        "val_acc",
        "test_loss",
        "test_acc",
        "lr",
        "images_per_s",
        "seconds",
    ];
    assert_eq!(found.epoch_columns, columns);
    assert_eq!(found.epochs, 22);
    assert_eq!(found.arrays["sgd/0.0/seed-1/plane_loss"], [3, 3]);
    assert_eq!(found.arrays["adam/0.2/seed-1/confidence_bins"], [15, 3]);
    assert_eq!(found.nan, 1);
    let run = PastRun::read(&folder.join("runs/sgd-0.2/seed-2")).unwrap();
    assert_eq!(found.loss, run.epochs.iter().map(|epoch| epoch.train_loss).collect::<Vec<_>>());
    assert_eq!(found.experiment, "digits");
}
