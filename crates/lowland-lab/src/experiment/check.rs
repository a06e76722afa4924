//! Mistakes in an experiment's file that its runs would not show.

use super::keys::{is_name, overlap, slug};
use super::written::Written;
use super::{ExperimentFile, Settings};
use crate::config::{ConfigError, Node, Source, nearest};
use crate::plan::Plan;
use crate::statistics::{is_measure, keys};

/// Fields that cannot be searched: a trial is to differ from the others in its method alone, and to be
/// judged on as many images.
const UNSEARCHED: [&str; 4] =
    ["train.epochs", "record.weights_every_epochs", "data.validation_fraction", "data.subset"];

/// Fields of a run's config that an experiment gives every run itself.
const GIVEN: [&str; 2] = ["name", "seed"];

impl ExperimentFile {
    /// Names that would give two runs one folder are refused, and levels that are the same.
    pub(super) fn check_factors(&self) -> Result<(), ConfigError> {
        for (i, factor) in self.factors().iter().enumerate() {
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
        for arm in 0..self.arms().len() {
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
    pub(super) fn check_keys(&self) -> Result<(), ConfigError> {
        let given = |key: &str| GIVEN.iter().any(|given| overlap(key, given));
        let gives = "the experiment gives each run its name and its seed: leave it out";
        for key in GIVEN.map(|key| format!("base.{key}")) {
            if self.source.tree.find(&key).is_some() {
                return Err(self.source.mistake(&key, "is not possible here", gives));
            }
        }
        for arm in 0..self.arms().len() {
            if let Some((key, node)) = self.sets(arm).into_iter().find(|(key, _)| given(key)) {
                let field = format!("arm.{arm}.set.{key}");
                let problem = "is not possible here".to_string();
                return Err(self.source.error(&node.place, &field, problem, gives.into()));
            }
        }
        let mut taken: Vec<&str> = GIVEN.to_vec();
        for (i, factor) in self.factors().iter().enumerate() {
            if let Some(other) = taken.iter().find(|other| overlap(other, &factor.key)) {
                let problem = format!("`{}` is given by `{other}` already", factor.key);
                return Err(self.source.mistake(&format!("factor.{i}.key"), problem, ""));
            }
            taken.push(&factor.key);
        }
        for search in self.searches.iter().flatten() {
            if let Some(other) = UNSEARCHED.iter().find(|other| overlap(other, &search.key)) {
                let problem = format!("`{other}` cannot be searched");
                let allowed = "all trials train for the epochs of [tune], on the same images, and are \
                               judged on the same; search what belongs to the method";
                return Err(self.source.error(&search.place, &search.key, problem, allowed.into()));
            }
            if let Some(other) = taken.iter().find(|other| overlap(other, &search.key)) {
                let problem =
                    format!("`{other}` is given by the experiment, and cannot be searched");
                return Err(self.source.error(&search.place, &search.key, problem, String::new()));
            }
        }
        Ok(())
    }

    /// Images that all runs have by `--subset` are not given by an arm or a factor.
    pub(super) fn check_subset(&self, settings: &Settings) -> Result<(), ConfigError> {
        const SUBSET: &str = "data.subset";
        let Some(images) = settings.subset else { return Ok(()) };
        let problem = || format!("`{SUBSET}` is given here, and by --subset {images} too");
        let allowed = "leave --subset out, or run a file without it";
        let sets = |(key, node): &(String, Node)| match key.as_str() {
            "data" => node.find("subset").is_some(),
            key => key == SUBSET,
        };
        for arm in 0..self.arms().len() {
            if let Some((key, node)) = self.sets(arm).into_iter().find(sets) {
                let field = format!("arm.{arm}.set.{key}");
                return Err(self.source.error(&node.place, &field, problem(), allowed.into()));
            }
        }
        match self.factors().iter().position(|factor| overlap(&factor.key, SUBSET)) {
            Some(i) => Err(self.source.mistake(&format!("factor.{i}.key"), problem(), allowed)),
            None => Ok(()),
        }
    }

    pub(super) fn check_landscape(&self) -> Result<(), ConfigError> {
        let landscape = self.flatness().and_then(|flatness| flatness.landscape.as_ref());
        for (i, name) in landscape.iter().flat_map(|landscape| &landscape.arms).enumerate() {
            if !self.arms().iter().any(|arm| arm.name == *name) {
                let field = format!("flatness.landscape.arms.{i}");
                return Err(self.source.mistake(&field, no_arm(name), known(&self.written)));
            }
        }
        Ok(())
    }

    /// What is to be measured can be measured of a run.
    pub(super) fn check_flatness(&self, plan: &Plan) -> Result<(), ConfigError> {
        let checked = self.flatness().map_or(Ok(()), |flatness| flatness.check(plan.config()));
        checked.map_err(|mistake| {
            let field = format!("flatness.{}", mistake.field);
            let problem = format!("{} is not possible", mistake.value);
            self.source.mistake(&field, problem, mistake.allowed)
        })
    }
}

fn no_arm(name: &str) -> String {
    format!("there is no arm `{name}`")
}

fn known(written: &Written) -> String {
    let names: Vec<String> = written.arms.iter().map(|arm| format!("`{}`", arm.name)).collect();
    format!("there are {}", names.join(", "))
}

/// Checks the names, and that there are arms and seeds.
pub(super) fn check_names(source: &Source, written: &Written) -> Result<(), ConfigError> {
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
    if !is_measure(&written.measure) {
        let problem = format!("there is no measure `{}`", written.measure);
        let known = keys();
        let near = nearest(&written.measure, known.iter().map(String::as_str));
        let near = near.map_or(String::new(), |near| format!("did you mean `{near}`? "));
        let known = known.join(", ");
        let allowed = format!("{near}there are {known}, and such as noise_normal_0.1_acc");
        return Err(source.mistake("measure", problem, allowed));
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
