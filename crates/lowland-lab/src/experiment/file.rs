//! An experiment's file, checked: what is compared, at which levels, with which seeds.

use std::path::Path;

use super::keys::{dotted, is_name, level, overlap, slug};
use super::search::{Search, Values, fields};
use super::written::{Tune, Written};
use super::{ArmInfo, FactorInfo};
use crate::Result;
use crate::config::{Change, ConfigError, ConfigFile, Node, Place, Source, Value};
use crate::flatness::FlatnessConfig;

/// Fields of a run's config that an experiment gives every run itself.
const GIVEN: [&str; 2] = ["name", "seed"];

/// An experiment's file.
#[derive(Debug)]
pub struct ExperimentFile {
    source: Source,
    written: Written,
    arms: Vec<ArmInfo>,
    factors: Vec<FactorInfo>,
    /// What is searched for each arm.
    searches: Vec<Vec<Search>>,
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
        let factor = |(i, factor): (usize, &super::written::Factor)| FactorInfo {
            name: factor.name.clone(),
            key: factor.key.clone(),
            levels: level_nodes(&source, i).iter().map(|node| level(node, &source)).collect(),
        };
        let factors: Vec<FactorInfo> = written.factors.iter().enumerate().map(factor).collect();
        let (arms, searches) = (arms.collect(), searches(&source, &written)?);
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
    fn sets(&self, arm: usize) -> Vec<(String, Node)> {
        let table = self.source.tree.find(&format!("arm.{arm}.set"));
        table.map_or(Vec::new(), |table| dotted(table, &self.source, true))
    }

    /// Names that would give two runs one folder are refused, and levels that are the same.
    fn check_factors(&self) -> Result<(), ConfigError> {
        for (i, factor) in self.factors.iter().enumerate() {
            let at = |field: &str| format!("factor.{i}.{field}");
            if slug(&factor.name).is_empty() {
                return Err(self.source.mistake(&at("name"), "a factor needs a name", ""));
            }
            if factor.levels.is_empty() {
                return Err(self.source.mistake(&at("levels"), "there is no level", ""));
            }
            for (j, level) in factor.levels.iter().enumerate() {
                let same = |other: &String| slug(other) == slug(level);
                if let Some(other) = factor.levels[..j].iter().find(|other| same(other)) {
                    let problem = format!("the levels {other} and {level} would have one folder");
                    return Err(self.source.mistake(&at(&format!("levels.{j}")), problem, ""));
                }
            }
        }
        let mut names: Vec<(String, usize)> = Vec::new();
        for arm in 0..self.arms.len() {
            for levels in self.combinations() {
                let name = self.cell_name(arm, &levels);
                if names.iter().any(|(other, of)| *other == name && *of != arm) {
                    let problem = format!("two arms would have the folder `{name}`");
                    return Err(self.source.mistake(&format!("arm.{arm}.name"), problem, ""));
                }
                names.push((name, arm));
            }
        }
        Ok(())
    }

    /// No key is given twice: by the experiment, a factor, or the search.
    fn check_keys(&self) -> Result<(), ConfigError> {
        let given = |key: &str| GIVEN.iter().any(|given| overlap(key, given));
        let gives = "the experiment gives each run its name and its seed: leave it out";
        for key in GIVEN.map(|key| format!("base.{key}")) {
            if self.source.tree.find(&key).is_some() {
                return Err(self.source.mistake(&key, "is not possible here", gives));
            }
        }
        for arm in 0..self.arms.len() {
            if let Some((key, node)) = self.sets(arm).into_iter().find(|(key, _)| given(key)) {
                let field = format!("arm.{arm}.set.{key}");
                let problem = "is not possible here".to_string();
                return Err(self.source.error(&node.place, &field, problem, gives.into()));
            }
        }
        let mut taken: Vec<&str> = GIVEN.to_vec();
        for (i, factor) in self.factors.iter().enumerate() {
            if let Some(other) = taken.iter().find(|other| overlap(other, &factor.key)) {
                let problem = format!("`{}` is given by `{other}` already", factor.key);
                return Err(self.source.mistake(&format!("factor.{i}.key"), problem, ""));
            }
            taken.push(&factor.key);
        }
        for search in self.searches.iter().flatten() {
            if let Some(other) = taken.iter().find(|other| overlap(other, &search.key)) {
                let problem =
                    format!("`{other}` is given by the experiment, and cannot be searched");
                return Err(self.source.error(&search.place, &search.key, problem, String::new()));
            }
        }
        Ok(())
    }

