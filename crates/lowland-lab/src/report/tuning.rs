//! Tuning: what was tried on the validation images, and what was chosen.

use super::page::{Badge, Block, Column, Content, Section, Table};
use super::source::Source;
use crate::experiment::Tuned;
use crate::statistics::Unit;

pub(super) fn section(source: &Source) -> Option<Section> {
    let tuned = &source.record.tuned;
    if tuned.is_empty() {
        return None;
    }
    let trials: Vec<String> = tuned.iter().map(|arm| arm.trials.to_string()).collect();
    let same = trials.windows(2).all(|pair| pair[0] == pair[1]);
    let each = if same { trials[0].clone() } else { trials.join(", ") };
    let text = format!(
        "Random search, {each} trials an arm, by the validation accuracy after a trial's last epoch. Test \
         images had no part in it. The first trial is the arm as it is written."
    );
    let mut blocks = vec![Block::Text { text }];
    for arm in tuned {
        blocks.push(Block::Heading { text: source.label(&arm.arm).to_string() });
        blocks.push(Block::Table(table(arm)));
    }
    Some(Section { id: "tuning", title: "Tuning", blocks })
}

fn table(arm: &Tuned) -> Table {
    let mut keys: Vec<&String> = arm.tried.iter().flat_map(|trial| trial.values.keys()).collect();
    keys.sort();
    keys.dedup();
    let mut columns = vec![Column::text("trial")];
    columns.extend(keys.iter().map(|key| Column::numbers(key.as_str())));
    columns.push(Column::numbers("validation accuracy"));
    // The chosen trial is the first whose values were chosen and whose accuracy is theirs.
    let chosen = arm
        .tried
        .iter()
        .position(|trial| trial.values == arm.values && trial.val_acc == Some(arm.val_acc));
    let rows = arm.tried.iter().enumerate().map(|(i, trial)| {
        let badge = match trial.val_acc {
            None => Some(Badge::Failed),
            Some(_) => (chosen == Some(i)).then_some(Badge::Chosen),
        };
        let name = Content { text: (i + 1).to_string(), badge, more: Vec::new() };
        let values = keys.iter().map(|key| trial.values.get(*key).map_or("–".into(), written));
        let accuracy = trial.val_acc.map_or("–".into(), |accuracy| Unit::Fraction.show(accuracy));
        let cells = std::iter::once(name).chain(values);
        cells.chain(std::iter::once(accuracy.into())).collect()
    });
    Table { arms: 0, rows: rows.collect(), columns }
}

/// A value as it is in a config; texts without quotation marks.
pub(super) fn written(value: &serde_json::Value) -> Content {
    match value {
        serde_json::Value::String(text) => text.as_str().into(),
        value => value.to_string().into(),
    }
}
