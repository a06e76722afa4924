//! `demo`: three optimizers on built-in digits.

use std::process::ExitCode;

use lowland_lab::console::{Console, duration};
use lowland_lab::{Result, default_folder, demo};

use crate::args::Demo;
use crate::{INTERRUPTED, signals};

pub fn demo(arguments: &Demo) -> Result<ExitCode> {
    let console = Console::new(arguments.json);
    let folder = arguments.out.clone().unwrap_or_else(|| default_folder("demo"));
    let stop = signals::stop_on_signal(console)?;
    let began = std::time::Instant::now();
    let outcome = demo::run(&folder, &arguments.machine.options(), console, &stop)?;
    let took = duration(began.elapsed().as_secs_f64());
    let how = if outcome.interrupted { "Interrupted after" } else { "Took" };
    console.say(&format!("{how} {took}. Recorded in {}", folder.display()));
    Ok(if outcome.interrupted { ExitCode::from(INTERRUPTED) } else { ExitCode::SUCCESS })
}
