//! What the runs took: time and memory.

use super::page::{Block, Section};
use super::results::{Kind, tables};
use super::source::Source;
use crate::console::duration;

pub(super) fn section(source: &Source) -> Option<Section> {
    let mut blocks = tables(source, Kind::Costs);
    if blocks.is_empty() {
        return None;
    }
    let trained: f64 = source.runs.iter().filter_map(|run| run.run.json.seconds).sum();
    let measured: f64 =
        source.runs.iter().filter_map(|run| Some(run.flatness.as_ref()?.seconds)).sum();
    let mut text = format!("The runs took {} altogether", duration(trained));
    if measured > 0.0 {
        text += &format!(", and measuring flatness {}", duration(measured));
    }
    text += ". Time depends on the machine and on what else it did; it is not tested.";
    blocks.push(Block::Text { text });
    Some(Section { id: "costs", title: "Time and memory", blocks })
}
