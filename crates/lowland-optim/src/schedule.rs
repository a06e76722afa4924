//! Learning-rate schedules with a linear warm-up.

mod one_cycle;

use std::f64::consts::PI;
use std::fmt;

use serde::{Deserialize, Serialize};

pub use one_cycle::{Anneal, OneCycle};

use crate::error::{Result, require};

/// Rounding that is forgiven where a fraction of a run is meant to be a whole epoch: `0.07 * 100` is
/// a little above 7.
pub(crate) const EPOCH_ROUNDING: f64 = 1e-9;

/// A point of a run: `{ epochs = 80 }`, or `{ fraction = 0.75 }` of however many there will be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Boundary {
    /// After this many epochs.
    Epochs(f64),
    /// After this part of the run, 0 to 1.
    Fraction(f64),
}

impl Boundary {
    /// The number of epochs done at this point.
    #[must_use]
    pub fn epochs(self, total_epochs: f64) -> f64 {
        match self {
            Boundary::Epochs(epochs) => epochs,
            Boundary::Fraction(fraction) => fraction * total_epochs,
        }
    }

    pub(crate) fn validate(self, field: impl Fn() -> String) -> Result<()> {
        match self {
            Boundary::Epochs(epochs) => {
                let ok = epochs >= 0.0 && epochs.is_finite();
                require(ok, || field() + ".epochs", "0 or more, and finite", epochs)
            }
            Boundary::Fraction(fraction) => {
                let ok = (0.0..=1.0).contains(&fraction);
                require(ok, || field() + ".fraction", "in [0, 1]", fraction)
            }
        }
    }
}

/// As in a config file.
impl fmt::Display for Boundary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Boundary::Epochs(epochs) => write!(f, "{{ epochs = {epochs:?} }}"),
            Boundary::Fraction(fraction) => write!(f, "{{ fraction = {fraction:?} }}"),
        }
    }
}

/// A time in words: `1 epoch`, `2.5 epochs`.
fn in_epochs(epochs: f64) -> String {
    match epochs {
        1.0 => "1 epoch".into(),
        _ if epochs.fract() == 0.0 && epochs < 1e9 => format!("{epochs} epochs"),
        _ => format!("{epochs:?} epochs"),
    }
}

/// How the learning rate changes during a run: in a config file, one table whose key names the kind.
///
/// Every kind but `one_cycle`, which has its own, may have a `warmup`, during which the rate rises in a straight line from 0 at the very
/// start to its full value. It is meant to be asked before every step.
///
/// ```
/// use lowland_optim::Schedule;
///
/// #[derive(serde::Deserialize)]
/// struct Config {
///     schedule: Schedule,
/// }
/// let text = r#"
///     [schedule.multi_step]
///     milestones = [{ epochs = 80 }, { fraction = 0.75 }]
///     gamma = 0.1
///     warmup = { epochs = 2 }
/// "#;
/// let Config { schedule } = toml::from_str(text)?;
/// schedule.validate(160.0)?;
/// assert_eq!(schedule.lr(0.1, 1.0, 160.0), 0.05);     // half of the warm-up is done
/// assert_eq!(schedule.lr(0.1, 79.9, 160.0), 0.1);
/// assert!((schedule.lr(0.1, 80.0, 160.0) - 0.01).abs() < 1e-15);
/// assert!((schedule.lr(0.1, 120.0, 160.0) - 0.001).abs() < 1e-15);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Schedule {
    /// `lr = base_lr`.
    Constant(Constant),
    /// A factor at each milestone.
    MultiStep(MultiStep),
    /// Half a cosine wave, from the end of the warm-up to the end of the run.
    Cosine(Cosine),
    /// Up and down again, once.
    OneCycle(OneCycle),
}

impl Default for Schedule {
    fn default() -> Self {
        Schedule::Constant(Constant::default())
    }
}

/// No change after the warm-up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Constant {
    /// The end of the warm-up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warmup: Option<Boundary>,
}

