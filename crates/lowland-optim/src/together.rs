//! What the groups of an optimizer measure together, and what is remembered of all parameters.

use std::collections::{BTreeMap, BTreeSet};

use lowland_core::Clock;

use crate::group::Groups;
use crate::measured::{MeasureLink, Totals};
use crate::state_mismatch::StateMismatch;
use crate::update::Update;

/// The memories of all measured stages, by name; what is not there is 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Memory(BTreeMap<String, f64>);

/// What a group found at its measure of a round.
pub(crate) struct Found {
    pub(crate) group: usize,
    pub(crate) totals: Totals,
}

/// What a group is told.
pub(crate) struct Told {
    pub(crate) group: usize,
    pub(crate) totals: Totals,
    /// As it was before this step.
    pub(crate) memory: Vec<f64>,
}

impl Memory {
    /// What is remembered for a measure, the so manieth of an update.
    pub(crate) fn of(&self, round: usize, link: &MeasureLink) -> Vec<f64> {
        names(round, link).map(|name| self.0.get(&name).copied().unwrap_or(0.0)).collect()
    }

    /// Whether a measure is made at this step.
    pub(crate) fn is_due(&self, round: usize, link: &MeasureLink) -> bool {
        link.host.is_due(&self.of(round, link))
    }

    /// Adds up what groups, in their order, found at one round of measures, and remembers it.
    pub(crate) fn settle(
        &mut self,
        groups: &Groups,
        round: usize,
        clock: &Clock,
        found: &[Found],
    ) -> Vec<Told> {
        let link = |found: &Found| groups.all()[found.group].update.measure(round);
        let same = |a: &MeasureLink, b: &MeasureLink| {
            (a.measure.name(), a.measure.sums()) == (b.measure.name(), b.measure.sums())
        };
        let (before, mut told) = (self.clone(), Vec::new());
        for (i, of_group) in found.iter().enumerate() {
            let Some((_, own)) = link(of_group) else { continue };
            let mut totals = Totals { sums: vec![0.0; own.measure.sums().len()], elements: 0 };
            let mut first = true;
            for (k, other) in found.iter().enumerate() {
                if link(other).is_none_or(|(_, other)| !same(own, other)) {
                    continue;
                }
                first &= k >= i;
                totals.elements += other.totals.elements;
                for (sum, more) in totals.sums.iter_mut().zip(&other.totals.sums) {
                    *sum += more;
                }
            }
            let memory = before.of(round, own);
            if first && own.host.is_due(&memory) {
                let mut after = memory.clone();
                own.host.remember(clock, &totals, &mut after);
                self.0.extend(names(round, own).zip(after));
            }
            told.push(Told { group: of_group.group, totals, memory });
        }
        told
    }

    /// All of it, for a checkpoint.
    pub(crate) fn saved(&self, groups: &Groups) -> BTreeMap<String, f64> {
        let value = |name: String| {
            let value = self.0.get(&name).copied().unwrap_or(0.0);
            (name, value)
        };
        all_names(groups).map(value).collect()
    }

    /// What was saved, which must be what these groups remember: what is not is noted.
    pub(crate) fn load(
        groups: &Groups,
        saved: &BTreeMap<String, f64>,
        mismatch: &mut StateMismatch,
    ) -> Self {
        let names: BTreeSet<String> = all_names(groups).collect();
        let missing = names.iter().filter(|name| !saved.contains_key(*name));
        mismatch.missing_together = missing.cloned().collect();
        let unexpected = saved.keys().filter(|name| !names.contains(*name));
        mismatch.unexpected_together = unexpected.cloned().collect();
        Memory(saved.clone())
    }
}

fn all_names(groups: &Groups) -> impl Iterator<Item = String> {
    groups.all().iter().flat_map(|group| memory_names(&group.update))
}

/// The names of what is remembered for all measures of an update.
pub(crate) fn memory_names(update: &Update) -> impl Iterator<Item = String> {
    update.measures().enumerate().flat_map(|(round, (_, link))| names(round, link))
}

/// As `stage.name`, behind the number of the measure where that is not the first.
fn names(round: usize, link: &MeasureLink) -> impl Iterator<Item = String> {
    let stage = link.measure.name();
    let prefix = if round == 0 { String::new() } else { format!("{round}.") };
    link.host.memory().iter().map(move |name| format!("{prefix}{stage}.{name}"))
}
