//! `verify`: one run with several numbers of threads, and killed and resumed, to one hash.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use lowland_lab::Result;
use lowland_lab::console::{Console, duration};
use lowland_lab::endurance::{self, Ground};
use serde_json::json;

use crate::args::examples;
use crate::scratch::{Scratch, program};
use crate::signals;

/// Make one run with 1, 2, 3 and 8 threads, and killed and resumed, and print what each comes to.
///
/// The hash is of the weights, the optimizer's state, the position and the metrics, times left out. Without
/// a config it is a small run with a part of everything that has a state: a ZeroSNet that trains its scheme,
/// MIAdam, channel-directed gradients, gradient activation, a normalised deformation, clipping, label noise,
/// augmentation. Exit code 1 where the hashes differ.
#[derive(Debug, Args)]
#[command(after_help = examples(&["verify", "verify my.toml --data-dir data"]))]
pub struct Verify {
    /// The config of the run.
    pub config: Option<PathBuf>,
    /// Where datasets are looked for by name.
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub data_dir: PathBuf,
    /// Where runs are made; must not exist or be empty [default: a temporary folder].
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Print JSON: an object a run, and one at the end.
    #[arg(long)]
    pub json: bool,
}

pub fn verify(arguments: &Verify) -> Result<ExitCode> {
    let console = Console::new(arguments.json);
    let scratch = Scratch::new(arguments.dir.as_deref(), "verify")?;
    let built_in = Ground::built_in(program()?, scratch.folder())?;
    let ground = match &arguments.config {
        Some(config) => {
            Ground { config: config.clone(), data_folder: arguments.data_dir.clone(), ..built_in }
        }
        None => built_in,
    };
    let stop = signals::stop_on_signal(console)?;
    let verdict = endurance::verify(&ground, &stop, &mut |row| {
        let took = duration(row.seconds);
        console.say(&format!("{}  {}, {took}", row.fingerprint, row.how));
        console.emit(&json!({ "event": "run", "run": row }));
    })?;
    console.emit(&json!({ "event": "result", "verdict": verdict }));
    if verdict.agree && verdict.resumed == 0 {
        console.say(
            "One hash: the bits do not depend on threads. No run was long enough to be resumed.",
        );
    } else if verdict.agree {
        console.say("One hash: the bits depend on neither threads nor interruptions.");
    }
    if verdict.agree {
        scratch.remove()?;
        return Ok(ExitCode::SUCCESS);
    }
    console.say(&format!("The runs differ; they are kept in {}", scratch.folder().display()));
    Ok(ExitCode::FAILURE)
}