/// `lr = base_lr * gamma^k`, k the number of milestones reached.
///
/// It changes between epochs only: a milestone inside an epoch counts from the next epoch on. For
/// whole epochs these are the numbers of PyTorch's `MultiStepLR` stepped once an epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MultiStep {
    /// Where the rate changes, in increasing order.
    pub milestones: Vec<Boundary>,
    /// The factor at each, above 0.
    #[serde(default = "default_gamma")]
    pub gamma: f64,
    /// The end of the warm-up, not after the first milestone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warmup: Option<Boundary>,
}

fn default_gamma() -> f64 {
    0.1
}

/// `lr = base_lr * (f + (1 - f) * (1 + cos(pi * q)) / 2)` with f the final factor and q the part that
/// is done of the epochs after the warm-up.
///
/// It changes at every step. At whole epochs these are the numbers of PyTorch's
/// `CosineAnnealingLR(T_max = total_epochs - warm-up, eta_min = f * base_lr)` stepped once an epoch,
/// behind a warm-up chained by `SequentialLR`; inside an epoch PyTorch stays at the epoch's first
/// value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cosine {
    /// The learning rate at the end of the run as a part of the base, 0 to 1.
    pub final_lr_factor: f64,
    /// The end of the warm-up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warmup: Option<Boundary>,
}

impl Schedule {
    /// Its name, as in a config file.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Schedule::Constant(_) => "constant",
            Schedule::MultiStep(_) => "multi_step",
            Schedule::Cosine(_) => "cosine",
            Schedule::OneCycle(_) => "one_cycle",
        }
    }

    /// The end of the warm-up, if there is one.
    #[must_use]
    pub fn warmup(&self) -> Option<Boundary> {
        match self {
            Schedule::Constant(constant) => constant.warmup,
            Schedule::MultiStep(steps) => steps.warmup,
            Schedule::Cosine(cosine) => cosine.warmup,
            Schedule::OneCycle(_) => None,
        }
    }

    /// Checks the values, and that they make sense in a run of so many epochs. Milestones after its
    /// end are allowed: a shortened run does not reach them.
    ///
    /// # Errors
    /// [`Error::Hyper`](crate::Error::Hyper) with the field.
    pub fn validate(&self, total_epochs: f64) -> Result<()> {
        let name = self.name();
        let ok = total_epochs > 0.0 && total_epochs.is_finite();
        require(ok, || "the number of epochs".into(), "above 0 and finite", total_epochs)?;
        let field = |field: &'static str| move || format!("{name}.{field}");
        let warmup = self.warmup_epochs(total_epochs);
        if let Some(boundary) = self.warmup() {
            boundary.validate(field("warmup"))?;
            let allowed = format!("shorter than the run of {}", in_epochs(total_epochs));
            let value = format_args!("{boundary}");
            require(warmup < total_epochs, field("warmup"), &allowed, value)?;
        }
        match self {
            Schedule::Constant(_) => Ok(()),
            Schedule::MultiStep(steps) => steps.validate(warmup, total_epochs),
            Schedule::Cosine(Cosine { final_lr_factor: factor, .. }) => {
                let ok = (0.0..=1.0).contains(factor);
                require(ok, field("final_lr_factor"), "in [0, 1]", factor)
            }
            Schedule::OneCycle(cycle) => cycle.validate(),
        }
    }

    /// The learning rate at a point of a run.
    ///
    /// `epoch_position` is the number of epochs done, with the part that is done of the one under
    /// way: before step i (from 0) of epoch e (from 1) of n steps each, `e - 1 + i / n`.
    #[must_use]
    pub fn lr(&self, base_lr: f64, epoch_position: f64, total_epochs: f64) -> f64 {
        let warmup = self.warmup_epochs(total_epochs);
        let rise = if epoch_position < warmup { epoch_position / warmup } else { 1.0 };
        let factor = match self {
            Schedule::Constant(_) => 1.0,
            Schedule::MultiStep(steps) => steps.factor(epoch_position, total_epochs),
            Schedule::Cosine(Cosine { final_lr_factor, .. }) => {
                let done = (epoch_position - warmup) / (total_epochs - warmup);
                let wave = (1.0 + (PI * done.clamp(0.0, 1.0)).cos()) / 2.0;
                final_lr_factor + (1.0 - final_lr_factor) * wave
            }
            Schedule::OneCycle(cycle) => cycle.factor(epoch_position / total_epochs),
        };
        base_lr * rise * factor
    }

    fn warmup_epochs(&self, total_epochs: f64) -> f64 {
        self.warmup().map_or(0.0, |boundary| boundary.epochs(total_epochs))
    }
}

