//! Parameter groups: which parameters a chain steps, and with which share of the learning rate.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use lowland_core::chain::Prepared;
use lowland_core::{Clock, DType};

use crate::error::{Error, Result, require};
use crate::together::memory_names;
use crate::update::Update;

/// What a group of parameters is stepped with, and which parameters are in it.
///
/// A parameter belongs to the first group that selects it.
#[derive(Clone, Debug)]
pub struct GroupSpec {
    pub(crate) name: String,
    pub(crate) update: Update,
    pub(crate) lr_factor: f64,
    selects: Selects,
}

#[derive(Clone)]
enum Selects {
    All,
    Names(BTreeSet<String>),
    Predicate(Arc<dyn Fn(&str) -> bool + Send + Sync>),
}

impl fmt::Debug for Selects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Selects::All => f.write_str("All"),
            Selects::Names(names) => names.fmt(f),
            Selects::Predicate(_) => f.write_str("Predicate"),
        }
    }
}

impl GroupSpec {
    /// A group of all parameters, stepped by an update, or by a [`Chain`](lowland_core::Chain).
    pub fn all(name: impl Into<String>, update: impl Into<Update>) -> Self {
        let (name, update) = (name.into(), update.into());
        GroupSpec { name, update, lr_factor: 1.0, selects: Selects::All }
    }

    /// A group of the parameters of these names.
    pub fn names<S: Into<String>>(
        name: impl Into<String>,
        names: impl IntoIterator<Item = S>,
        update: impl Into<Update>,
    ) -> Self {
        let selects = Selects::Names(names.into_iter().map(Into::into).collect());
        GroupSpec { selects, ..Self::all(name, update) }
    }

    /// A group of the parameters whose names a predicate holds for.
    pub fn matching(
        name: impl Into<String>,
        predicate: impl Fn(&str) -> bool + Send + Sync + 'static,
        update: impl Into<Update>,
    ) -> Self {
        GroupSpec { selects: Selects::Predicate(Arc::new(predicate)), ..Self::all(name, update) }
    }

    /// The same with this part of the learning rate, 1 if never said.
    #[must_use]
    pub fn with_lr_factor(self, lr_factor: f64) -> Self {
        GroupSpec { lr_factor, ..self }
    }

    fn selects(&self, param: &str) -> bool {
        match &self.selects {
            Selects::All => true,
            Selects::Names(names) => names.contains(param),
            Selects::Predicate(predicate) => predicate(param),
        }
    }

    /// The names that it was given, if it was given names.
    pub(crate) fn listed(&self) -> impl Iterator<Item = &String> {
        let names = match &self.selects {
            Selects::Names(names) => Some(names),
            _ => None,
        };
        names.into_iter().flatten()
    }

    /// The clock of the group, with its learning rate.
    pub(crate) fn clock(&self, clock: &Clock) -> Clock {
        Clock { lr: clock.lr * self.lr_factor, ..*clock }
    }

    /// The scalars of a step that are known before anything is measured, each of them finite in the type of the parameters.
    pub(crate) fn prepare(&self, clock: &Clock, dtype: DType) -> Result<Vec<Prepared>> {
        let clock = self.clock(clock);
        let check = |what: &dyn Fn() -> String, value: f64| {
            let finite =
                if dtype == DType::F32 { (value as f32).is_finite() } else { value.is_finite() };
            if finite {
                return Ok(());
            }
            let (group, step) = (self.name.clone(), clock.step);
            Err(Error::NonFinite { group, what: what(), step, value, dtype })
        };
        check(&|| "the learning rate".into(), clock.lr)?;
        let field = || format!("the learning rate of group `{}`", self.name);
        require(clock.lr >= 0.0, field, "0 or more", clock.lr)?;
        let prepared = self.update.prepare(&clock);
        let stages = self.update.chains().flat_map(|chain| chain.stages());
        for (stage, scalars) in stages.zip(prepared.iter().flat_map(|p| &p.scalars)) {
            for (i, &scalar) in scalars.iter().enumerate() {
                check(&|| format!("scalar {i} of stage `{}`", stage.name()), scalar)?;
            }
        }
        Ok(prepared)
    }

    fn replace_update(&mut self, update: Update) -> Result<()> {
        let kept = |update: &Update| {
            let mut names = update.slots();
            names.extend(memory_names(update));
            names
        };
        let (have, want) = (kept(&self.update), kept(&update));
        if have != want {
            let (have, want) = (have.join(", "), want.join(", "));
            return Err(Error::Slots { group: self.name.clone(), have, want });
        }
        self.update = update;
        Ok(())
    }
}

/// Groups side by side, in the order in which they are asked.
#[derive(Clone, Debug)]
pub(crate) struct Groups(Vec<GroupSpec>);

impl Groups {
    pub(crate) fn new(groups: Vec<GroupSpec>) -> Result<Self> {
        for (i, group) in groups.iter().enumerate() {
            let invalid =
                |message: String| Err(Error::Group { group: group.name.clone(), message });
            if groups[..i].iter().any(|other| other.name == group.name) {
                return invalid("there are two groups of this name; give each its own".into());
            }
            if !(group.lr_factor.is_finite() && group.lr_factor >= 0.0) {
                let factor = group.lr_factor;
                return invalid(format!("lr_factor must be 0 or more, and finite; got {factor}"));
            }
        }
        Ok(Groups(groups))
    }

    pub(crate) fn all(&self) -> &[GroupSpec] {
        &self.0
    }

    /// The number of the group of a parameter.
    pub(crate) fn of(&self, param: &str) -> Result<usize> {
        self.0.iter().position(|group| group.selects(param)).ok_or_else(|| {
            let groups: Vec<String> = self.0.iter().map(|g| format!("`{}`", g.name)).collect();
            Error::Unmatched { name: param.into(), groups: format!("[{}]", groups.join(", ")) }
        })
    }

    pub(crate) fn set_update(&mut self, group: &str, update: Update) -> Result<()> {
        match self.0.iter_mut().find(|g| g.name == group) {
            Some(found) => found.replace_update(update),
            None => {
                Err(Error::Group { group: group.into(), message: "there is no such group".into() })
            }
        }
    }

    /// One line a group: its learning rate and what its update does.
    pub(crate) fn explain(&self, size: impl Fn(usize) -> String) -> String {
        let line = |(i, group): (usize, &GroupSpec)| {
            let factor = match group.lr_factor {
                1.0 => String::new(),
                factor => format!(", lr times {factor}"),
            };
            format!("group `{}` ({}{factor}): {}", group.name, size(i), group.update.explain())
        };
        self.0.iter().enumerate().map(line).collect::<Vec<String>>().join("\n")
    }
}
