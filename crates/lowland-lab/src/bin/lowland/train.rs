//! `train`: runs an experiment.

use std::process::ExitCode;

use lowland_lab::console::{Console, Watcher, duration, mebibytes, results_table};
use lowland_lab::{Ended, Plan, Record, Result, Run, default_folder};
use serde_json::json;

use crate::args::Train;
use crate::{INTERRUPTED, signals};

pub fn train(arguments: &Train) -> Result<ExitCode> {
    let console = Console::new(arguments.json);
    let plan = Plan::read(&arguments.config, &arguments.changes(), &arguments.data_dir)?;
    let config = plan.config();
    let default = || default_folder(&format!("{}-seed{}", config.name, config.seed));
    let folder = arguments.out.clone().unwrap_or_else(default);
    let stop = signals::stop_on_signal(console)?;
    let mut run = Run::new(plan, &arguments.machine.options())?;
    let mut record = Record::create(&folder, &run)?;
    let outcome = match run.execute(&mut record, &mut Watcher::new(console), &stop) {
        Ok(outcome) => outcome,
        Err(error) => {
            let folder = folder.display();
            console.say(&format!("What was done before the error is saved in {folder}"));
            return Err(error);
        }
    };
    let name = run.info().name.as_str();
    if let Some(results) = &outcome.results {
        console.say(&format!("\n{}", results_table(&[(name, results)])));
    }
    let memory = outcome.memory;
    let resident = memory.peak_resident_bytes.map_or(String::new(), |bytes| {
        format!(", at most {} of memory resident", mebibytes(bytes))
    });
    let took = duration(outcome.seconds);
    match &outcome.ended {
        Ended::Interrupted { epoch, batches_done, batches } => console.say(&format!(
            "Interrupted in epoch {epoch} after batch {batches_done} of {batches}, {took}{resident}. What \
             was done is saved in {}",
            folder.display()
        )),
        _ => console.say(&format!("Took {took}{resident}. Recorded in {}", folder.display())),
    }
    if !outcome.epochs.is_empty() {
        console.say(&format!("picture: {}", folder.join("curves.png").display()));
    }
    let mut result = json!(outcome);
    result["event"] = json!("result");
    result["run"] = json!(name);
    result["folder"] = json!(folder);
    result["seeds"] = json!(1);
    if let Some(object) = result.as_object_mut()
        && let Some(serde_json::Value::Object(ended)) = object.remove("ended")
    {
        object.extend(ended);
    }
    console.emit(&result);
    let interrupted = matches!(outcome.ended, Ended::Interrupted { .. });
    Ok(if interrupted { ExitCode::from(INTERRUPTED) } else { ExitCode::SUCCESS })
}
