//! The arguments of the program.

use std::path::PathBuf;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use lowland_lab::machine::logical_cores;
use lowland_lab::{Change, Options, device};

use crate::demo::Demo;
use crate::evaluate::Evaluate;
use crate::experiment::Experiment;
use crate::figures::Figures;
use crate::flatness::FlatnessOf;
use crate::lr_range::LrRange;
use crate::methods::Methods;
use crate::report::Report;
use crate::runs::Runs;
use crate::soak::Soak;
use crate::tables::Tables;
use crate::verify::Verify;
use crate::weights::Weights;
use crate::zero_stability::ZeroStability;

/// Trains image classifiers on an engine of its own, and records what it does.
#[derive(Debug, Parser)]
#[command(name = "lowland", version, max_term_width = 100)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Train(Train),
    Evaluate(Evaluate),
    Experiment(Experiment),
    Runs(Runs),
    Demo(Demo),
    Data(Data),
    Bench(Bench),
    Figures(Figures),
    #[command(name = "flatness")]
    Flatness(FlatnessOf),
    LrRange(LrRange),
    Methods(Methods),
    Report(Report),
    Soak(Soak),
    Tables(Tables),
    Verify(Verify),
    Weights(Weights),
    ZeroStability(ZeroStability),
}

/// Make the run of a TOML file and record it in a directory of its own.
///
/// The directory holds the whole config, metrics.jsonl with a line an epoch, run.json, a picture of
/// the curves, the weights as safetensors, and checkpoints. Ctrl-C stops after the step and saves what
/// was done; a second Ctrl-C stops at once. However a run has ended, --resume goes on with it, and it
/// comes to the same bits as if it had not been interrupted.
#[derive(Debug, Args)]
#[command(after_help = examples(&[
    "train docs/experiments/digits.toml",
    "train docs/experiments/cifar10-resnet20.toml --set train.epochs=3 --set seed=2",
    "train my.toml --out runs/first --json > epochs.jsonl",
    "train my.toml --set optimizer='{learning_rate=1e-3, adam={}}'",
    "train docs/experiments/all-methods.toml --unset deformation --unset optimizer.activation",
    "train --resume runs/first",
    "train my.toml --resume runs/first   # begins, or goes on where it was killed",
]))]
pub struct Train {
    /// The run's file, such as docs/experiments/digits.toml; with --resume it may be left out.
    #[arg(required_unless_present = "resume")]
    pub config: Option<PathBuf>,
    /// Put a value over one of the file; dotted key, value as in TOML, bare words are texts.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub sets: Vec<String>,
    /// Take a value or a whole table out of the file, before anything is set; dotted key.
    #[arg(long = "unset", value_name = "KEY")]
    pub unsets: Vec<String>,
    /// The run directory, which must not exist or be empty [default: runs/NAME-seedSEED-TIME].
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Go on with the run of this directory from its newest checkpoint; where it has none, or there is no
    /// such directory yet, the run begins.
    #[arg(long, value_name = "DIR", conflicts_with = "out")]
    pub resume: Option<PathBuf>,
    /// Where datasets are looked for by name.
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub data_dir: PathBuf,
    #[command(flatten)]
    pub machine: Machine,
    /// Print a JSON object an epoch and one for the result; text for people goes to standard error.
    #[arg(long)]
    pub json: bool,
}

impl Train {
    /// The changes of the file, in the order they are made in.
    pub fn changes(&self) -> Vec<Change> {
        let unsets = self.unsets.iter().cloned().map(Change::Unset);
        unsets.chain(self.sets.iter().cloned().map(Change::Set)).collect()
    }
}

/// List, import and describe datasets.
#[derive(Debug, Args)]
#[command(after_help = examples(&[
    "data list",
    "data import cifar10 --from cifar-10-binary.tar.gz --to data/cifar10",
    "data info cifar10",
]))]
pub struct Data {
    #[command(subcommand)]
    pub command: DataCommand,
}

#[derive(Debug, Subcommand)]
pub enum DataCommand {
    List(DataList),
    Import(DataImport),
    Info(DataInfo),
}

