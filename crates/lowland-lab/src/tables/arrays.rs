//! Curves, spectra and surfaces as arrays that NumPy and PyTorch load.

use std::collections::HashMap;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde_json::json;

use crate::experiment::{Cell, ExperimentRecord};
use crate::flatness::{Flatness, Line};
use crate::metrics::EpochMetrics;
use crate::statistics::MeasuredRun;
use crate::{Error, Result};

/// What the arrays of a run are called, their axes, and what they hold.
const ARRAYS: [(&str, &str, &str); 21] = [
    ("train_loss", "[epochs]", "mean loss of the training batches"),
    ("train_acc", "[epochs]", "accuracy on the training batches, 0 to 1"),
    ("val_loss", "[epochs]", "mean cross-entropy on the validation images"),
    ("val_acc", "[epochs]", "accuracy on the validation images, 0 to 1"),
    ("test_loss", "[epochs]", "mean cross-entropy on the test images"),
    ("test_acc", "[epochs]", "accuracy on the test images, 0 to 1"),
    ("lr", "[epochs]", "learning rate of the last step"),
    ("deformation_slope", "[epochs]", "mean of f'(L)"),
    ("block_coefficients", "[epochs, blocks]", "what multistep blocks train of their schemes"),
    ("eigenvalues", "[k]", "largest eigenvalues of the Hessian, the largest first"),
    ("along_epoch", "[points]", "epochs whose largest eigenvalue was measured"),
    ("along_lr", "[points]", "learning rate of the last step of these"),
    ("along_eigenvalue", "[points]", "largest eigenvalue of the Hessian after these"),
    ("spectrum_at", "[points]", "eigenvalues"),
    ("spectrum_density", "[points]", "share of the Hessian's eigenvalues per unit, at each"),
    ("line_at", "[points]", "distances from the solution, in lengths of the filters"),
    ("line_loss", "[points]", "loss at each; NaN where it was not finite"),
    ("plane_a", "[points]", "distances along the first direction"),
    ("plane_b", "[points]", "distances along the second direction"),
    ("plane_loss", "[a, b]", "loss at each pair; NaN where it was not finite"),
    ("confidence_bins", "[bins, 3]", "images, mean confidence and accuracy of each bin"),
];

/// The arrays of one run, by name.
type Arrays = Vec<(&'static str, Vec<usize>, Vec<f64>)>;

/// A safetensors file with arrays `ARM/LEVEL/seed-SEED/NAME` of f64. Its metadata has one entry,
/// `lowland`, a JSON object with the experiment's name, and axes and content for each NAME.
///
/// # Errors
/// None: sizes and numbers of the arrays agree.
pub(super) fn of(record: &ExperimentRecord, runs: &[MeasuredRun]) -> Result<Vec<u8>> {
    let failed = |error| Error::Usage(format!("the measurements are no safetensors file: {error}"));
    let mut stored: Vec<(String, Vec<usize>, Vec<u8>)> = Vec::new();
    for run in runs {
        for (name, shape, numbers) in of_run(run) {
            let bytes = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
            stored.push((format!("{}/{name}", folder_of(&run.cell)), shape, bytes));
        }
    }
    let mut views = Vec::new();
    for (name, shape, bytes) in &stored {
        let view = TensorView::new(Dtype::F64, shape.clone(), bytes).map_err(failed)?;
        views.push((name.as_str(), view));
    }
    let arrays: serde_json::Map<String, serde_json::Value> = ARRAYS
        .iter()
        .map(|(name, axes, content)| {
            (name.to_string(), json!({ "axes": axes, "content": content }))
        })
        .collect();
    let about = json!({ "experiment": record.name, "arrays": arrays }).to_string();
    let metadata = HashMap::from([("lowland".to_string(), about)]);
    safetensors::serialize(views, Some(metadata)).map_err(failed)
}

/// The arrays of a file that [`of`] has made.
pub(super) struct StoredArrays<'a>(SafeTensors<'a>);

impl<'a> StoredArrays<'a> {
    /// The arrays in the bytes of a file, or what is wrong with it.
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, String> {
        SafeTensors::deserialize(bytes).map(StoredArrays).map_err(|error| error.to_string())
    }

