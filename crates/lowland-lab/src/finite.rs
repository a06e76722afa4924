//! Numbers that are not finite: found before they do harm, and told with their place.

use std::fmt;
use std::path::PathBuf;

use lowland_core::op::{Op, Reduce, ReduceKind};
use lowland_core::{Buffer, DType, Element, Shape};
use lowland_models::{Arena, NonFinite, ParamStore};
use lowland_optim::ArenaOptimizer;

use crate::Result;
use crate::console::counted;

/// What of a training step, or of an evaluation, is a NaN or an infinity.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// The loss.
    Loss(f64),
    /// A gradient of the loss.
    Gradient(NonFinite),
    /// A running statistic, which the forward pass has moved.
    Statistic(NonFinite),
    /// A parameter, which the update has moved.
    Parameter(NonFinite),
    /// What the optimizer remembers of a parameter.
    State {
        /// The state slot.
        slot: String,
        /// Where it is not finite.
        found: NonFinite,
    },
}

impl Fault {
    /// Whether the update was made: there is no way back from it.
    pub(crate) fn is_after_update(&self) -> bool {
        matches!(self, Fault::Parameter(_) | Fault::State { .. })
    }

    fn of(arena: Arena, found: NonFinite) -> Fault {
        match arena {
            Arena::Params => Fault::Parameter(found),
            Arena::Grads => Fault::Gradient(found),
            Arena::Stats => Fault::Statistic(found),
        }
    }
}

impl fmt::Display for Fault {
    /// A sentence without its end: "the gradient of `fc.weight` is NaN at [0, 3]".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, found) = match self {
            Fault::Loss(loss) => return write!(f, "the loss is {loss}"),
            Fault::Gradient(found) => ("gradient of", found),
            Fault::Statistic(found) => ("running statistic", found),
            Fault::Parameter(found) => ("parameter", found),
            Fault::State { slot, found: NonFinite { name, index, value } } => {
                return write!(f, "the state `{slot}` of `{name}` is {value} at {index:?}");
            }
        };
        let NonFinite { name, index, value } = found;
        write!(f, "the {what} `{name}` is {value} at {index:?}")
    }
}

/// A number that is not finite, and where in a run it was found.
#[derive(Clone, Debug, PartialEq)]
pub struct NotFinite {
    /// What is not finite.
    pub fault: Fault,
    /// On which images it was found: those of training in a step; those of validation and test after
    /// the last step of an epoch.
    pub images: &'static str,
    /// The step of the run, from 1.
    pub step: u64,
    /// The epoch, from 1.
    pub epoch: usize,
    /// The batch of the epoch, from 1.
    pub batch: usize,
    /// The learning rate of the step.
    pub lr: f64,
    /// How many steps had been skipped before.
    pub skipped: usize,
    /// How many may be skipped; 0 without [`SkipAndLower`](crate::config::SkipAndLower).
    pub at_most: usize,
    /// The last checkpoint, which was written before anything was not finite; none where there is
    /// none.
    pub checkpoint: Option<PathBuf>,
}

impl fmt::Display for NotFinite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let NotFinite { fault, images, step, epoch, batch, lr, skipped, at_most, checkpoint } =
            self;
        write!(f, "{fault}")?;
        match fault {
            Fault::Loss(_) => write!(f, " on the {images} images at")?,
            Fault::Parameter(_) | Fault::State { .. } => f.write_str(", after")?,
            Fault::Gradient(_) | Fault::Statistic(_) => f.write_str(", at")?,
        }
        write!(f, " step {step} (epoch {epoch}, batch {batch}), with learning rate {lr:e}; ")?;
        f.write_str(match (fault, *images) {
            (Fault::Parameter(_), _) => "the update has broken the network",
            (Fault::State { .. }, _) => "the update has broken the optimizer",
            (_, "training") => "the step was not made, and all parameters are finite",
            _ => "all parameters are finite",
        })?;
        if *at_most > 0 {
            let skipped = counted(*skipped, "step was skipped", "steps were skipped");
            write!(f, "; {skipped} before it, of {at_most} that train.on_non_finite allows")?;
        }
        if let Some(checkpoint) = checkpoint {
            write!(f, "; the last good checkpoint is `{}`", checkpoint.display())?;
        }
        f.write_str("; try a smaller learning rate, a warm-up, or optimizer.clip")
    }
}

impl std::error::Error for NotFinite {}

/// Whether arenas are finite, by their sums: a term that is not finite makes the sum so too.
///
/// Only where a sum is not finite are arenas looked through, on the host: finite numbers too can have a
/// sum beyond all floats.
#[derive(Debug)]
pub(crate) struct Sums {
    /// An element for each arena that is looked at together.
    sums: Buffer,
    host: Vec<f32>,
}

impl Sums {
    pub(crate) fn new(store: &ParamStore, optimizer: &ArenaOptimizer) -> Result<Sums> {
        // Gradients and statistics, or parameters and state.
        let most = 2.max(1 + optimizer.state_arenas().count());
        let sums = store.device().allocate(most, DType::F32)?;
        Ok(Sums { sums, host: vec![0.0; most] })
    }