/// List the datasets that experiments can name.
#[derive(Debug, Args)]
#[command(after_help = examples(&["data list", "data list --data-dir /mnt/data --json"]))]
pub struct DataList {
    /// Where datasets are looked for by name.
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub data_dir: PathBuf,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Import a folder or archive of images into one packed file with checksums.
///
/// It may be the binary version of CIFAR-10 or CIFAR-100, or JPEG or PNG images of one size as
/// train/CLASS/* and test/CLASS/*; a folder, .tar, .tar.gz or .tar.xz. Nothing is written unless
/// all of it can be read.
#[derive(Debug, Args)]
#[command(after_help = examples(&[
    "data import cifar10 --from cifar-10-binary.tar.gz --to data/cifar10",
    "data import flowers --from ~/flowers.tar.xz --to data/flowers",
]))]
pub struct DataImport {
    /// What experiments will call it: lower-case letters, digits, `-` and `_`.
    pub name: String,
    /// The folder or archive.
    #[arg(long, value_name = "PATH")]
    pub from: PathBuf,
    /// The folder that the packed file is put into; DATA_DIR/NAME is where it is looked for.
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// Use the 20 superclasses of CIFAR-100.
    #[arg(long)]
    pub coarse_labels: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Describe a dataset: sizes, classes, statistics, checksums.
#[derive(Debug, Args)]
#[command(after_help = examples(&["data info digits", "data info data/cifar10 --json"]))]
pub struct DataInfo {
    /// Its name, or the path of its packed file.
    pub dataset: String,
    /// Where datasets are looked for by name.
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub data_dir: PathBuf,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Time training and inference steps on synthetic images, or compare them with PyTorch.
///
/// `--against pytorch` does the same work here and there, step by step in turn, with the Python that
/// the environment variable PYTHON names, and prints how many times as fast Lowland is: the median
/// over pairs of steps, and the range from 5 % to 95 % of them.
#[derive(Debug, Args)]
#[command(after_help = examples(&[
    "bench",
    "bench --against pytorch",
    "bench --against pytorch --only resnet-20 --threads 1",
    "bench --model resnet18 --batch 32 --threads 1 --iterations 5 --json",
]))]
pub struct Bench {
    /// The network.
    #[arg(long, default_value = "resnet20")]
    pub model: String,
    /// Compare networks and optimizers with another framework.
    #[arg(long, value_parser = ["pytorch"], conflicts_with_all = ["model", "warmup"])]
    pub against: Option<String>,
    /// Of the comparisons, those that have this in their name.
    #[arg(long, value_name = "TEXT", default_value = "", requires = "against")]
    pub only: String,
    /// Images a step.
    #[arg(long, default_value_t = 128)]
    pub batch: usize,
    /// Steps that are timed, of training and of inference each.
    #[arg(long, default_value_t = 20)]
    pub iterations: usize,
    /// Steps of each before these.
    #[arg(long, default_value_t = 3)]
    pub warmup: usize,
    #[command(flatten)]
    pub device: Device,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// What computes. Results do not depend on the number of threads.
#[derive(Debug, Args)]
pub struct Device {
    /// The device: cpu, or cuda:N for an NVIDIA GPU, counted from 0.
    #[arg(long, default_value = "cpu", value_parser = device::check_name)]
    pub device: String,
    /// Threads to compute on [default: one a core].
    #[arg(long)]
    pub threads: Option<usize>,
}

impl Device {
    pub fn threads(&self) -> usize {
        self.threads.unwrap_or_else(logical_cores)
    }
}

/// How the machine is used. Results do not depend on it.
#[derive(Debug, Args)]
pub struct Machine {
    #[command(flatten)]
    pub device: Device,
    /// Threads that prepare batches in the background; 0 prepares them in between.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(..=256))]
    pub workers: u16,
}

impl Machine {
    pub fn options(&self) -> Options {
        Options {
            device: self.device.device.clone(),
            threads: self.device.threads(),
            workers: usize::from(self.workers),
        }
    }
}

/// What a person types to get here, where another program passes its arguments on.
pub fn called_as() -> String {
    std::env::var("LOWLAND_CALLED_AS").unwrap_or_else(|_| "lowland".into())
}

/// The command that was typed, as a shell takes it.
pub fn typed() -> String {
    let arguments = std::env::args_os().skip(1).map(|a| quoted(&a.to_string_lossy()));
    let words: Vec<String> = std::iter::once(called_as()).chain(arguments).collect();
    words.join(" ")
}

/// A word for a shell, in quotes where it needs some.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_string();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

pub fn examples(lines: &[&str]) -> String {
    let program = called_as();
    let lines: String = lines.iter().map(|line| format!("\n  {program} {line}")).collect();
    format!("Examples:{lines}")
}

/// Parses the arguments; wrong ones end the program with exit code 2.
pub fn parse() -> Arguments {
    let command = Arguments::command().bin_name(called_as());
    let matches = command.get_matches();
    Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}
