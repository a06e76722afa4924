//! What an experiment may not have been meant to be: told at its start, and in its record.

use lowland_core::Clock;
use lowland_optim::{Method, MiAdam, MultiStep, Schedule, StepScale, Switch};

use crate::console::counted;
use crate::plan::Plan;

/// Steps within these parts of Adam's are of its size.
const OF_ADAMS_SIZE: std::ops::RangeInclusive<f64> = 0.5..=2.0;

impl Plan {
    /// What may not be as it was meant, though it is possible: a sentence each, the field first.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let config = self.config();
        let mut notes = match self.method() {
            Method::Miadam(miadam) => {
                miadam_notes(miadam, config.optimizer.learning_rate, config.train.epochs)
            }
            _ => Vec::new(),
        };
        let network = self.model().spec().map_or(Vec::new(), |spec| spec.notes());
        notes.extend(network.into_iter().map(|note| format!("model: {note}")));
        if let Schedule::MultiStep(steps) = &config.schedule {
            notes.extend(milestone_note(steps, config.train.epochs));
        }
        if config.data.label_noise > 0.0 {
            let part = 100.0 * config.data.label_noise;
            notes.push(format!(
                "data.label_noise: {part:.4}% of the training labels are replaced by random ones, and \
                 training accuracy is measured against these"
            ));
        }
        notes
    }
}

/// Milestones that the run ends before.
fn milestone_note(steps: &MultiStep, epochs: usize) -> Option<String> {
    let late =
        steps.milestones.iter().filter(|at| at.epochs(epochs as f64) >= epochs as f64).count();
    let (late_ones, end) =
        (counted(late, "milestone", "milestones"), counted(epochs, "epoch", "epochs"));
    (late > 0).then(|| {
        format!(
            "schedule.multi_step.milestones: the run ends ({end}) before {late_ones}; {{ fraction = 0.5 }} \
             is half of any run"
        )
    })
}

fn miadam_notes(miadam: &MiAdam, lr: f64, epochs: usize) -> Vec<String> {
    let mut notes = Vec::new();
    if let Switch::Epoch(epoch) = miadam.switch
        && epoch > epochs as u64
    {
        notes.push(format!(
            "optimizer.miadam.switch: the switch at epoch {epoch} is after the end ({}), so that no step \
             is plain Adam's; {{ fraction = 0.5 }} is half of any run",
            counted(epochs, "epoch", "epochs")
        ));
    }
    let integrates = miadam.switch.integrates(&Clock::at_step(1, lr));
    let part = miadam.steady_step(lr);
    if integrates && !OF_ADAMS_SIZE.contains(&part) {
        let scale = match miadam.step_scale {
            StepScale::PaperCode => "paper-code",
            StepScale::LrPower => "lr-power",
            StepScale::UnitGain => "unit-gain",
        };
        notes.push(format!(
            "optimizer.miadam.step_scale: {scale}: the steady step is {} of Adam's before the switch; \
             use unit-gain for short runs",
            three_digits(part)
        ));
    }
    notes
}

/// A number to three digits: `0.05`, `1.25e-6`.
fn three_digits(value: f64) -> String {
    let rounded = format!("{value:.2e}");
    rounded.parse::<f64>().map_or(rounded, |value| format!("{value:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_ends_before_the_switch_and_hardly_moves_is_told() {
        let miadam = MiAdam::default();
        assert_eq!(
            miadam_notes(&miadam, 1e-3, 10),
            [
                "optimizer.miadam.switch: the switch at epoch 20 is after the end (10 epochs), so that \
                 no step is plain Adam's; { fraction = 0.5 } is half of any run",
                "optimizer.miadam.step_scale: paper-code: the steady step is 0.05 of Adam's before the \
                 switch; use unit-gain for short runs",
            ]
        );
        let notes = miadam_notes(&MiAdam { order: 3, ..miadam }, 1e-3, 20);
        assert_eq!(notes.len(), 1, "epoch 20 is plain Adam's");
        assert!(notes[0].contains("is 0.000125 of Adam's"), "{notes:?}");
        let large = MiAdam { step_scale: StepScale::LrPower, ..miadam };
        assert!(miadam_notes(&large, 1e-3, 20)[0].contains("lr-power: the steady step is 50.0 of"));
    }

    #[test]
    fn milestones_after_the_end_are_told() {
        use lowland_optim::Boundary::{Epochs, Fraction};
        let milestones = vec![Fraction(0.25), Epochs(80.0), Epochs(120.0)];
        let steps = MultiStep { milestones, gamma: 0.1, warmup: None };
        assert_eq!(
            milestone_note(&steps, 10).unwrap(),
            "schedule.multi_step.milestones: the run ends (10 epochs) before 2 milestones; \
             { fraction = 0.5 } is half of any run"
        );
        assert_eq!(milestone_note(&steps, 160), None);
    }

    #[test]
    fn there_is_nothing_to_tell_of_unit_gain_or_of_plain_adam() {
        let half = MiAdam { switch: Switch::Fraction(0.5), ..MiAdam::default() };
        let unit = MiAdam { step_scale: StepScale::UnitGain, order: 3, ..half };
        assert!(miadam_notes(&unit, 1e-3, 1).is_empty());
        let adam = MiAdam { switch: Switch::Step(1), ..half };
        assert!(miadam_notes(&adam, 1e-3, 1).is_empty());
        assert_eq!(miadam_notes(&half, 1e-3, 1).len(), 1);
    }
}
