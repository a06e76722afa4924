//! `experiment`: runs all runs of an experiment's file, or goes on with them.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use lowland_lab::console::{Align, Console, Table, counted, duration, grouped};
use lowland_lab::experiment::{self, ExperimentFile, Settings};
use lowland_lab::{Result, device};
use serde_json::json;

use crate::args::{examples, typed};
use crate::{INTERRUPTED, signals};

/// Run an experiment: arms that are compared, each with every seed.
///
/// The file says what is compared, what is searched for each arm on the validation images, and what is
/// measured of the trained networks. The directory holds a run directory for each run. Started again,
/// the same command goes on where it was stopped or killed. Results do not depend on how many runs are
/// made at once.
#[derive(Debug, Args)]
#[command(after_help = examples(&[
    "experiment my.toml",
    "experiment my.toml --dry-run",
    "experiment my.toml --max-hours 8",
    "experiment my.toml --subset 1000 --out runs/quick",
]))]
pub struct Experiment {
    /// The experiment's file.
    pub file: PathBuf,
    /// The directory of the experiment; it may be one that is begun [default: runs/NAME].
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Stop after so many hours; the same command goes on where it stopped.
    #[arg(long, value_name = "HOURS")]
    pub max_hours: Option<f64>,
    /// Draw the images of every run from so many, whatever the file says.
    #[arg(long, value_name = "IMAGES")]
    pub subset: Option<usize>,
    #[command(flatten)]
    pub machine: Machine,
    /// Where datasets are looked for by name.
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub data_dir: PathBuf,
    /// Run nothing: print the runs, how large they are, and how long they would take by a few steps.
    #[arg(long)]
    pub dry_run: bool,
    /// Print a JSON object a run and one for the result; text for people goes to standard error.
    #[arg(long)]
    pub json: bool,
}

/// How the machine is used. Results do not depend on it.
#[derive(Debug, Args)]
pub struct Machine {
    /// Runs at once [default: one a core; on a GPU one].
    #[arg(long)]
    pub jobs: Option<usize>,
    /// Threads of each run [default: the cores are shared out].
    #[arg(long)]
    pub threads: Option<usize>,
    /// The device: cpu, or cuda:N for an NVIDIA GPU, counted from 0.
    #[arg(long, default_value = "cpu", value_parser = device::check_name)]
    pub device: String,
}

impl Machine {
    /// Settings of this machine, all others being the defaults.
    pub fn settings(&self) -> Settings {
        let Machine { jobs, threads, device } = self;
        let (jobs, threads, device) = (*jobs, *threads, device.clone());
        Settings { device, jobs, threads, ..Settings::default() }
    }
}

pub fn experiment(arguments: &Experiment) -> Result<ExitCode> {
    let console = Console::new(arguments.json);
    let file = ExperimentFile::read(&arguments.file)?;
    let default = || PathBuf::from("runs").join(file.name());
    let settings = Settings {
        folder: arguments.out.clone().unwrap_or_else(default),
        data_folder: arguments.data_dir.clone(),
        max_hours: arguments.max_hours,
        subset: arguments.subset,
        command: typed(),
        ..arguments.machine.settings()
    };
    if arguments.dry_run {
        return dry_run(&file, &settings, console);
    }
    conduct(&file, &settings, console)
}

/// Runs an experiment, and says how far it is.
pub fn conduct(file: &ExperimentFile, settings: &Settings, console: Console) -> Result<ExitCode> {
    let stop = signals::stop_on_signal(console)?;
    let began = std::time::Instant::now();
    let summary = experiment::run(file, settings, console, &stop)?;
    let took = duration(began.elapsed().as_secs_f64());
    let folder = settings.folder.display();
    let failed = match summary.failed {
        0 => String::new(),
        failed => format!(", {failed} failed"),
    };
    let done = counted(summary.finished, "run is", "runs are");
    console.say(&format!("{done} finished{failed}. Took {took}. Recorded in {folder}"));
    if summary.left > 0 {
        let left = counted(summary.left, "run is", "runs are");
        console.say(&format!("{left} left. To go on: {}", settings.command));
    }
    let mut result = json!(summary);
    result["event"] = json!("result");
    result["folder"] = json!(settings.folder);
    console.emit(&result);
    Ok(if summary.interrupted { ExitCode::from(INTERRUPTED) } else { ExitCode::SUCCESS })
}

fn dry_run(file: &ExperimentFile, settings: &Settings, console: Console) -> Result<ExitCode> {
    let overview = experiment::overview(file, settings)?;
    console.emit(&overview);
    if console.is_json() {
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = Table::new(&[
        ("folder", Align::Left),
        ("runs", Align::Right),
        ("epochs", Align::Right),
        ("training images", Align::Right),
        ("multiply-adds an image", Align::Right),
        ("training of one", Align::Right),
    ]);
    for part in &overview.parts {
        table.row([
            part.folder.clone(),
            part.runs.to_string(),
            part.epochs.to_string(),
            grouped(part.train_images),
            format!("{:.1} million", part.multiply_adds as f64 / 1e6),
            duration(part.seconds),
        ]);
    }
    console.say(&format!("{table}"));
    let runs: usize = overview.parts.iter().map(|part| part.runs).sum();
    console.say(&format!(
        "{}, {} at once with {} each: about {} of training, judged by a few steps of each",
        counted(runs, "run", "runs"),
        overview.jobs,
        counted(overview.threads, "thread", "threads"),
        duration(overview.seconds)
    ));
    Ok(ExitCode::SUCCESS)
}