impl MultiStep {
    fn validate(&self, warmup: f64, total_epochs: f64) -> Result<()> {
        let field = || "multi_step.gamma".into();
        let ok = self.gamma > 0.0 && self.gamma.is_finite();
        require(ok, field, "above 0 and finite", self.gamma)?;
        let mut before = None;
        for (i, &milestone) in self.milestones.iter().enumerate() {
            let field = || format!("multi_step.milestones[{i}]");
            milestone.validate(field)?;
            let epochs = milestone.epochs(total_epochs);
            let allowed = format!("not before the end of the warm-up, at {}", in_epochs(warmup));
            require(epochs >= warmup, field, &allowed, format_args!("{milestone}"))?;
            if let Some(before) = before {
                let allowed = format!(
                    "after the milestone before it, which is at {before:?} of {}",
                    in_epochs(total_epochs)
                );
                require(epochs > before, field, &allowed, format_args!("{milestone}"))?;
            }
            before = Some(epochs);
        }
        Ok(())
    }

    fn factor(&self, epoch_position: f64, total_epochs: f64) -> f64 {
        let epochs_done = (epoch_position + EPOCH_ROUNDING).floor();
        let reached =
            |milestone: &&Boundary| milestone.epochs(total_epochs) - EPOCH_ROUNDING <= epochs_done;
        self.gamma.powf(self.milestones.iter().filter(reached).count() as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-15 * b.abs()
    }

    fn multi_step(milestones: &[Boundary]) -> Schedule {
        Schedule::MultiStep(MultiStep { milestones: milestones.to_vec(), gamma: 0.5, warmup: None })
    }

    #[test]
    fn multi_step_is_pytorchs_at_every_epoch_and_constant_inside() {
        let schedule = multi_step(&[Boundary::Epochs(3.0), Boundary::Fraction(0.75)]);
        schedule.validate(8.0).unwrap();
        // MultiStepLR(milestones=[3, 6], gamma=0.5) at base 0.8.
        let pytorch = [0.8, 0.8, 0.8, 0.4, 0.4, 0.4, 0.2, 0.2];
        for (epoch, &want) in pytorch.iter().enumerate() {
            for inside in [0.0, 0.25, 0.999] {
                assert!(close(schedule.lr(0.8, epoch as f64 + inside, 8.0), want), "{epoch}");
            }
        }
    }

    #[test]
    fn a_milestone_inside_an_epoch_counts_from_the_next_one() {
        let schedule = multi_step(&[Boundary::Fraction(0.5)]);
        assert_eq!([1.9, 1.0].map(|at| schedule.lr(1.0, at, 3.0)), [1.0, 1.0]);
        assert_eq!(schedule.lr(1.0, 2.0, 3.0), 0.5);
        // 0.07 * 100 is 7.000000000000001.
        let schedule = multi_step(&[Boundary::Fraction(0.07)]);
        assert_eq!([6.99, 7.0].map(|at| schedule.lr(1.0, at, 100.0)), [1.0, 0.5]);
    }

    #[test]
    fn cosine_is_pytorchs_at_whole_epochs() {
        let schedule = Schedule::Cosine(Cosine { final_lr_factor: 0.1, warmup: None });
        schedule.validate(4.0).unwrap();
        // CosineAnnealingLR(T_max=4, eta_min=0.02) at base 0.2: eta_min + 0.09 * (1 + cos(pi e / 4)).
        let half = 0.5f64.sqrt();
        let pytorch = [0.2, 0.02 + 0.09 * (1.0 + half), 0.11, 0.02 + 0.09 * (1.0 - half), 0.02];
        for (epoch, want) in pytorch.into_iter().enumerate() {
            let got = schedule.lr(0.2, epoch as f64, 4.0);
            assert!((got - want).abs() < 1e-15, "epoch {epoch}: {got} and {want}");
        }
        assert!(close(schedule.lr(0.2, 4.5, 4.0), 0.02), "flat after the end");
    }

    #[test]
    fn warm_up_rises_from_0_and_the_cosine_starts_behind_it() {
        let warmup = Some(Boundary::Fraction(0.2));
        let schedule = Schedule::Cosine(Cosine { final_lr_factor: 0.0, warmup });
        let lr = |at| schedule.lr(1.0, at, 10.0);
        assert_eq!([lr(0.0), lr(0.5), lr(1.5), lr(2.0)], [0.0, 0.25, 0.75, 1.0]);
        assert!((lr(6.0) - 0.5).abs() < 1e-15 && lr(10.0).abs() < 1e-15);
        let constant = Schedule::Constant(Constant { warmup: Some(Boundary::Epochs(0.5)) });
        assert_eq!([0.25, 0.5, 9.0].map(|at| constant.lr(0.3, at, 10.0)), [0.15, 0.3, 0.3]);
        assert_eq!(Schedule::default().lr(0.3, 0.0, 1.0), 0.3);
    }

    #[test]
    fn errors_name_the_field_the_value_and_the_range() {
        let message =
            |schedule: Schedule, epochs| schedule.validate(epochs).unwrap_err().to_string();
        let order = multi_step(&[Boundary::Fraction(0.5), Boundary::Epochs(4.0)]);
        assert_eq!(
            message(order.clone(), 10.0),
            "multi_step.milestones[1] must be after the milestone before it, which is at 5.0 of 10 \
             epochs; got { epochs = 4.0 }"
        );
        order.validate(6.0).unwrap();
        let late = multi_step(&[Boundary::Epochs(1e300), Boundary::Epochs(1e299)]);
        assert_eq!(
            message(late, 1.0),
            "multi_step.milestones[1] must be after the milestone before it, which is at 1e300 of 1 \
             epoch; got { epochs = 1e299 }"
        );
        multi_step(&[Boundary::Epochs(80.0)]).validate(3.0).unwrap();
        let fraction = multi_step(&[Boundary::Fraction(1.5)]);
        assert_eq!(
            message(fraction, 1.0),
            "multi_step.milestones[0].fraction must be in [0, 1]; got 1.5"
        );
        let warmup = Some(Boundary::Epochs(5.0));
        let schedule = Schedule::Cosine(Cosine { warmup, ..Cosine::default() });
        assert_eq!(
            message(schedule.clone(), 5.0),
            "cosine.warmup must be shorter than the run of 5 epochs; got { epochs = 5.0 }"
        );
        assert_eq!(
            message(schedule, 0.0),
            "the number of epochs must be above 0 and finite; got 0.0"
        );
        let gamma = MultiStep { milestones: vec![], gamma: 0.0, warmup: None };
        assert!(
            message(Schedule::MultiStep(gamma), 1.0)
                .starts_with("multi_step.gamma must be above 0")
        );
        let early = MultiStep { milestones: vec![Boundary::Epochs(1.0)], gamma: 0.1, warmup };
        assert_eq!(
            message(Schedule::MultiStep(early), 10.0),
            "multi_step.milestones[0] must be not before the end of the warm-up, at 5 epochs; got \
             { epochs = 1.0 }"
        );
        let cosine = Cosine { final_lr_factor: f64::NAN, warmup: None };
        assert!(
            message(Schedule::Cosine(cosine), 1.0)
                .contains("final_lr_factor must be in [0, 1]; got NaN")
        );
    }
}
