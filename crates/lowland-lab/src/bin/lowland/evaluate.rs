//! `evaluate`: scores a network on the test images, without training.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use lowland_lab::console::{Console, counted, percent};
use lowland_lab::output::write_whole;
use lowland_lab::{Change, Error, PastRun, Plan, Result, Run};
use serde_json::json;

use crate::args::{Machine, examples};

/// Score a run's network, or weights of another program, on the test images.
///
/// The weights may have the names of torchvision, of PyTorch's ResNets for CIFAR, or of the authors of
/// ZeroSNet. --logits writes what another program's logits can be compared with: the first test images
/// `[N, C, H, W]`, normalised, their labels and their logits `[N, classes]`.
#[derive(Debug, Args)]
#[command(after_help = examples(&[
    "evaluate runs/first",
    "evaluate my.toml --weights resnet20.safetensors",
    "evaluate my.toml --weights resnet20.safetensors --logits logits.safetensors --first 64",
]))]
pub struct Evaluate {
    /// A run directory, or the file of a run.
    pub run: PathBuf,
    /// The weights, as safetensors [default: those that a run directory ended with, or its file begins with].
    #[arg(long, value_name = "FILE")]
    pub weights: Option<PathBuf>,
    /// Put a value over one of the file; dotted key, value as in TOML, bare words are texts.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub sets: Vec<String>,
    /// Write images, labels and logits of the first test images as safetensors.
    #[arg(long, value_name = "FILE")]
    pub logits: Option<PathBuf>,
    /// How many of them.
    #[arg(long, value_name = "IMAGES", default_value_t = 256, requires = "logits")]
    pub first: usize,
    /// Where datasets are looked for by name.
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub data_dir: PathBuf,
    #[command(flatten)]
    pub machine: Machine,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

pub fn evaluate(arguments: &Evaluate) -> Result<ExitCode> {
    let console = Console::new(arguments.json);
    let mut changes: Vec<Change> = arguments.sets.iter().cloned().map(Change::Set).collect();
    let (config, own) = if arguments.run.is_dir() {
        // Read as a whole, so that what is damaged is told.
        let run = PastRun::read(&arguments.run)?;
        let weights = Path::new("weights.safetensors");
        run.file(weights)?;
        (arguments.run.join("config.toml"), Some(arguments.run.join(weights)))
    } else {
        (arguments.run.clone(), None)
    };
    if let Some(weights) = arguments.weights.clone().or(own) {
        let path = toml::Value::from(weights.to_string_lossy().into_owned());
        changes.push(Change::Set(format!("train.initial_weights={path}")));
    }
    let plan = Plan::read(&config, &changes, &arguments.data_dir)?;
    if plan.config().train.initial_weights.is_none() {
        let file = config.display();
        return Err(Error::Usage(format!(
            "`{file}` is of a run without weights; name some with --weights, or a run directory"
        )));
    }
    let mut run = Run::new(plan, &arguments.machine.options())?;
    let (evaluation, logits) = run.test(arguments.first)?;
    if let Some(path) = &arguments.logits {
        write_whole(path, &logits.to_safetensors()?)?;
    }
    let images = counted(evaluation.images, "test image", "test images");
    let (accuracy, loss) = (percent(evaluation.accuracy), evaluation.loss);
    console.say(&format!("accuracy {accuracy}, cross-entropy {loss:.4} on {images}"));
    if let Some(path) = &arguments.logits {
        console.say(&format!("logits: {}", path.display()));
    }
    let mut result = json!(evaluation);
    result["event"] = json!("result");
    result["initial_weights"] = json!(run.info().model.initial_weights);
    result["logits"] = json!(arguments.logits);
    console.emit(&result);
    Ok(ExitCode::SUCCESS)
}
