//! `tables`: an experiment in files that other programs read.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use lowland_lab::console::Console;
use lowland_lab::{Result, tables};
use serde_json::json;

use crate::args::examples;

/// Write the tables of an experiment's directory anew, from what its runs have recorded.
///
/// They are runs.csv, runs.json, epochs.csv, results.md, measurements.safetensors and records.json in the
/// folder `tables`, with copies of the experiment's files. `experiment` writes them too.
#[derive(Debug, Args)]
#[command(after_help = examples(&["tables runs/miadam-cpu"]))]
pub struct Tables {
    /// The directory of the experiment.
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

pub fn tables(arguments: &Tables) -> Result<ExitCode> {
    let console = Console::new(arguments.json);
    let tables = tables::write(&arguments.folder)?;
    console.say(&format!("tables: {}", tables.display()));
    console.emit(&json!({ "event": "result", "tables": tables }));
    Ok(ExitCode::SUCCESS)
}