    /// The first gradient or running statistic that is not finite. Waits for the backward pass.
    pub(crate) fn fault_of_gradients(&mut self, store: &ParamStore) -> Result<Option<Fault>> {
        if self.are_finite(store, [store.grads(), store.stats()].into_iter())? {
            return Ok(None);
        }
        first_fault(store, &[Arena::Grads, Arena::Stats])
    }

    /// The first parameter or state of the optimizer that is not finite. Waits for the update.
    pub(crate) fn fault_of_update(
        &mut self,
        store: &ParamStore,
        optimizer: &ArenaOptimizer,
    ) -> Result<Option<Fault>> {
        let arenas = [store.params()].into_iter().chain(optimizer.state_arenas());
        if self.are_finite(store, arenas)? {
            return Ok(None);
        }
        match first_fault(store, &[Arena::Params])? {
            Some(fault) => Ok(Some(fault)),
            None => first_of_state(store, optimizer),
        }
    }

    /// Whether the sums of these arenas of `f32` are finite.
    fn are_finite<'a>(
        &mut self,
        store: &ParamStore,
        arenas: impl Iterator<Item = &'a Buffer>,
    ) -> Result<bool> {
        let device = store.device();
        let mut count = 0;
        for terms in arenas.filter(|arena| !arena.is_empty()) {
            let sum = Reduce::new(ReduceKind::Sum, Shape::new(&[terms.len()]), &[0])?;
            device.run(&Op::Reduce(sum), &[terms], &[&self.sums.slice(count, 1)?])?;
            count += 1;
        }
        let sums = &mut self.host[..count];
        device.download(&self.sums.slice(0, count)?, f32::host_mut(sums))?;
        Ok(sums.iter().all(|sum| sum.is_finite()))
    }
}

/// The first number of these arenas that is not finite.
fn first_fault(store: &ParamStore, arenas: &[Arena]) -> Result<Option<Fault>> {
    for arena in arenas {
        if let Some(found) = store.first_non_finite(*arena)? {
            return Ok(Some(Fault::of(*arena, found)));
        }
    }
    Ok(None)
}

/// The first number of the optimizer's state that is not finite.
fn first_of_state(store: &ParamStore, optimizer: &ArenaOptimizer) -> Result<Option<Fault>> {
    let state = optimizer.state_dict::<f32>()?;
    let fault = store.entries().iter().find_map(|entry| {
        state.params.get(&*entry.name)?.slots.iter().find_map(|(slot, values)| {
            let values: Vec<f64> = values.iter().map(|&value| f64::from(value)).collect();
            let found = NonFinite::first(&entry.name, &entry.shape, &values)?;
            Some(Fault::State { slot: slot.clone(), found })
        })
    });
    Ok(fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(fault: Fault, images: &'static str, checkpoint: Option<PathBuf>) -> String {
        let found = NotFinite {
            fault,
            images,
            step: 48,
            epoch: 2,
            batch: 3,
            lr: 0.25,
            skipped: 0,
            at_most: 0,
            checkpoint,
        };
        let skipping = NotFinite { skipped: 1, at_most: 5, ..found.clone() }.to_string();
        assert!(
            skipping
                .contains("; 1 step was skipped before it, of 5 that train.on_non_finite allows")
        );
        found.to_string()
    }

    #[test]
    fn messages_say_what_where_when_and_what_to_do() {
        let weight = |value| NonFinite {
            name: "layer1.0.conv1.weight".into(),
            index: vec![0, 2, 1, 1],
            value,
        };
        assert_eq!(
            at(Fault::Loss(f64::NAN), "training", None),
            "the loss is NaN on the training images at step 48 (epoch 2, batch 3), with learning rate \
             2.5e-1; the step was not made, and all parameters are finite; try a smaller learning rate, \
             a warm-up, or optimizer.clip"
        );
        assert_eq!(
            at(Fault::Loss(f64::INFINITY), "test", Some("runs/a/checkpoint".into())),
            "the loss is inf on the test images at step 48 (epoch 2, batch 3), with learning rate 2.5e-1; \
             all parameters are finite; the last good checkpoint is `runs/a/checkpoint`; try a smaller \
             learning rate, a warm-up, or optimizer.clip"
        );
        assert!(at(Fault::Gradient(weight(f64::NAN)), "training", None).starts_with(
            "the gradient of `layer1.0.conv1.weight` is NaN at [0, 2, 1, 1], at step 48 (epoch 2"
        ));
        assert!(at(Fault::Parameter(weight(f64::NEG_INFINITY)), "training", None).contains(
            "the parameter `layer1.0.conv1.weight` is -inf at [0, 2, 1, 1], after step 48"
        ));
        assert!(
            at(Fault::Statistic(weight(f64::NAN)), "training", None)
                .starts_with("the running statistic `layer1.0.conv1.weight` is NaN at ")
        );
        let state = Fault::State { slot: "adam.v".into(), found: weight(f64::INFINITY) };
        assert!(at(state, "training", None).starts_with(
            "the state `adam.v` of `layer1.0.conv1.weight` is inf at [0, 2, 1, 1], after step 48"
        ));
    }
}
