//! The runs of an experiment, each a plan before the first of them starts.

use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use super::search::Values;
use super::{Cell, ExperimentFile, Settings, State, Tuned};
use crate::Result;
use crate::config::Change;
use crate::flatness::FlatnessConfig;
use crate::plan::Plan;

/// A run of the experiment.
#[derive(Clone, Debug)]
pub(super) struct Planned {
    /// Its directory, relative to that of the experiment.
    pub(super) folder: PathBuf,
    /// The position of its arm.
    pub(super) arm: usize,
    /// What it is called in lines for people.
    pub(super) title: String,
    pub(super) plan: Plan,
    /// What is measured of its network, and whether surfaces are among it.
    pub(super) flatness: Option<(FlatnessConfig, bool)>,
}

impl Planned {
    /// The folder that the runs of one cell, or the trials of one arm, have in common.
    pub(super) fn cell(&self) -> &Path {
        self.folder.parent().unwrap_or(&self.folder)
    }

    /// Whether surfaces around its solution are measured.
    pub(super) fn with_landscape(&self) -> bool {
        self.flatness.as_ref().is_some_and(|(_, with_landscape)| *with_landscape)
    }
}

/// Checks every run of an experiment without a dataset or a device. Returns how many trials and how many
/// runs there are.
///
/// # Errors
/// [`Error::Config`](crate::Error::Config) for the first mistake.
pub fn check(file: &ExperimentFile, data_folder: &Path) -> Result<(usize, usize)> {
    let settings = Settings { data_folder: data_folder.to_path_buf(), ..Settings::default() };
    let trials = trials(file, &settings)?.iter().map(Vec::len).sum();
    Ok((trials, grid(file, &settings, &[])?.len()))
}

/// The trials of the search: for each arm as many, each with its values. Empty without a search.
pub(super) fn trials(
    file: &ExperimentFile,
    settings: &Settings,
) -> Result<Vec<Vec<(Values, Planned)>>> {
    let Some(tune) = file.tune() else { return Ok(Vec::new()) };
    let of_arm = |arm: usize| {
        let own = own_values(file, settings, arm)?;
        let trial = |trial: usize| {
            let values = if trial == 0 { own.clone() } else { drawn(file, arm, trial) };
            let name = &file.arms()[arm].name;
            let number = trial + 1;
            let mut changes = changes(&format!("{name}-trial-{number:02}"), tune.seed, settings);
            changes.push(Change::Set(format!("train.epochs={}", tune.epochs)));
            changes.push(Change::Set("record.weights_every_epochs=0".into()));
            let config = file.config(arm, &first_levels(file), &values, &changes)?;
            let planned = Planned {
                folder: PathBuf::from("tune").join(name).join(format!("trial-{number:02}")),
                arm,
                title: format!("{name}, trial {number} of {}", tune.trials),
                plan: Plan::new(config, &settings.data_folder)?,
                flatness: None,
            };
            if planned.plan.config().data.validation_fraction == 0.0 {
                let allowed = "the search chooses by the accuracy on validation images";
                let field = "data.validation_fraction";
                return Err(planned.plan.file().impossible(field, 0, allowed));
            }
            Ok((values, planned))
        };
        (0..tune.trials).map(trial).collect()
    };
    (0..file.arms().len()).map(of_arm).collect()
}

/// The runs of the grid, with what the search has chosen for each arm, if it has.
pub(super) fn grid(
    file: &ExperimentFile,
    settings: &Settings,
    tuned: &[Tuned],
) -> Result<Vec<(Cell, Planned)>> {
    file.check_subset(settings)?;
    let mut grid = Vec::new();
    for (arm, info) in file.arms().iter().enumerate() {
        let values = tuned.iter().find(|tuned| tuned.arm == info.name);
        let values = values.map(|tuned| tuned.values.clone()).unwrap_or_default();
        for levels in file.combinations() {
            let name = file.cell_name(arm, &levels);
            for (position, &seed) in file.seeds().iter().enumerate() {
                let changes = changes(&name, seed, settings);
                let config = file.config(arm, &levels, &values, &changes)?;
                let folder = format!("runs/{name}/seed-{seed}");
                let first = position == 0 && levels == first_levels(file);
                let plan = Plan::new(config, &settings.data_folder)?;
                file.check_flatness(&plan)?;
                let with_landscape = |flatness: &FlatnessConfig| {
                    let arms = flatness.landscape.as_ref().map(|landscape| &landscape.arms);
                    first && arms.is_some_and(|arms| arms.is_empty() || arms.contains(&info.name))
                };
                let planned = Planned {
                    folder: folder.clone().into(),
                    arm,
                    title: title(file, arm, &levels, seed),
                    plan,
                    flatness: file.flatness().map(|f| (f.clone(), with_landscape(f))),
                };
                let of = file.factors().iter().zip(&levels);
                let cell = Cell {
                    arm: info.name.clone(),
                    levels: of.map(|(factor, &level)| factor.levels[level].clone()).collect(),
                    seed,
                    folder,
                    state: State::Waiting,
                };
                grid.push((cell, planned));
            }
        }
    }
    file.check_measure(&grid)?;
    Ok(grid)
}

fn first_levels(file: &ExperimentFile) -> Vec<usize> {
    vec![0; file.factors().len()]
}

/// What the program adds to the config of a run.
fn changes(name: &str, seed: u64, settings: &Settings) -> Vec<Change> {
    let mut changes = vec![format!("name=\"{name}\""), format!("seed={seed}")];
    changes.extend(settings.subset.map(|images| format!("data.subset={images}")));
    changes.into_iter().map(Change::Set).collect()
}

fn title(file: &ExperimentFile, arm: usize, levels: &[usize], seed: u64) -> String {
    let of = file.factors().iter().zip(levels);
    let levels = of.map(|(factor, &level)| format!("{} {}, ", factor.name, factor.levels[level]));
    format!("{}, {}seed {seed}", file.arms()[arm].name, levels.collect::<String>())
}

/// What the fields that are searched are without a search, defaults included.
fn own_values(file: &ExperimentFile, settings: &Settings, arm: usize) -> Result<Values> {
    let none = Values::new();
    let config = file.config(arm, &first_levels(file), &none, &changes("own", 0, settings))?;
    let plan = Plan::new(config, &settings.data_folder)?;
    let config = serde_json::to_value(plan.config()).unwrap_or_default();
    let value = |search: &super::search::Search| {
        let found = search.key.split('.').try_fold(&config, |at: &Json, key| at.get(key));
        let found = found.filter(|value| !value.is_null()).cloned().ok_or_else(|| {
            let name = &file.arms()[arm].name;
            file.mistake_at(
                &search.place,
                &search.key,
                format!("the config of arm `{name}` has no such field"),
                "a search begins with the arm's own value: give it one, or search another field",
            )
        })?;
        Ok((search.key.clone(), found))
    };
    file.searches(arm).iter().map(value).collect()
}

fn drawn(file: &ExperimentFile, arm: usize, trial: usize) -> Values {
    let seed = file.tune().map_or(0, |tune| tune.seed);
    let searches = file.searches(arm).iter().enumerate();
    searches.map(|(i, search)| (search.key.clone(), search.draw(seed, arm, trial, i))).collect()
}
