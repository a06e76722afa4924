//! `train`: runs an experiment.

use std::path::Path;
use std::process::ExitCode;

use lowland_lab::checkpoint::Found;
use lowland_lab::console::{Console, Watcher, duration, mebibytes, results_table};
use lowland_lab::{
    Ended, Error, PastRun, Plan, Record, Result, Resumed, Run, default_folder, refuse_differing,
};
use serde_json::json;

use crate::args::{Train, called_as, quoted};
use crate::{INTERRUPTED, signals};

pub fn train(arguments: &Train) -> Result<ExitCode> {
    let console = Console::new(arguments.json);
    let plan = plan(arguments)?;
    if let Some(folder) = &arguments.resume
        && let Some(run) = PastRun::finished(folder)?
    {
        refuse_differing(folder, &run.config, plan.config())?;
        return Ok(nothing_left(console, &run));
    }
    let config = plan.config();
    let default = || default_folder(&format!("{}-seed{}", config.name, config.seed));
    let folder = arguments.resume.as_ref().or(arguments.out.as_ref()).cloned();
    let folder = folder.unwrap_or_else(default);
    let stop = signals::stop_on_signal(console)?;
    let mut run = Run::new(plan, &arguments.machine.options())?;
    let mut record = if arguments.resume.is_some() {
        let (record, resumed) = Record::resume(&folder, &mut run)?;
        tell(console, &resumed);
        record
    } else {
        Record::create(&folder, &run)?
    };
    let outcome = match run.execute(&mut record, &mut Watcher::new(console), &stop) {
        Ok(outcome) => outcome,
        Err(error) => {
            if record.holds_work() {
                let folder = folder.display();
                console.say(&format!("What was done before the error is saved in {folder}"));
            }
            // A loss that is not finite would be so again.
            if !matches!(error, Error::NotFinite { .. }) {
                let again = going_on(arguments, &folder);
                console.say(&format!("To go on once it is put right: {again}"));
            }
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
             was done is saved in {}\nTo go on: {}",
            folder.display(),
            going_on(arguments, &folder)
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

/// The plan of the file that was named, else that of the run to go on with; where its config is lost, a
/// checkpoint has it.
fn plan(arguments: &Train) -> Result<Plan> {
    let path = match (&arguments.config, &arguments.resume) {
        (Some(config), _) => config.clone(),
        (None, Some(folder)) if !folder.join("config.toml").exists() => {
            let newest = Found::in_run(folder)?.checkpoint.map(|(folder, _)| folder);
            newest.unwrap_or_else(|| folder.clone()).join("config.toml")
        }
        (None, folder) => folder.clone().unwrap_or_default().join("config.toml"),
    };
    Plan::read(&path, &arguments.changes(), &arguments.data_dir)
}

/// The command that goes on with a run.
fn going_on(arguments: &Train, folder: &Path) -> String {
    let mut command =
        format!("{} train --resume {}", called_as(), quoted(&folder.to_string_lossy()));
    if arguments.data_dir != Path::new("data") {
        command += &format!(" --data-dir {}", quoted(&arguments.data_dir.to_string_lossy()));
    }
    if arguments.machine.device.device != "cpu" {
        command += &format!(" --device {}", arguments.machine.device.device);
    }
    command
}

/// Says that a run has come to its end before.
fn nothing_left(console: Console, run: &PastRun) -> ExitCode {
    let folder = run.folder.display();
    console.say(&format!("The run in {folder} is finished; nothing is left to do."));
    if let Some(results) = &run.json.results {
        console.say(&format!("\n{}", results_table(&[(run.json.run.name.as_str(), results)])));
    }
    console.emit(&json!({
        "event": "result",
        "run": run.json.run.name,
        "folder": run.folder,
        "status": "finished",
        "results": run.json.results,
        "seeds": 1,
    }));
    ExitCode::SUCCESS
}

/// Says what a run goes on from.
fn tell(console: Console, resumed: &Resumed) {
    resumed.sentences().iter().for_each(|sentence| console.say(sentence));
    console.emit(&json!({
        "event": "resumed",
        "from": resumed.from,
        "anew": resumed.anew,
        "damaged": resumed.damaged.iter().map(|damage| &damage.folder).collect::<Vec<_>>(),
        "differing": resumed.differing,
    }));
}