    /// The numbers of an array of a run, or what is wrong with the file.
    pub(super) fn numbers(&self, cell: &Cell, name: &str) -> Result<Vec<f64>, String> {
        let name = format!("{}/{name}", folder_of(cell));
        let array = self.0.tensor(&name).map_err(|error| format!("`{name}`: {error}"))?;
        if array.dtype() != Dtype::F64 {
            return Err(format!("`{name}` is not of f64"));
        }
        let (numbers, _) = array.data().as_chunks::<8>();
        Ok(numbers.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect())
    }
}

fn folder_of(cell: &Cell) -> String {
    let levels: String = cell.levels.iter().map(|level| format!("/{level}")).collect();
    format!("{}{levels}/seed-{}", cell.arm, cell.seed)
}

fn of_run(run: &MeasuredRun) -> Arrays {
    let mut arrays = curves(&run.run.epochs);
    if let Some(calibration) = &run.run.json.calibration {
        let bins = calibration.bins.iter();
        let numbers = bins.flat_map(|bin| [bin.images as f64, bin.confidence, bin.accuracy]);
        let shape = vec![calibration.bins.len(), 3];
        arrays.push(("confidence_bins", shape, numbers.collect()));
    }
    if let Some(flatness) = &run.flatness {
        arrays.extend(of_flatness(flatness));
    }
    arrays
}

fn curves(epochs: &[EpochMetrics]) -> Arrays {
    let one = |name, value: fn(&EpochMetrics) -> Option<f64>| {
        let numbers: Option<Vec<f64>> = epochs.iter().map(value).collect();
        numbers.map(|numbers| vector(name, numbers))
    };
    let mut arrays: Arrays = [
        one("train_loss", |e| Some(e.train_loss)),
        one("train_acc", |e| Some(e.train_acc)),
        one("val_loss", |e| e.val_loss),
        one("val_acc", |e| e.val_acc),
        one("test_loss", |e| Some(e.test_loss)),
        one("test_acc", |e| Some(e.test_acc)),
        one("lr", |e| Some(e.lr)),
        one("deformation_slope", |e| e.deformation_slope),
    ]
    .into_iter()
    .flatten()
    .collect();
    let blocks: Option<Vec<&[f64]>> =
        epochs.iter().map(|e| e.block_coefficients.as_deref()).collect();
    if let Some(blocks) = blocks
        && let Some(first) = blocks.first()
        && blocks.iter().all(|epoch| epoch.len() == first.len())
    {
        arrays.push(("block_coefficients", vec![blocks.len(), first.len()], blocks.concat()));
    }
    arrays
}

fn of_flatness(flatness: &Flatness) -> Arrays {
    let mut arrays = Vec::new();
    if !flatness.eigenvalues.is_empty() {
        let values = flatness.eigenvalues.iter().map(|estimate| estimate.value);
        arrays.push(vector("eigenvalues", values.collect()));
    }
    if !flatness.along.is_empty() {
        let along = || flatness.along.iter();
        arrays.push(vector("along_epoch", along().map(|at| at.epoch as f64).collect()));
        arrays.push(vector("along_lr", along().map(|at| at.lr).collect()));
        let eigenvalues = along().map(|at| at.eigenvalue.value).collect();
        arrays.push(vector("along_eigenvalue", eigenvalues));
    }
    if let Some(spectrum) = &flatness.spectrum {
        arrays.push(vector("spectrum_at", spectrum.eigenvalues.clone()));
        arrays.push(vector("spectrum_density", spectrum.density.clone()));
    }
    if let Some(Line { at, losses }) = &flatness.line {
        arrays.push(vector("line_at", at.clone()));
        arrays.push(vector("line_loss", losses.iter().map(|loss| number(*loss)).collect()));
    }
    if let Some(plane) = &flatness.plane {
        arrays.push(vector("plane_a", plane.a.clone()));
        arrays.push(vector("plane_b", plane.b.clone()));
        let losses = plane.losses.iter().flatten().map(|loss| number(*loss)).collect();
        arrays.push(("plane_loss", vec![plane.a.len(), plane.b.len()], losses));
    }
    arrays
}

fn vector(name: &'static str, numbers: Vec<f64>) -> (&'static str, Vec<usize>, Vec<f64>) {
    (name, vec![numbers.len()], numbers)
}

fn number(loss: Option<f64>) -> f64 {
    loss.unwrap_or(f64::NAN)
}
