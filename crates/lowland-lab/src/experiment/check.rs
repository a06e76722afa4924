//! Mistakes in an experiment's file that its runs would not show.

use std::collections::BTreeMap;

use super::keys::{is_name, overlap, slug};
use super::written::Written;
use super::{ExperimentFile, Settings};
use crate::config::{ConfigError, Node, Source, nearest};
use crate::console::grouped;
use crate::plan::Plan;
use crate::statistics::{is_measure, keys};

/// Fields that cannot be searched: a trial is to differ from the others in its method alone, and to be
/// judged on as many images.
const UNSEARCHED: [&str; 4] =
    ["train.epochs", "record.weights_every_epochs", "data.validation_fraction", "data.subset"];

/// Fields of a run's config that an experiment gives every run itself.
const GIVEN: [&str; 2] = ["name", "seed"];

/// The most runs of the grid, and the most trials: more are a slip of the pen.
const MAX_RUNS: usize = 10_000;

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
            let mut slugs = BTreeMap::new();
            for (j, level) in factor.levels.iter().enumerate() {
                if let Some(other) = slugs.insert(slug(level), level) {
                    let problem = format!("the levels {other} and {level} would have one folder");
                    return Err(self.source.mistake(&at(&format!("levels.{j}")), problem, ""));
                }
            }
        }
        let mut names = BTreeMap::new();
        for arm in 0..self.arms().len() {
            for levels in self.combinations() {
                let name = self.cell_name(arm, &levels);
                if names.get(&name).is_some_and(|of| *of != arm) {
                    let problem = format!("two arms would have the folder `{name}`");
                    return Err(self.source.mistake(&format!("arm.{arm}.name"), problem, ""));
                }
                names.insert(name, arm);
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

/// Refuses more runs or trials than anybody means, before any of them is looked at.
fn check_size(source: &Source, written: &Written) -> Result<(), ConfigError> {
    let refuse = |field: &str, what: &str, times: &[usize]| {
        let number = times.iter().fold(1, |n: usize, m| n.saturating_mul(*m));
        if number <= MAX_RUNS {
            return Ok(());
        }
        let most = grouped(MAX_RUNS);
        let problem = format!("there would be more than {most} {what}");
        Err(source.mistake(field, problem, format!("an experiment can have {most} of them")))
    };
    let arms = written.arms.len();
    let levels = written.factors.iter().map(|factor| factor.levels.len());
    let sizes: Vec<usize> = [arms, written.seeds.len()].into_iter().chain(levels).collect();
    let field = if written.factors.is_empty() { "seeds" } else { "factor" };
    refuse(field, "runs", &sizes)?;
    let trials = written.tune.as_ref().map_or(0, |tune| tune.trials);
    refuse("tune.trials", "trials", &[arms, trials])
}

/// Checks the names, and that there are arms and seeds, and not too many.
pub(super) fn check_names(source: &Source, written: &Written) -> Result<(), ConfigError> {
    check_size(source, written)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(more: &str) -> String {
        let head = "name = \"a\"\nquestion = \"?\"\n";
        let text = format!("{head}{more}\n[base]\n[[arm]]\nname = \"b\"\n");
        ExperimentFile::parse("a.toml", &text).unwrap_err().to_string()
    }

    /// A few lines can ask for more runs than there are atoms.
    #[test]
    fn experiments_that_nobody_means_are_refused_before_they_are_spread_out() {
        let levels: Vec<String> = (0..10).map(|level| level.to_string()).collect();
        let factor = |i| {
            let levels = levels.join(", ");
            format!("[[factor]]\nname = \"f{i}\"\nkey = \"a.k{i}\"\nlevels = [{levels}]\n")
        };
        let factors: String = (0..20).map(factor).collect();
        let error = refused(&format!("seeds = [1]\n{factors}"));
        assert!(error.contains("there would be more than 10,000 runs"), "{error}");
        let seeds: Vec<String> = (0..10_001).map(|seed| seed.to_string()).collect();
        let error = refused(&format!("seeds = [{}]", seeds.join(", ")));
        assert!(error.contains("field `seeds`: there would be more than 10,000 runs"), "{error}");
        let trials = format!("seeds = [1]\n[tune]\ntrials = {}\nepochs = 1\nseed = 2", i64::MAX);
        let error = refused(&trials);
        assert!(error.contains("`tune.trials`: there would be more than 10,000 trials"), "{error}");
    }
}
