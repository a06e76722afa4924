//! `runs`: lists, shows, compares and exports what has been run.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use lowland_lab::console::{Align, Console, Table, duration, percent, results_table};
use lowland_lab::output::write_whole;
use lowland_lab::registry::{self, Filter, Found, Row, status_of};
use lowland_lab::{Ended, Error, PastRun, Result};
use serde_json::{Value, json};

use crate::args::examples;

/// List, show, compare and export the runs below a folder.
#[derive(Debug, Args)]
#[command(after_help = examples(&[
    "runs list",
    "runs list runs/miadam-cpu --where optimizer.learning_rate=0.003",
    "runs compare runs/a runs/b",
    "runs export --csv --out runs.csv",
]))]
pub struct Runs {
    #[command(subcommand)]
    pub command: RunsCommand,
}

#[derive(Debug, Subcommand)]
pub enum RunsCommand {
    List(List),
    Show(Show),
    Compare(Compare),
    Export(Export),
}

/// Which runs are meant.
#[derive(Debug, Args)]
pub struct Chosen {
    /// The folder; runs inside experiments are found too.
    #[arg(default_value = "runs")]
    pub folder: PathBuf,
    /// Only those with this status.
    #[arg(long, value_parser = ["finished", "failed", "interrupted", "running", "damaged"])]
    pub status: Option<String>,
    /// Only those with this value in their config; dotted key; may be given several times.
    #[arg(long = "where", value_name = "KEY=VALUE")]
    pub fields: Vec<String>,
}

impl Chosen {
    fn runs(&self) -> Result<Vec<Found>> {
        let filter = Filter::new(self.status.as_deref(), &self.fields)?;
        filter.choose(registry::find(&self.folder)?)
    }
}

