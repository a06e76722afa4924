//! `lr-range`: a learning-rate range test.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use lowland_lab::console::{Align, Console, Table};
use lowland_lab::output::create_empty_folder;
use lowland_lab::range_test::{Ended, RangeReport, RangeTest};
use lowland_lab::{Change, Plan, Result, Run, default_folder};

use crate::args::{Machine, examples};
use crate::{INTERRUPTED, signals};

/// Rows of the printed table at most.
const ROWS: usize = 20;

/// Find learning rates to train with, by a few steps at a rate that grows.
///
/// The network of an experiment's file is trained at a learning rate that grows exponentially from step
/// to step, until the mean loss of some ten steps exceeds four times its minimum. Then its rates of
/// steepest descent and of the minimum are known. A tenth of the latter is a rate to begin with. The
/// schedule of the file has no part in it; a method that depends on the progress of the run sees that
/// of the test.
#[derive(Debug, Args)]
#[command(after_help = examples(&[
    "lr-range docs/experiments/digits.toml",
    "lr-range my.toml --set optimizer='{learning_rate=1, adam={}}' --from 1e-6 --to 1",
]))]
pub struct LrRange {
    /// The experiment: a TOML file such as those in docs/experiments.
    pub config: PathBuf,
    /// Put a value over one of the file; dotted key, value as in TOML, bare words are texts.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub sets: Vec<String>,
    /// Take a value or a whole table out of the file, before anything is set; dotted key.
    #[arg(long = "unset", value_name = "KEY")]
    pub unsets: Vec<String>,
    /// The learning rate of the first step.
    #[arg(long, value_name = "RATE", default_value_t = 1e-5)]
    pub from: f64,
    /// The learning rate of the last step.
    #[arg(long, value_name = "RATE", default_value_t = 10.0)]
    pub to: f64,
    /// How many steps.
    #[arg(long, default_value_t = 100)]
    pub steps: usize,
    /// The directory of lr-range.json, .png and .svg, which must not exist or be empty [default:
    /// runs/NAME-lr-range-TIME].
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Where datasets are looked for by name.
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub data_dir: PathBuf,
    #[command(flatten)]
    pub machine: Machine,
    /// Print the report as a JSON object; text for people goes to standard error.
    #[arg(long)]
    pub json: bool,
}

pub fn lr_range(arguments: &LrRange) -> Result<ExitCode> {
    let console = Console::new(arguments.json);
    let test = RangeTest { from: arguments.from, to: arguments.to, steps: arguments.steps };
    test.check()?;
    let unsets = arguments.unsets.iter().cloned().map(Change::Unset);
    let changes: Vec<Change> =
        unsets.chain(arguments.sets.iter().cloned().map(Change::Set)).collect();
    let plan = Plan::read(&arguments.config, &changes, &arguments.data_dir)?;
    let (name, seed) = (plan.config().name.clone(), plan.config().seed);
    let default = || default_folder(&format!("{name}-lr-range"));
    let folder = arguments.out.clone().unwrap_or_else(default);
    let stop = signals::stop_on_signal(console)?;
    let run = Run::new(plan, &arguments.machine.options())?;
    create_empty_folder(&folder)?;
    let (points, ended) = run.range_test(&test, &stop)?;
    let report = RangeReport::new(&name, seed, test, points, ended);
    report.write(&folder)?;
    console.say(&format!("{}{}", table(&report), conclusion(&report)));
    console.say(&format!("Recorded in {0}, picture: {0}/lr-range.png", folder.display()));
    console.emit(&report);
    Ok(if ended == Ended::Stopped { ExitCode::from(INTERRUPTED) } else { ExitCode::SUCCESS })
}

/// Some of the steps.
fn table(report: &RangeReport) -> Table {
    let heading = ["step", "learning rate", "loss", "mean loss"];
    let mut table = Table::new(&heading.map(|name| (name, Align::Right)));
    let every = report.points.len().div_ceil(ROWS).max(1);
    for (i, point) in report.points.iter().enumerate() {
        if i % every == 0 || i + 1 == report.points.len() {
            table.row([
                (i + 1).to_string(),
                rate(point.lr),
                format!("{:.4}", point.loss),
                format!("{:.4}", point.mean),
            ]);
        }
    }
    table
}

fn conclusion(report: &RangeReport) -> String {
    let ended = match report.ended {
        Ended::Range => "The range was tried to its end.",
        Ended::Diverged => "The mean loss exceeded four times its minimum.",
        Ended::NotFinite => "The loss, a gradient or a parameter was not finite.",
        Ended::Stopped => "The test was stopped.",
    };
    let (Some(steepest), Some(minimum)) = (report.steepest, report.minimum) else {
        return format!("{ended} The mean loss never fell: begin lower with --from.");
    };
    let found = format!(
        "{ended} The mean loss fell fastest at learning rate {} and was least at {}.",
        rate(steepest),
        rate(minimum)
    );
    match report.suggestion {
        Some(suggestion) => format!("{found}\nA learning rate to begin with: {}", rate(suggestion)),
        None if report.ended == Ended::Range => {
            format!("{found} It still fell at the end: go on with a larger --to.")
        }
        None => {
            format!("{found} It still fell when the test ended, which suggests no learning rate.")
        }
    }
}

/// Three digits are more than such a test tells.
fn rate(lr: f64) -> String {
    format!("{lr:.2e}")
}
