//! `data`: lists, imports and describes datasets.

use std::path::Path;
use std::process::ExitCode;

use indicatif::{ProgressBar, ProgressStyle};
use lowland_data::{Cifar100Labels, DatasetInfo, ImportOptions, Progress, Stage};
use lowland_lab::Result;
use lowland_lab::console::{Align, Console, Table, grouped, mebibytes};
use lowland_lab::dataset::{self, KNOWN, Known, Source};
use serde::Serialize;

use crate::args::{Data, DataCommand, DataImport, DataInfo, DataList};

pub fn data(arguments: &Data) -> Result<ExitCode> {
    match &arguments.command {
        DataCommand::List(arguments) => list(arguments),
        DataCommand::Import(arguments) => import(arguments)?,
        DataCommand::Info(arguments) => info(arguments)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A line of the list.
#[derive(Debug, Serialize)]
struct Listed {
    name: String,
    /// `built-in`, `imported`, `damaged` or `not imported`.
    state: &'static str,
    about: String,
}

fn list(arguments: &DataList) {
    let console = Console::new(arguments.json);
    let folder = &arguments.data_dir;
    let imported = dataset::in_folder(folder);
    let mut listed: Vec<Listed> = Vec::new();
    listed.extend(lowland_data::builtin().iter().map(|name| describe(name, "built-in", folder)));
    listed.extend(imported.iter().map(|name| describe(name, "imported", folder)));
    let missing = || KNOWN.iter().filter(|known| !imported.iter().any(|name| name == known.name));
    for Known { name, title, source } in missing() {
        let about =
            if arguments.json { format!("{title}; import {source}") } else { title.to_string() };
        listed.push(Listed { name: name.to_string(), state: "not imported", about });
    }
    console.emit(&listed);
    if !console.is_json() {
        let mut table =
            Table::new(&[("dataset", Align::Left), ("state", Align::Left), ("about", Align::Left)]);
        for Listed { name, state, about } in listed {
            table.row([name, state.to_string(), about]);
        }
        console.say(&format!("{table}"));
        let folder = folder.display();
        console.say(&format!("Import a dataset: data import NAME --from PATH --to {folder}/NAME"));
        for Known { name, source, .. } in missing() {
            console.say(&format!("For {name}, PATH is {source}."));
        }
    }
}

fn describe(name: &str, state: &'static str, folder: &Path) -> Listed {
    let opened = Source::find(name, folder).and_then(|source| source.open());
    let (state, about) = match opened {
        Ok(dataset) => {
            let [h, w, c] = dataset.shape();
            let (train, test) = (grouped(dataset.train().len()), grouped(dataset.test().len()));
            let classes = dataset.classes().len();
            let title = dataset.title();
            let about = format!(
                "{title}: {train} training and {test} test images of {h}x{w}x{c}, {classes} classes"
            );
            (state, about)
        }
        Err(error) => ("damaged", error.to_string()),
    };
    Listed { name: name.to_string(), state, about }
}

fn import(arguments: &DataImport) -> Result<()> {
    let console = Console::new(arguments.json);
    let mut options = ImportOptions::new(&arguments.name);
    if arguments.coarse_labels {
        options.cifar100_labels = Cifar100Labels::Coarse;
    }
    let bar = if console.is_live() { ProgressBar::new(0) } else { ProgressBar::hidden() };
    let style = ProgressStyle::with_template("{msg:>9} {bar:30.cyan/dim} {percent:>3} %");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━╸─"));
    let mut show = |progress: Progress| {
        bar.set_message(match progress.stage {
            Stage::Read => "reading",
            Stage::Decode => "decoding",
            Stage::Write => "writing",
        });
        bar.set_length(progress.total.unwrap_or(0));
        bar.set_position(progress.done);
    };
    let imported = lowland_data::import(&arguments.from, &arguments.to, &options, &mut show);
    bar.finish_and_clear();
    let report = imported?;
    console.emit(&report);
    if !console.is_json() {
        print(console, &report.info);
        console.say(&format!("Written to {}", report.path.display()));
    }
    Ok(())
}

fn info(arguments: &DataInfo) -> Result<()> {
    let console = Console::new(arguments.json);
    let dataset = Source::find(&arguments.dataset, &arguments.data_dir)?.open()?;
    let info = dataset.describe();
    console.emit(&info);
    if !console.is_json() {
        print(console, &info);
    }
    Ok(())
}

fn print(console: Console, info: &DatasetInfo) {
    let [h, w, c] = info.shape;
    console.say(&format!("{} ({})", info.title, info.name));
    console.say(&format!("from       {}", info.source));
    console.say(&format!("images     {h}x{w}x{c}, {} packed", mebibytes(info.bytes)));
    let statistics = |values: &[f32]| {
        let values: Vec<String> = values.iter().map(|value| format!("{value:.4}")).collect();
        values.join(" ")
    };
    let normalisation = &info.normalisation;
    console.say(&format!("measured   mean {}", statistics(&info.measured.mean)));
    console.say(&format!("           deviation {}", statistics(&info.measured.std)));
    console.say(&format!("normalised mean {}", statistics(&normalisation.mean)));
    console.say(&format!("           deviation {}", statistics(&normalisation.std)));
    console.say(&format!("checksum   {}", info.checksum));
    let mut columns = vec![("class", Align::Left)];
    columns.extend(info.splits.iter().map(|split| (split.name.as_str(), Align::Right)));
    let mut table = Table::new(&columns);
    for (label, class) in info.classes.iter().enumerate() {
        let counts = info.splits.iter().map(|split| grouped(split.class_counts[label]));
        table.row(std::iter::once(class.clone()).chain(counts));
    }
    let totals = info.splits.iter().map(|split| grouped(split.images));
    table.row(std::iter::once("all".to_string()).chain(totals));
    console.say(&format!("\n{table}"));
}
