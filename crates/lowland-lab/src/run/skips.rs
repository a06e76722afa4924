//! Steps that are skipped as a number was not finite, where the config wants that.

use serde::{Deserialize, Serialize};

use super::{Observer, Run};
use crate::Result;
use crate::config::OnNonFinite;
use crate::finite::Fault;

/// A step that was skipped: parameters, optimizer and running statistics stay as they were before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SkippedStep {
    /// The step of the run, from 1.
    pub step: u64,
    /// The epoch, from 1.
    pub epoch: usize,
    /// The batch of the epoch, from 1.
    pub batch: usize,
    /// What was not finite, in words.
    pub reason: String,
    /// What the learning rates of the schedule are multiplied by from here on.
    pub lr_factor: f64,
}

/// What skipped steps leave behind in a run: with it, a run goes on where it was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Skips {
    /// What the learning rates of the schedule are multiplied by: 1 at first.
    pub lr_factor: f64,
    /// All steps that were skipped, in their order.
    pub steps: Vec<SkippedStep>,
}

impl Default for Skips {
    fn default() -> Self {
        Skips { lr_factor: 1.0, steps: Vec::new() }
    }
}

impl Skips {
    /// How many steps of an epoch were skipped; none where none was.
    pub(super) fn of_epoch(&self, epoch: usize) -> Option<usize> {
        let skipped = self.steps.iter().filter(|step| step.epoch == epoch).count();
        (skipped > 0).then_some(skipped)
    }
}

impl Run {
    /// Skips the step that follows `batches` batches of an epoch, at which a number was not finite.
    ///
    /// # Errors
    /// [`Error::NotFinite`](crate::Error::NotFinite) where the config does not allow it, or not once
    /// more; where it is a parameter or state of the optimizer; and where the epoch ends without a step that was made.
    pub(super) fn skip(
        &mut self,
        fault: Fault,
        epoch: usize,
        batches: usize,
        observer: &mut dyn Observer,
    ) -> Result<()> {
        let may_skip = match self.plan.config().train.on_non_finite {
            OnNonFinite::SkipAndLower(policy)
                if self.progress.skips.steps.len() < policy.at_most =>
            {
                Some(policy.factor).filter(|_| !fault.is_after_update())
            }
            _ => None,
        };
        let all_of_epoch =
            self.progress.skips.of_epoch(epoch).unwrap_or(0) + 1 == self.info.steps_per_epoch;
        let Some(factor) = may_skip.filter(|_| !all_of_epoch) else {
            return Err(self.not_finite(fault, "training", epoch, batches));
        };
        self.progress.skips.lr_factor *= factor;
        let skipped = SkippedStep {
            step: self.clock(epoch, batches).step,
            epoch,
            batch: batches + 1,
            reason: fault.to_string(),
            lr_factor: self.progress.skips.lr_factor,
        };
        observer.skipped(&skipped);
        self.progress.skips.steps.push(skipped);
        Ok(())
    }
}
