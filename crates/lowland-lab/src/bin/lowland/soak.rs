//! `soak`: kills, interrupts and damages runs, and compares what they come to.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use lowland_lab::console::Console;
use lowland_lab::endurance::{self, Ground};
use lowland_lab::{Error, Result};
use serde_json::json;

use crate::args::examples;
use crate::scratch::{Scratch, program};
use crate::{INTERRUPTED, signals};

/// Disturb runs in every way for a while, and compare what they come to with an undisturbed one.
///
/// A small run is made again and again. Its processes are killed (SIGKILL) at random moments, interrupted
/// (SIGINT), and kept out where a second one starts; bits of its checkpoints, its record, its config and
/// its dataset are flipped, their ends cut off, and files removed. Each run must end with the same
/// weights, optimizer state, metrics and results, to the bit, and damage must be told. The first that does
/// not ends the soak with exit code 1; its folder is kept.
#[derive(Debug, Args)]
#[command(after_help = examples(&["soak --minutes 10", "soak --minutes 0.5 --seed 2 --json"]))]
pub struct Soak {
    /// For how many minutes.
    #[arg(long, default_value_t = 10.0)]
    pub minutes: f64,
    /// What decides what is done.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Where runs are made; must not exist or be empty [default: a temporary folder].
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Print JSON: an object a run, and one at the end.
    #[arg(long)]
    pub json: bool,
}

pub fn soak(arguments: &Soak) -> Result<ExitCode> {
    let console = Console::new(arguments.json);
    let time = Duration::try_from_secs_f64(60.0 * arguments.minutes).map_err(|_| {
        Error::Usage(format!(
            "--minutes {} is not possible; it must be 0 or more",
            arguments.minutes
        ))
    })?;
    let stop = signals::stop_on_signal(console)?;
    let scratch = Scratch::new(arguments.dir.as_deref(), "soak")?;
    let ground = Ground::built_in(program()?, scratch.folder())?;
    let plan = endurance::Soak { time, seed: arguments.seed };
    let tally = endurance::soak(&ground, &plan, &stop, &mut |tally| {
        let (runs, kills, damaged) = (tally.runs, tally.kills, tally.corruptions());
        console.say(&format!("{runs} runs, {kills} kills, {damaged} files damaged"));
        console.emit(&json!({ "event": "run", "tally": tally }));
    })?;
    scratch.remove()?;
    console.say(&format!("\n{}", tally.in_words()));
    console.emit(&json!({ "event": "result", "tally": tally }));
    Ok(if stop.wished() { ExitCode::from(INTERRUPTED) } else { ExitCode::SUCCESS })
}