    fn check_landscape(&self) -> Result<(), ConfigError> {
        let landscape = self.flatness().and_then(|flatness| flatness.landscape.as_ref());
        for (i, name) in landscape.iter().flat_map(|landscape| &landscape.arms).enumerate() {
            if !self.arms.iter().any(|arm| arm.name == *name) {
                let field = format!("flatness.landscape.arms.{i}");
                return Err(self.source.mistake(&field, no_arm(name), known(&self.written)));
            }
        }
        Ok(())
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

fn no_arm(name: &str) -> String {
    format!("there is no arm `{name}`")
}

fn known(written: &Written) -> String {
    let names: Vec<String> = written.arms.iter().map(|arm| format!("`{}`", arm.name)).collect();
    format!("there are {}", names.join(", "))
}

fn check_names(source: &Source, written: &Written) -> Result<(), ConfigError> {
    let allowed = "1 to 60 letters, digits, `-`, `_` and `.`, the first not a `.`, are allowed";
    let not_a_name = |field: &str, name: &str| {
        source.mistake(field, format!("\"{name}\" is not possible"), allowed)
    };
    if !is_name(&written.name) {
        return Err(not_a_name("name", &written.name));
    }
    if written.arms.is_empty() {
        return Err(source.mistake("", "there is no arm", "give at least one table [[arm]]"));
    }
    for (i, arm) in written.arms.iter().enumerate() {
        let field = format!("arm.{i}.name");
        if !is_name(&arm.name) {
            return Err(not_a_name(&field, &arm.name));
        }
        if written.arms[..i].iter().any(|other| other.name == arm.name) {
            return Err(source.mistake(&field, format!("two arms are called `{}`", arm.name), ""));
        }
    }
    if let Some(name) = &written.baseline
        && !written.arms.iter().any(|arm| arm.name == *name)
    {
        return Err(source.mistake("baseline", no_arm(name), known(written)));
    }
    if written.seeds.is_empty() {
        return Err(source.mistake("seeds", "there is no seed", "give at least one"));
    }
    for (i, seed) in written.seeds.iter().enumerate() {
        if written.seeds[..i].contains(seed) {
            let field = format!("seeds.{i}");
            return Err(source.mistake(&field, format!("the seed {seed} is there twice"), ""));
        }
    }
    Ok(())
}

/// What is searched for each arm: the fields of all arms, and over them its own.
fn searches(source: &Source, written: &Written) -> Result<Vec<Vec<Search>>, ConfigError> {
    let Some(tune) = &written.tune else {
        let own = (0..written.arms.len()).map(|arm| format!("arm.{arm}.tune"));
        for field in own {
            if source.tree.find(&field).is_some() {
                let problem = "fields are searched, but there is no table [tune]";
                return Err(source.mistake(
                    &field,
                    problem,
                    "give it `trials`, `epochs` and `seed`",
                ));
            }
        }
        return Ok(vec![Vec::new(); written.arms.len()]);
    };
    for (field, number) in [("tune.trials", tune.trials), ("tune.epochs", tune.epochs)] {
        if number == 0 {
            return Err(source.mistake(field, "0 is not possible", "it must be at least 1"));
        }
    }
    if written.seeds.contains(&tune.seed) {
        let problem = format!("{} is a seed of the experiment too", tune.seed);
        let allowed = "the search must have a seed of its own, so that no run is compared by the \
                       random numbers that it was tuned for";
        return Err(source.mistake("tune.seed", problem, allowed));
    }
    let shared = fields(source, "tune.fields")?;
    let of_arm = |arm: usize| {
        let own = fields(source, &format!("arm.{arm}.tune"))?;
        let mut all: Vec<Search> =
            shared.iter().filter(|f| !own.iter().any(|o| o.key == f.key)).cloned().collect();
        all.extend(own);
        if all.is_empty() {
            let problem = format!("nothing is searched for arm `{}`", written.arms[arm].name);
            let allowed = "name fields in [tune.fields] or in the arm's own `tune`";
            return Err(source.mistake("tune", problem, allowed));
        }
        Ok(all)
    };
    (0..written.arms.len()).map(of_arm).collect()
}
