//! Random search: what is drawn for each trial, and which trial is chosen.

use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde_json::Value as Json;

use super::keys::dotted;
use super::record::Trial;
use super::written::Written;
use crate::config::{ConfigError, Node, Place, Source, Value};

/// The value of each field that is searched.
pub(super) type Values = BTreeMap<String, Json>;

/// A field that is searched.
#[derive(Clone, Debug)]
pub(super) struct Search {
    /// Its dotted key in a run's config.
    pub(super) key: String,
    /// Where its range was written.
    pub(super) place: Place,
    range: Range,
}

#[derive(Clone, Debug, PartialEq)]
enum Range {
    LogUniform(f64, f64),
    Uniform(f64, f64),
    Choice(Vec<Json>),
}

/// The most fields that a search table can name.
const MAX_FIELDS: usize = 32;

/// How a range is written.
const FORMS: &str = "write it as { log_uniform = [1e-4, 1e-1] }, { uniform = [0.8, 0.99] } or \
                     { choice = [1, 2, 3] }, the lower end first";

/// The fields that the search table at a dotted path of the file names; none where there is no table.
fn fields(source: &Source, path: &str) -> Result<Vec<Search>, ConfigError> {
    let Some(table) = source.tree.find(path) else { return Ok(Vec::new()) };
    let read = |(key, node): (String, Node)| {
        let mistake = |problem: &str| {
            let field = format!("{path}.{key}");
            source.error(&node.place, &field, problem.to_string(), FORMS.into())
        };
        let range = range(&node).map_err(mistake)?;
        Ok(Search { key, place: node.place.clone(), range })
    };
    let found = dotted(table, source, false);
    if found.len() > MAX_FIELDS {
        let problem = format!("{} fields are searched", found.len());
        let allowed = format!("no number of trials covers so many; at most {MAX_FIELDS} are");
        return Err(source.mistake(path, problem, allowed));
    }
    found.into_iter().map(read).collect()
}

/// What is searched for each arm: the fields of all arms, and over them its own.
pub(super) fn of_arms(source: &Source, written: &Written) -> Result<Vec<Vec<Search>>, ConfigError> {
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

fn range(node: &Node) -> Result<Range, &'static str> {
    let Value::Table(entries) = &node.value else { return Err("is no range") };
    let [entry] = entries.as_slice() else { return Err("must be exactly one range") };
    let Value::Array(items) = &entry.node.value else { return Err("the range has no ends") };
    let items: Option<Vec<Json>> = items.iter().map(Node::to_json).collect();
    let items = items.ok_or("a number is not finite")?;
    if entry.key == "choice" {
        return if items.is_empty() { Err("there is no choice") } else { Ok(Range::Choice(items)) };
    }
    let ends: Option<Vec<f64>> = items.iter().map(Json::as_f64).collect();
    let (low, high) = match ends.as_deref() {
        Some(&[low, high]) if low < high && (high - low).is_finite() => (low, high),
        Some(&[low, high]) if low < high => return Err("the range is too wide"),
        Some([_, _]) => return Err("the range is empty"),
        _ => return Err("a range has two numbers"),
    };
    match entry.key.as_str() {
        "log_uniform" if low <= 0.0 => Err("a logarithmic range must be above 0"),
        "log_uniform" if (high / low).is_infinite() => Err("the range is too wide"),
        "log_uniform" => Ok(Range::LogUniform(low, high)),
        "uniform" => Ok(Range::Uniform(low, high)),
        _ => Err("the kind of range is unknown"),
    }
}

