//! Where and by what it was run, and how to run it again.

use super::page::{Block, Column, Section, Table};
use super::source::Source;

pub(super) fn section(source: &Source) -> Section {
    let record = &source.record;
    let program = &record.program;
    let mut rows: Vec<(&str, String)> = Vec::new();
    rows.push(("program", format!("{} {}", program.name, program.version)));
    if let Some(git) = &program.git {
        let modified = if git.modified { ", with changes that are not committed" } else { "" };
        rows.push(("commit", format!("{}{modified}", git.commit)));
    }
    let machine = &record.machine;
    let cpu = if machine.cpu.is_empty() { "unknown processor" } else { &machine.cpu };
    let cores = crate::console::counted(machine.logical_cores, "logical core", "logical cores");
    rows.push(("machine", format!("{cpu}, {cores}, {}", machine.system)));
    if let Some(run) = source.runs.first() {
        let info = &run.run.json.run;
        let threads = crate::console::counted(info.threads, "thread", "threads");
        rows.push((
            "device",
            format!("{}, {threads} a run, {}", info.device, info.instruction_set),
        ));
        rows.push(("data", format!("{}, checksum {}", info.data.title, info.data.checksum)));
        rows.extend(info.notes.iter().map(|note| ("note", note.clone())));
    }
    rows.push(("started", record.started.clone()));
    rows.push(("as of", record.updated.clone()));
    let seeds: Vec<String> = record.seeds.iter().map(ToString::to_string).collect();
    rows.push(("seeds", seeds.join(", ")));
    let rows = rows.into_iter().map(|(name, value)| vec![name.into(), value.into()]);
    let table =
        Table { arms: 0, columns: vec![Column::text(""), Column::text("")], rows: rows.collect() };
    let again = "The same command, with the same commit on the same type of machine, gives the same numbers \
                 to the bit, times apart. Every figure is in figures/ as PNG and SVG.";
    Section {
        id: "environment",
        title: "How to repeat it",
        blocks: vec![
            Block::Code { text: record.command.clone() },
            Block::Text { text: again.into() },
            Block::Table(table),
        ],
    }
}
