//! An experiment's file, checked: what is compared, at which levels, with which seeds.

use std::path::Path;

use super::check::check_names;
use super::keys::{dotted, level, slug};
use super::search::{Search, Values, of_arms};
use super::written::{Factor, Tune, Written};
use super::{ArmInfo, FactorInfo};
use crate::Result;
use crate::config::{Change, ConfigError, ConfigFile, Node, Place, Source, Value};
use crate::flatness::FlatnessConfig;

/// An experiment's file.
#[derive(Debug)]
pub struct ExperimentFile {
    pub(super) source: Source,
    pub(super) written: Written,
    arms: Vec<ArmInfo>,
    factors: Vec<FactorInfo>,
    /// What is searched for each arm.
    pub(super) searches: Vec<Vec<Search>>,
}

impl ExperimentFile {
    /// Reads a file.
    ///
    /// # Errors
    /// [`Error::File`](crate::Error::File) where it cannot be read,
    /// [`Error::Config`](crate::Error::Config) with the place of a mistake. Mistakes in the config of a
    /// run show when the runs are planned.
    pub fn read(path: &Path) -> Result<ExperimentFile> {
        Self::of(Source::read(path)?)
    }

    /// Parses a text; `file` is its name in messages.
    ///
    /// # Errors
    /// As [`ExperimentFile::read`].
    pub fn parse(file: &str, text: &str) -> Result<ExperimentFile> {
        Self::of(Source::parse(file, text)?)
    }

    fn of(source: Source) -> Result<ExperimentFile> {
        let written: Written = source.deserialize()?;
        check_names(&source, &written)?;
        let arms = written.arms.iter().map(|arm| ArmInfo {
            name: arm.name.clone(),
            label: arm.label.clone().unwrap_or_else(|| arm.name.clone()),
        });
        let factor = |(i, factor): (usize, &Factor)| FactorInfo {
            name: factor.name.clone(),
            key: factor.key.clone(),
            levels: level_nodes(&source, i).iter().map(|node| level(node, &source)).collect(),
        };
        let factors: Vec<FactorInfo> = written.factors.iter().enumerate().map(factor).collect();
        let (arms, searches) = (arms.collect(), of_arms(&source, &written)?);
        let file = ExperimentFile { source, written, arms, factors, searches };
        file.check_factors()?;
        file.check_keys()?;
        file.check_landscape()?;
        Ok(file)
    }

    /// The text of the file.
    #[must_use]
    pub fn text(&self) -> &str {
        self.source.text()
    }

    /// What it is called: letters, digits, `-`, `_` and `.`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.written.name
    }

    /// Its name for people.
    #[must_use]
    pub fn title(&self) -> &str {
        self.written.title.as_deref().unwrap_or(&self.written.name)
    }

    /// What it is to find out.
    #[must_use]
    pub fn question(&self) -> &str {
        &self.written.question
    }

    /// The key of the measure that the question is about.
    #[must_use]
    pub fn measure(&self) -> &str {
        &self.written.measure
    }

    /// The arm that the others are compared with; the first where the file does not say.
    #[must_use]
    pub fn baseline(&self) -> &str {
        self.written.baseline.as_deref().unwrap_or(&self.arms[0].name)
    }

    /// What is compared.
    #[must_use]
    pub fn arms(&self) -> &[ArmInfo] {
        &self.arms
    }

    /// What is varied for every arm.
    #[must_use]
    pub fn factors(&self) -> &[FactorInfo] {
        &self.factors
    }

    /// The seeds.
    #[must_use]
    pub fn seeds(&self) -> &[u64] {
        &self.written.seeds
    }

    /// What is measured of the trained networks, if anything.
    #[must_use]
    pub fn flatness(&self) -> Option<&FlatnessConfig> {
        self.written.flatness.as_ref()
    }

    pub(super) fn tune(&self) -> Option<&Tune> {
        self.written.tune.as_ref()
    }

    pub(super) fn searches(&self, arm: usize) -> &[Search] {
        &self.searches[arm]
    }

    /// Every combination of levels, as positions, the last factor's changing fastest; one empty one
    /// where there are no factors.
    pub(super) fn combinations(&self) -> Vec<Vec<usize>> {
        self.factors.iter().fold(vec![Vec::new()], |shorter, factor| {
            let longer = |levels: Vec<usize>| {
                (0..factor.levels.len()).map(move |level| [levels.as_slice(), &[level]].concat())
            };
            shorter.into_iter().flat_map(longer).collect()
        })
    }

    /// The name of the runs of an arm at some levels.
    pub(super) fn cell_name(&self, arm: usize, levels: &[usize]) -> String {
        let mut name = self.arms[arm].name.clone();
        for (factor, &level) in self.factors.iter().zip(levels) {
            name += &format!("-{}-{}", slug(&factor.name), slug(&factor.levels[level]));
        }
        name
    }

    /// The config of a run: that of `[base]`, changed by its arm, its levels, the values of a search,
    /// and what the program adds.
    pub(super) fn config(
        &self,
        arm: usize,
        levels: &[usize],
        values: &Values,
        changes: &[Change],
    ) -> Result<ConfigFile> {
        let mut source = self.config_of_arm(arm)?;
        for (i, (factor, &level)) in self.factors.iter().zip(levels).enumerate() {
            source.tree.put(&factor.key, level_nodes(&self.source, i)[level].clone());
        }
        for search in &self.searches[arm] {
            if let Some(value) = values.get(&search.key) {
                source.tree.put(&search.key, Node::of_json(value, &search.place));
            }
        }
        ConfigFile::of(source, changes)
    }

    /// `[base]` as the arm changes it.
    fn config_of_arm(&self, arm: usize) -> Result<Source, ConfigError> {
        let empty =
            || Node { value: Value::Table(Vec::new()), place: self.source.tree.place.clone() };
        let base = self.source.tree.find("base").cloned().unwrap_or_else(empty);
        let name = format!("{}, arm `{}`", self.source.file, self.arms[arm].name);
        let mut source = self.source.part(name, base);
        for (i, key) in self.written.arms[arm].unset.iter().enumerate() {
            if !source.tree.remove(key) {
                let at = self.source.tree.find(&format!("arm.{arm}.unset.{i}"));
                let at =
                    at.map_or_else(|| self.source.tree.place.clone(), |node| node.place.clone());
                let near = source.near(key).unwrap_or_default();
                return Err(source.error(&at, key, "there is no such key to unset".into(), near));
            }
        }
        for (key, node) in self.sets(arm) {
            source.tree.put(&key, node);
        }
        Ok(source)
    }

    /// The keys that an arm sets, with their values.
    pub(super) fn sets(&self, arm: usize) -> Vec<(String, Node)> {
        let table = self.source.tree.find(&format!("arm.{arm}.set"));
        table.map_or(Vec::new(), |table| dotted(table, &self.source, true))
    }

    /// A mistake at a place in the file.
    pub(super) fn mistake_at(
        &self,
        place: &Place,
        field: &str,
        problem: String,
        allowed: &str,
    ) -> ConfigError {
        self.source.error(place, field, problem, allowed.into())
    }
}

/// The levels of a factor as they are written.
fn level_nodes(source: &Source, factor: usize) -> &[Node] {
    match source.tree.find(&format!("factor.{factor}.levels")).map(|node| &node.value) {
        Some(Value::Array(levels)) => levels,
        _ => &[],
    }
}
