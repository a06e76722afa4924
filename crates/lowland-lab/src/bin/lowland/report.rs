//! `report`: the page of an experiment or of a run.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use lowland_lab::console::Console;
use lowland_lab::{Result, report as page};
use serde_json::json;

use crate::args::examples;

/// Write the report of an experiment, finished or not, or of a single run.
///
/// It is one HTML file that asks the network for nothing: the verdict, learning curves, results with
/// their uncertainty, flatness, landscapes, configs, and the command that repeats it. Figures for papers
/// are put beside it, as PNG and SVG.
#[derive(Debug, Args)]
#[command(after_help = examples(&["report runs/miadam-cpu", "report runs/digits-seed1"]))]
pub struct Report {
    /// The directory of the experiment or of the run; report.html and figures/ are written into it.
    pub folder: PathBuf,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

pub fn report(arguments: &Report) -> Result<ExitCode> {
    let console = Console::new(arguments.json);
    let path = page::write(&arguments.folder)?;
    console.say(&format!("report: {}", path.display()));
    console.emit(&json!({ "event": "result", "report": path }));
    Ok(ExitCode::SUCCESS)
}
