//! `demo`: three optimizers on built-in digits.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use lowland_lab::console::Console;
use lowland_lab::experiment::Settings;
use lowland_lab::{Result, default_folder, demo};

use crate::args::{examples, quoted, typed};
use crate::experiment::{Machine, conduct};

/// Compare SGD, Adam and MIAdam on built-in digits: nine small runs, and how flat their minima are.
///
/// The directory holds the experiment's file, which `experiment` takes.
#[derive(Debug, Args)]
#[command(after_help = examples(&["demo", "demo --out runs/demo --jobs 2"]))]
pub struct Demo {
    /// The directory of the experiment [default: runs/demo-TIME].
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub machine: Machine,
    /// Print a JSON object a run and one for the result; text for people goes to standard error.
    #[arg(long)]
    pub json: bool,
}

pub fn demo(arguments: &Demo) -> Result<ExitCode> {
    let console = Console::new(arguments.json);
    // The command that goes on must name the folder: without it, the next one has another.
    let (folder, command) = match &arguments.out {
        Some(folder) => (folder.clone(), typed()),
        None => {
            let folder = default_folder("demo");
            let command = format!("{} --out {}", typed(), quoted(&folder.to_string_lossy()));
            (folder, command)
        }
    };
    let settings = Settings { folder, command, ..arguments.machine.settings() };
    console.say(
        "The same small residual network learns 1,797 handwritten digits of 8x8 pixels with SGD, with \
         Adam and with MIAdam.",
    );
    conduct(&demo::experiment()?, &settings, console)
}