/// List the runs below a folder.
#[derive(Debug, Args)]
#[command(after_help = examples(&[
    "runs list",
    "runs list runs/miadam-cpu --status finished --where seed=1",
    "runs list --json",
]))]
pub struct List {
    #[command(flatten)]
    pub chosen: Chosen,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Show one run: how it ended, its results, its whole config.
#[derive(Debug, Args)]
#[command(after_help = examples(&["runs show runs/first", "runs show runs/first --json"]))]
pub struct Show {
    /// The run directory.
    pub run: PathBuf,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Compare runs: the fields of the config that differ, and the results side by side.
#[derive(Debug, Args)]
#[command(after_help = examples(&["runs compare runs/a runs/b", "runs compare runs/*/seed-1 --json"]))]
pub struct Compare {
    /// The run directories, two or more.
    #[arg(required = true, num_args = 2..)]
    pub runs: Vec<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Write a row a run, with every field of its config and its results, as CSV or JSON.
#[derive(Debug, Args)]
#[command(after_help = examples(&[
    "runs export --csv --out runs.csv",
    "runs export runs/miadam-cpu --json --status finished",
]))]
pub struct Export {
    #[command(flatten)]
    pub chosen: Chosen,
    /// Write a JSON array of objects.
    #[arg(long, conflicts_with = "csv", required_unless_present = "csv")]
    pub json: bool,
    /// Write comma-separated values with a heading.
    #[arg(long)]
    pub csv: bool,
    /// The file [default: standard output].
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

pub fn runs(arguments: &Runs) -> Result<ExitCode> {
    match &arguments.command {
        RunsCommand::List(arguments) => list(arguments)?,
        RunsCommand::Show(arguments) => show(arguments)?,
        RunsCommand::Compare(arguments) => compare(arguments)?,
        RunsCommand::Export(arguments) => export(arguments)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn list(arguments: &List) -> Result<()> {
    let console = Console::new(arguments.json);
    let runs = arguments.chosen.runs()?;
    console.emit(&runs.iter().map(listed).collect::<Vec<Value>>());
    if console.is_json() {
        return Ok(());
    }
    let mut table = Table::new(&[
        ("name", Align::Left),
        ("seed", Align::Right),
        ("status", Align::Left),
        ("epochs", Align::Right),
        ("final test", Align::Right),
        ("validation-selected test", Align::Right),
        ("folder", Align::Left),
    ]);
    for found in &runs {
        let object = listed(found);
        let text = |key: &str| match &object[key] {
            Value::Null => "-".to_string(),
            Value::String(text) => text.clone(),
            value => value.to_string(),
        };
        let accuracy = |key: &str| object[key].as_f64().map_or("-".into(), percent);
        let epochs = match found {
            Found::Run(_) => format!("{}/{}", object["epochs_done"], object["epochs"]),
            Found::Damaged { .. } => "-".into(),
        };
        table.row([
            text("name"),
            text("seed"),
            text("status"),
            epochs,
            accuracy("final_test_acc"),
            accuracy("validation_selected_test_acc"),
            text("folder"),
        ]);
    }
    console.say(&format!("{table}"));
    for found in &runs {
        if let Found::Damaged { problem, .. } = found {
            console.say(&format!("damaged: {problem}"));
        }
    }
    Ok(())
}

/// What the list says of a run.
fn listed(found: &Found) -> Value {
    let (folder, status) = (found.folder(), status_of(found));
    match found {
        Found::Run(run) => json!({
            "name": run.config.name,
            "seed": run.config.seed,
            "status": status,
            "epochs_done": run.json.epochs_done,
            "epochs": run.config.train.epochs,
            "final_test_acc": run.json.results.map(|results| results.final_epoch.test_acc),
            "validation_selected_test_acc": run
                .json
                .results
                .and_then(|results| results.validation_selected_epoch)
                .map(|picked| picked.test_acc),
            "folder": folder,
        }),
        Found::Damaged { problem, .. } => {
            json!({ "status": status, "folder": folder, "problem": problem })
        }
    }
}

fn show(arguments: &Show) -> Result<()> {
    let console = Console::new(arguments.json);
    let run = PastRun::read(&arguments.run)?;
    console.emit(&json!({
        "folder": run.folder,
        "config": run.config,
        "run": run.json,
        "epochs": run.epochs,
    }));
    if console.is_json() {
        return Ok(());
    }
    let ended = match &run.json.ended {
        Ended::Running => "it goes on, or was killed".to_string(),
        Ended::Finished => "finished".into(),
        Ended::Interrupted { epoch, .. } => format!("interrupted in epoch {epoch}"),
        Ended::Failed { reason, .. } => format!("failed: {reason}"),
    };
    let info = &run.json.run;
    let took = run.json.seconds.map_or(String::new(), |seconds| format!(", {}", duration(seconds)));
    let machine = &run.json.machine.cpu;
    console.say(&format!("{}, seed {}: {ended}", info.name, info.seed));
    console.say(&format!("started {}{took}, on {} of {machine}", run.json.started, info.device));
    for note in &info.notes {
        console.say(&format!("note: {note}"));
    }
    if let Some(results) = &run.json.results {
        console.say(&format!("\n{}", results_table(&[(info.name.as_str(), results)])));
    }
    let mut table = Table::new(&[("field", Align::Left), ("value", Align::Left)]);
    for (key, value) in run.config.fields() {
        table.row([key, value.to_string()]);
    }
    console.say(&format!("\n{table}"));
    Ok(())
}

fn compare(arguments: &Compare) -> Result<()> {
    let console = Console::new(arguments.json);
    let read = |folder: &PathBuf| PastRun::read(folder).map(|run| Found::Run(Box::new(run)));
    let runs = arguments.runs.iter().map(read).collect::<Result<Vec<Found>>>()?;
    let comparison = registry::compare(&runs);
    console.emit(&comparison);
    if console.is_json() {
        return Ok(());
    }
    let names: Vec<String> = (1..=runs.len()).map(|number| format!("run {number}")).collect();
    for (name, folder) in names.iter().zip(&comparison.runs) {
        console.say(&format!("{name}: {}", folder.display()));
    }
    for (heading, lines) in [("config", &comparison.config), ("results", &comparison.results)] {
        let mut columns = vec![(heading, Align::Left)];
        columns.extend(names.iter().map(|name| (name.as_str(), Align::Right)));
        let mut table = Table::new(&columns);
        for line in lines {
            let values = line.values.iter().map(|value| cell(&line.key, value.as_ref()));
            table.row(std::iter::once(line.key.clone()).chain(values));
        }
        console.say(&format!("\n{table}"));
    }
    if comparison.config.is_empty() {
        console.say("Their configs are the same.");
    }
    Ok(())
}

/// A value as people read it.
fn cell(key: &str, value: Option<&Value>) -> String {
    match (value, value.and_then(Value::as_f64)) {
        (None | Some(Value::Null), _) => "-".into(),
        (_, Some(accuracy)) if key.ends_with("_acc") => percent(accuracy),
        (_, Some(loss)) if key.ends_with("_loss") => format!("{loss:.4}"),
        (_, Some(seconds)) if key == "seconds" => duration(seconds),
        (Some(Value::String(text)), _) => text.clone(),
        (Some(value), _) => value.to_string(),
    }
}

fn export(arguments: &Export) -> Result<()> {
    let rows: Vec<Row> = registry::rows(&arguments.chosen.runs()?);
    let text = if arguments.csv {
        registry::csv(&rows)?
    } else {
        let json = serde_json::to_string_pretty(&rows);
        let json = json.map_err(|e| Error::Usage(format!("the rows are no JSON: {e}")))?;
        format!("{json}\n").into_bytes()
    };
    write(arguments.out.as_deref(), &text)
}

fn write(out: Option<&Path>, text: &[u8]) -> Result<()> {
    match out {
        Some(path) => write_whole(path, text),
        None => {
            // A reader who has gone away has read enough.
            let _ = std::io::stdout().lock().write_all(text);
            Ok(())
        }
    }
}