impl Search {
    /// The value for a trial. Every (seed, arm, trial, field) has random numbers of its own, arm and field by
    /// their positions in the file: they change with these, and not with how many trials there are or what
    /// comes after them.
    pub(super) fn draw(&self, seed: u64, arm: usize, trial: usize, field: usize) -> Json {
        let mut key = [0; 32];
        let parts = [seed, arm as u64, trial as u64, field as u64];
        for (bytes, part) in key.chunks_exact_mut(8).zip(parts) {
            bytes.copy_from_slice(&part.to_le_bytes());
        }
        // 53 bits, as many as the fraction of an f64 has.
        let unit = (ChaCha8Rng::from_seed(key).next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        match &self.range {
            Range::LogUniform(low, high) => {
                let value = (low.ln() + unit * (high / low).ln()).exp();
                Json::from(parsed(format!("{value:.2e}"), value).clamp(*low, *high))
            }
            Range::Uniform(low, high) => {
                let value = low + unit * (high - low);
                let decimals = (2.0 - (high - low).log10().floor()).max(0.0) as usize;
                Json::from(parsed(format!("{value:.decimals$}"), value).clamp(*low, *high))
            }
            Range::Choice(values) => values[(unit * values.len() as f64) as usize].clone(),
        }
    }
}

/// A number as it is quoted.
fn parsed(text: String, value: f64) -> f64 {
    text.parse().unwrap_or(value)
}

/// The trial with the highest validation accuracy, the earliest of equals, and that accuracy; none
/// where all failed.
pub(super) fn best(tried: &[Trial]) -> Option<(usize, f64)> {
    let scored = tried.iter().enumerate().filter_map(|(i, trial)| Some((i, trial.val_acc?)));
    scored.reduce(|best, next| if next.1 > best.1 { next } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(text: &str) -> Search {
        let source = Source::parse("a.toml", &format!("fields.\"a.b\" = {text}")).unwrap();
        fields(&source, "fields").unwrap().remove(0)
    }

    fn draws(text: &str) -> Vec<f64> {
        let search = search(text);
        (0..2000).map(|trial| search.draw(1000, 0, trial, 0).as_f64().unwrap()).collect()
    }

    #[test]
    fn draws_fill_their_range_evenly_and_can_be_quoted() {
        let log = draws("{ log_uniform = [1e-4, 1e-2] }");
        assert!(log.iter().all(|x| (1e-4..=1e-2).contains(x)));
        let below = log.iter().filter(|x| **x < 1e-3).count();
        assert!((900..1100).contains(&below), "{below} of 2000 are in the lower decade");
        assert!(
            log.iter().all(|x| format!("{x:e}").split('e').next().unwrap().len() <= 4),
            "{log:?}"
        );
        let uniform = draws("{ uniform = [0.8, 0.99] }");
        let mean = uniform.iter().sum::<f64>() / 2000.0;
        assert!((mean - 0.895).abs() < 0.005, "{mean}");
        assert!(uniform.iter().all(|x| (x * 1e3 - (x * 1e3).round()).abs() < 1e-9));
        let choice = draws("{ choice = [1, 2, 3, 4] }");
        let ones = choice.iter().filter(|x| **x == 1.0).count();
        assert!((400..600).contains(&ones), "{ones} of 2000 are the first of four");
        assert!(
            search("{ choice = [1, 2] }").draw(0, 0, 0, 0).is_u64(),
            "whole numbers stay whole"
        );
    }

    #[test]
    fn every_arm_trial_and_field_has_draws_of_its_own() {
        let search = search("{ uniform = [0, 1e9] }");
        let draw = |seed, arm, trial, field| search.draw(seed, arm, trial, field).to_string();
        let first = draw(1, 0, 1, 0);
        assert_eq!(draw(1, 0, 1, 0), first);
        for other in [draw(2, 0, 1, 0), draw(1, 1, 1, 0), draw(1, 0, 2, 0), draw(1, 0, 1, 1)] {
            assert_ne!(other, first);
        }
    }

    #[test]
    fn ranges_that_cannot_be_name_their_line() {
        for (text, problem) in [
            ("3", "is no range"),
            ("{ log_uniform = [0.0, 1.0] }", "above 0"),
            ("{ uniform = [2, 1] }", "is empty"),
            ("{ uniform = [1] }", "two numbers"),
            ("{ uniform = [1, \"a\"] }", "two numbers"),
            ("{ choice = [] }", "no choice"),
            ("{ normal = [0, 1] }", "unknown"),
            ("{ uniform = [0, inf] }", "not finite"),
            ("{ uniform = [-1e308, 1e308] }", "too wide"),
            ("{ log_uniform = [1e-300, 1e300] }", "too wide"),
        ] {
            let source = Source::parse("a.toml", &format!("\n[fields]\n\"a.b\" = {text}")).unwrap();
            let message = fields(&source, "fields").unwrap_err().to_string();
            assert!(
                message.starts_with("a.toml, line 3, column 9: field `fields.a.b`: "),
                "{message}"
            );
            assert!(message.contains(problem) && message.contains("log_uniform ="), "{message}");
        }
    }

    #[test]
    fn the_best_trial_is_the_earliest_of_equals_and_a_failed_one_is_none() {
        let trial = |val_acc| Trial { values: Values::new(), val_acc };
        let tried = [None, Some(0.5), Some(0.7), Some(0.7), None].map(trial);
        assert_eq!(best(&tried), Some((2, 0.7)));
        assert_eq!(best(&tried[..1]), None);
    }
}
