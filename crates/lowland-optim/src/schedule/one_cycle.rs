//! The one-cycle schedule.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use crate::error::{Result, require};

/// Up to the base learning rate and down to nearly nothing: in the first part of the run from
/// `base_lr / div_factor` to `base_lr`, in the rest to `base_lr / (div_factor * final_div_factor)`.
///
/// It changes at every step. The names and defaults are those of PyTorch's `OneCycleLR`, with the base
/// learning rate as `max_lr`; there the phases end a step earlier, at steps `pct_start * total - 1` and
/// `total - 1`, here with the part of the run. Momentum is not cycled.
///
/// Source: Smith and Topin, "Super-Convergence" (arXiv 1708.07120).
///
/// ```
/// use lowland_optim::{OneCycle, Schedule};
///
/// let schedule = Schedule::OneCycle(OneCycle { div_factor: 10.0, ..OneCycle::default() });
/// let lr = |epoch: f64| schedule.lr(1.0, epoch, 100.0);
/// assert!((lr(0.0) - 0.1).abs() < 1e-15 && (lr(15.0) - 0.55).abs() < 1e-15);
/// assert!((lr(30.0) - 1.0).abs() < 1e-15 && (lr(100.0) - 1e-5).abs() < 1e-15);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OneCycle {
    /// The part of the run in which the rate rises, in (0, 1); in three phases, at most a half.
    pub pct_start: f64,
    /// The base learning rate over that of the start, above 0.
    pub div_factor: f64,
    /// The learning rate of the start over that of the end, above 0.
    pub final_div_factor: f64,
    /// How the rate goes from one to the next.
    pub anneal_strategy: Anneal,
    /// Whether it falls as fast as it rose to where it started, and then on to the end.
    pub three_phase: bool,
}

/// How a learning rate goes from one value to another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Anneal {
    /// Along half a cosine wave.
    #[default]
    Cos,
    /// In a straight line.
    Linear,
}

impl Anneal {
    fn between(self, from: f64, to: f64, done: f64) -> f64 {
        match self {
            Anneal::Cos => to + (from - to) / 2.0 * (1.0 + (PI * done).cos()),
            Anneal::Linear => from + (to - from) * done,
        }
    }
}

impl Default for OneCycle {
    fn default() -> Self {
        OneCycle {
            pct_start: 0.3,
            div_factor: 25.0,
            final_div_factor: 1e4,
            anneal_strategy: Anneal::Cos,
            three_phase: false,
        }
    }
}

impl OneCycle {
    pub(super) fn validate(&self) -> Result<()> {
        let field = |name: &'static str| move || format!("one_cycle.{name}");
        let (most, allowed) = match self.three_phase {
            true => (0.5, "above 0, and at most 0.5 with three phases"),
            false => (1.0 - f64::EPSILON, "in (0, 1)"),
        };
        let ok = self.pct_start > 0.0 && self.pct_start <= most;
        require(ok, field("pct_start"), allowed, self.pct_start)?;
        for (name, factor) in
            [("div_factor", self.div_factor), ("final_div_factor", self.final_div_factor)]
        {
            let ok = factor > 0.0 && factor.is_finite();
            require(ok, field(name), "above 0 and finite", factor)?;
        }
        Ok(())
    }

    /// The learning rate as a part of the base, when so much of the run is done.
    pub(super) fn factor(&self, done: f64) -> f64 {
        let start = 1.0 / self.div_factor;
        let end = start / self.final_div_factor;
        let two = [(self.pct_start, start, 1.0), (1.0, 1.0, end), (1.0, end, end)];
        let three =
            [(self.pct_start, start, 1.0), (2.0 * self.pct_start, 1.0, start), (1.0, start, end)];
        let mut begun = 0.0;
        for (until, from, to) in if self.three_phase { three } else { two } {
            if done < until {
                return self.anneal_strategy.between(from, to, (done - begun) / (until - begun));
            }
            begun = until;
        }
        end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `OneCycleLR.get_lr` of PyTorch at a step, for `max_lr` 1.
    fn pytorch(cycle: &OneCycle, step: f64, total: f64) -> f64 {
        let initial = 1.0 / cycle.div_factor;
        let least = initial / cycle.final_div_factor;
        let peak = cycle.pct_start * total - 1.0;
        let phases = match cycle.three_phase {
            true => vec![
                (peak, initial, 1.0),
                (2.0 * cycle.pct_start * total - 2.0, 1.0, initial),
                (total - 1.0, initial, least),
            ],
            false => vec![(peak, initial, 1.0), (total - 1.0, 1.0, least)],
        };
        let mut begun = 0.0;
        for &(end, from, to) in &phases {
            if step <= end || end == total - 1.0 {
                let done = (step - begun) / (end - begun);
                return match cycle.anneal_strategy {
                    Anneal::Cos => to + (from - to) / 2.0 * (1.0 + (PI * done).cos()),
                    Anneal::Linear => (to - from) * done + from,
                };
            }
            begun = end;
        }
        unreachable!("the last phase ends with the run")
    }

    #[test]
    fn it_is_pytorchs_but_for_the_last_step_of_each_phase() {
        for three_phase in [false, true] {
            for anneal_strategy in [Anneal::Cos, Anneal::Linear] {
                let cycle = OneCycle { three_phase, anneal_strategy, ..OneCycle::default() };
                cycle.validate().unwrap();
                let total = 10_000.0;
                for step in (0..10_000).step_by(7).map(f64::from) {
                    let (got, want) = (cycle.factor(step / total), pytorch(&cycle, step, total));
                    assert!((got - want).abs() < 1.1e-3, "{cycle:?} at {step}: {got} and {want}");
                }
                let ends = [0.0, 0.3, 1.0].map(|done| cycle.factor(done));
                let want = [0.04, 1.0, 4e-6];
                assert!(ends.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-15), "{ends:?}");
            }
        }
        let line = OneCycle { anneal_strategy: Anneal::Linear, ..OneCycle::default() };
        assert!((line.factor(0.15) - 0.52).abs() < 1e-15);
        let back = OneCycle { three_phase: true, ..line };
        assert!(
            (back.factor(0.6) - 0.04).abs() < 1e-15 && (back.factor(0.45) - 0.52).abs() < 1e-15
        );
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        let refused = |cycle: OneCycle| cycle.validate().unwrap_err().to_string();
        let cycle = OneCycle::default();
        assert_eq!(
            refused(OneCycle { pct_start: 1.0, ..cycle }),
            "one_cycle.pct_start must be in (0, 1); got 1.0"
        );
        assert_eq!(
            refused(OneCycle { pct_start: 0.6, three_phase: true, ..cycle }),
            "one_cycle.pct_start must be above 0, and at most 0.5 with three phases; got 0.6"
        );
        assert!(
            refused(OneCycle { div_factor: 0.0, ..cycle }).contains("div_factor must be above 0")
        );
        let nan = OneCycle { final_div_factor: f64::NAN, ..cycle };
        assert!(refused(nan).contains("final_div_factor must be above 0"));
    }
}
