//! The demonstration: one small network, the built-in digits, three optimizers.

use std::path::Path;

use serde_json::json;

use crate::Result;
use crate::config::ConfigFile;
use crate::console::{Console, Watcher, results_table};
use crate::metrics::{EpochMetrics, Results};
use crate::output::create_empty_folder;
use crate::picture::{self, draw_curves};
use crate::plan::Plan;
use crate::record::{Ended, Record};
use crate::run::{Options, Run, Stop};

/// What the three runs share.
const COMMON: &str = include_str!("../assets/demo/common.toml");

/// The name of each run, its name in the picture, and its own part of the config.
const RUNS: [(&str, &str, &str); 3] = [
    ("sgd", "SGD, momentum 0.9", include_str!("../assets/demo/sgd.toml")),
    ("adam", "Adam", include_str!("../assets/demo/adam.toml")),
    (
        "miadam",
        "MIAdam, order 1, unit gain, switched at half",
        include_str!("../assets/demo/miadam.toml"),
    ),
];

/// How the demonstration went.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Whether it was stopped.
    pub interrupted: bool,
    /// The complete epochs of each run that began, by its name.
    pub runs: Vec<(&'static str, Vec<EpochMetrics>)>,
}

/// The plans of the three runs, by name.
///
/// # Errors
/// None: the configs are part of the program, and tested.
pub fn plans() -> Result<Vec<(&'static str, Plan)>> {
    let plan = |(name, _, own): &(&'static str, _, &str)| {
        let text = format!("name = \"demo-{name}\"\n{COMMON}\n{own}");
        let file = ConfigFile::parse(&format!("demo {name}"), &text, &[])?;
        // The digits are built in: no data folder is looked at.
        Ok((*name, Plan::new(file, Path::new(""))?))
    };
    RUNS.iter().map(plan).collect()
}

/// Trains the three, each into its own folder below `folder`, and draws them side by side.
///
/// # Errors
/// Whatever stops a run.
pub fn run(folder: &Path, options: &Options, console: Console, stop: &Stop) -> Result<Outcome> {
    create_empty_folder(folder)?;
    console.say(
        "The same small residual network learns 1,797 handwritten digits of 8x8 pixels with SGD, with \
         Adam and with MIAdam.",
    );
    let mut outcome = Outcome { interrupted: false, runs: Vec::new() };
    for (name, plan) in plans()? {
        console.say("");
        let mut run = Run::new(plan, options)?;
        let mut record = Record::create(&folder.join(name), &run)?;
        let done = run.execute(&mut record, &mut Watcher::new(console), stop)?;
        outcome.interrupted |= done.ended != Ended::Finished;
        outcome.runs.push((name, done.epochs));
        if outcome.interrupted || stop.wished() {
            outcome.interrupted = true;
            break;
        }
    }
    let named = |(name, epochs): &(&str, Vec<EpochMetrics>)| {
        let label = RUNS.iter().find(|run| run.0 == *name).map_or(*name, |run| run.1);
        (label.to_string(), epochs.clone())
    };
    let named: Vec<(String, Vec<EpochMetrics>)> = outcome.runs.iter().map(named).collect();
    let lines: Vec<_> =
        named.iter().map(|(n, e)| picture::Run { name: n.clone(), epochs: e }).collect();
    draw_curves("Handwritten digits: one network, three optimizers, one seed", &lines, folder)?;
    report(folder, console, &outcome);
    Ok(outcome)
}

fn report(folder: &Path, console: Console, outcome: &Outcome) {
    let results: Vec<(&str, Results)> = outcome
        .runs
        .iter()
        .filter_map(|(name, epochs)| Some((*name, Results::of(epochs)?)))
        .collect();
    let rows: Vec<(&str, &Results)> =
        results.iter().map(|(name, results)| (*name, results)).collect();
    let picture = folder.join("curves.png");
    console.say("");
    if !rows.is_empty() {
        console.say(&results_table(&rows));
        console.say(&format!("picture: {}", picture.display()));
    }
    let by_name: serde_json::Map<String, serde_json::Value> =
        results.iter().map(|(name, results)| (name.to_string(), json!(results))).collect();
    console.emit(&json!({
        "event": "result",
        "status": if outcome.interrupted { "interrupted" } else { "finished" },
        "folder": folder,
        "picture": picture,
        "seeds": 1,
        "results": by_name,
    }));
}
