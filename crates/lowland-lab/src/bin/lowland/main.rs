//! The `lowland` program: trains networks, prepares data, measures speed.

mod args;
mod bench;
mod data;
mod demo;
mod errors;
mod evaluate;
mod experiment;
mod figures;
mod flatness;
mod lr_range;
mod methods;
mod report;
mod runs;
mod scratch;
mod signals;
mod soak;
mod tables;
mod train;
mod verify;
mod weights;
mod zero_stability;

use std::process::ExitCode;

use args::Command;

/// The exit code of what was stopped by a signal, as shells have it.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let arguments = args::parse();
    let result = lowland_lab::caught(|| match &arguments.command {
        Command::Train(options) => train::train(options),
        Command::Experiment(options) => experiment::experiment(options),
        Command::Runs(options) => runs::runs(options),
        Command::Demo(options) => demo::demo(options),
        Command::Data(options) => data::data(options),
        Command::Bench(options) => bench::bench(options),
        Command::Figures(options) => figures::figures(options),
        Command::Flatness(options) => flatness::flatness(options),
        Command::LrRange(options) => lr_range::lr_range(options),
        Command::Methods(options) => methods::methods(options),
        Command::Report(options) => report::report(options),
        Command::Soak(options) => soak::soak(options),
        Command::Tables(options) => tables::tables(options),
        Command::Evaluate(options) => evaluate::evaluate(options),
        Command::Weights(options) => weights::weights(options),
        Command::Verify(options) => verify::verify(options),
        Command::ZeroStability(options) => zero_stability::zero_stability(options),
    });
    match result {
        Ok(code) => code,
        Err(error) => errors::report(&error),
    }
}
