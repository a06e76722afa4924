//! The configs: what differs between the arms, and all of each.

use std::collections::BTreeMap;

use serde_json::Value;

use super::page::{Block, Column, Content, Section, Table};
use super::results::badge_of;
use super::source::Source;
use super::tuning::written;
use crate::Result;
use crate::statistics::MeasuredRun;

pub(super) fn section(source: &Source) -> Result<Option<Section>> {
    // The first run of each arm stands for it.
    let runs: Vec<(usize, &MeasuredRun)> = source
        .arms()
        .filter_map(|(colour, arm)| {
            Some((colour, source.runs.iter().find(|run| run.cell.arm == arm.name)?))
        })
        .collect();
    let mut blocks = Vec::new();
    let table = differing(source, &runs);
    if !table.rows.is_empty() {
        blocks.push(Block::Table(table));
    }
    for (_, run) in &runs {
        blocks.push(Block::Folded {
            title: format!("{}: the whole config", source.label(&run.cell.arm)),
            table: None,
            code: Some(run.run.config.to_toml()?),
        });
    }
    if let Some(file) = &source.file {
        blocks.push(Block::Folded {
            title: "The experiment's file".into(),
            table: None,
            code: Some(file.clone()),
        });
    }
    let section = Section { id: "configs", title: "Configurations", blocks };
    Ok((!section.blocks.is_empty()).then_some(section))
}

/// The fields that are not the same in all arms.
fn differing(source: &Source, runs: &[(usize, &MeasuredRun)]) -> Table {
    let configs: Vec<BTreeMap<String, Value>> =
        runs.iter().map(|(_, run)| run.run.config.fields()).collect();
    let mut keys: Vec<&String> = configs.iter().flat_map(BTreeMap::keys).collect();
    keys.sort();
    keys.dedup();
    let own = |key: &str| {
        ["name", "seed"].contains(&key) || source.record.factors.iter().any(|f| f.key == key)
    };
    let rows = keys.into_iter().filter(|key| !own(key)).filter_map(|key| {
        let values: Vec<Option<&Value>> = configs.iter().map(|config| config.get(key)).collect();
        let differs = values.windows(2).any(|pair| pair[0] != pair[1]);
        differs.then(|| {
            let cells = values.iter().map(|value| value.map_or("–".into(), written));
            std::iter::once(Content::from(key.as_str())).chain(cells).collect()
        })
    });
    let mut columns = vec![Column::text("field")];
    columns.extend(runs.iter().map(|(colour, run)| Column {
        title: source.label(&run.cell.arm).to_string(),
        colour: Some(*colour),
        numbers: true,
    }));
    let mut table = Table { arms: runs.len(), rows: rows.collect(), columns };
    if !table.rows.is_empty() {
        let badges = runs.iter().map(|(_, run)| Content {
            badge: badge_of(source, &run.cell.arm),
            ..Content::default()
        });
        table.rows.insert(0, std::iter::once(Content::default()).chain(badges).collect());
    }
    table
}
