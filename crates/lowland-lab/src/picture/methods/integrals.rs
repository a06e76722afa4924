//! What the integrals of MIAdam make of a gradient, and where they lead a descent.

use std::f64::consts::TAU;

use lowland_core::{Chain, Clock};
use lowland_optim::{Adam, MiAdam, Optimizer, StepScale, Switch};

use super::chart::{Axis, Chart, Mark, Panel, black, colour, curve, even};
use crate::Result;

/// The highest order that is shown.
const ORDERS: usize = 3;
const KAPPA: f64 = 0.98;

/// MIAdam as it is shown: unit gain, and an integral for all of the run or for half of it.
fn miadam(order: usize, integrate: f64) -> MiAdam {
    MiAdam {
        order,
        kappa: KAPPA,
        switch: Switch::Fraction(integrate),
        step_scale: StepScale::UnitGain,
        ..MiAdam::default()
    }
}

/// Names and colours of Adam and of MIAdam of each order.
fn legend() -> Vec<(String, plotters::style::RGBColor)> {
    let orders = (1..=ORDERS).map(|n| (format!("MIAdam, n = {n}"), colour(n - 1)));
    [("Adam (n = 0)".to_string(), black())].into_iter().chain(orders).collect()
}

/// The answers of the first moment and of its integrals to a gradient that is 1 at the first step
/// and 0 at all others, one list an order, with the gain 1.
fn answers(steps: u64) -> Result<Vec<Vec<f64>>> {
    let chain: Chain = miadam(ORDERS, 1.0).chain()?;
    // exp_avg, exp_avg_sq, and the integrals.
    let mut state = vec![[0.0f64]; chain.slot_count()];
    let mut answers = vec![Vec::new(); ORDERS + 1];
    for step in 1..=steps {
        let gradient = if step == 1 { 1.0 } else { 0.0 };
        let mut slots: Vec<&mut [f64]> = state.iter_mut().map(|slot| &mut slot[..]).collect();
        chain.step(&Clock::at_step(step, 1e-3), &mut [0.0], &[gradient], &mut slots);
        for (n, answer) in answers.iter_mut().enumerate() {
            let slot = if n == 0 { 0 } else { n + 1 };
            answer.push((1.0 - KAPPA).powi(n as i32) * state[slot][0]);
        }
    }
    Ok(answers)
}

/// Impulse responses, and gains over the period of an oscillation.
pub(super) fn filter() -> Result<Chart> {
    let answers = answers(4000)?;
    let colours: Vec<_> = legend().into_iter().map(|(_, colour)| colour).collect();
    let impulse = answers.iter().zip(&colours).map(|(answer, &colour)| {
        let points = answer.iter().enumerate().map(|(i, y)| ((i + 1) as f64, *y)).collect();
        Mark::Line { points, colour, width: 2.4 }
    });
    let gain = answers.iter().zip(&colours).map(|(answer, &colour)| {
        let at = |log_period: f64| (log_period, gain_at(answer, 10f64.powf(log_period)).log10());
        let points = even(2f64.log10(), 4.0, 240).map(at).collect();
        Mark::Line { points, colour, width: 2.4 }
    });
    Ok(Chart {
        title: "What the numerator of MIAdam is made of: kappa 0.98, beta1 0.9, unit gain",
        legend: legend(),
        panels: vec![
            Panel {
                title: "weight of a gradient in later steps; n = 0 starts at 0.1".into(),
                x: Axis::new("steps later", 0.0, 400.0),
                y: Axis::new("weight", 0.0, 0.02),
                equal: false,
                marks: impulse.collect(),
            },
            Panel {
                title: "what is left of an oscillation".into(),
                x: Axis::logarithmic("its period in steps", 2.0, 1e4, &[1, 2, 3, 4]),
                y: Axis::logarithmic("gain", 1e-7, 2.0, &[-6, -5, -4, -3, -2, -1, 0]),
                equal: false,
                marks: gain.collect(),
            },
        ],
    })
}

/// The modulus of the frequency response at a period in steps.
fn gain_at(answer: &[f64], period: f64) -> f64 {
    let angles = (0..answer.len()).map(|i| TAU * i as f64 / period);
    let sum = angles
        .zip(answer)
        .fold((0.0, 0.0), |(re, im), (angle, y)| (re + y * angle.cos(), im + y * angle.sin()));
    sum.0.hypot(sum.1)
}

/// A sharp minimum near 0 and a flat one near 2, in a shallow bowl: the loss and its slope.
fn valley(x: f64) -> (f64, f64) {
    let (mut loss, mut slope) = (0.05 * (x - 1.5) * (x - 1.5) + 1.0, 0.1 * (x - 1.5));
    for (depth, width, centre) in [(0.5, 0.12, 0.0), (1.0, 0.8, 2.0)] {
        let from: f64 = x - centre;
        let well = depth * (-from * from / (2.0 * width * width)).exp();
        loss -= well;
        slope += well * from / (width * width);
    }
    (loss, slope)
}

const STEPS: u64 = 1000;

/// The learning rate of the picture.
const LR: f64 = 0.02;

/// Where an optimizer is after each step from -1.
fn descend(chain: Chain, lr: f64) -> Result<Vec<f64>> {
    let mut optimizer = Optimizer::new(chain);
    let mut x = [-1.0f64];
    let mut path = vec![x[0]];
    for step in 1..=STEPS {
        let progress = (step - 1) as f64 / STEPS as f64;
        let clock = Clock { step, epoch: 1, progress, lr };
        let slope = [valley(x[0]).1];
        optimizer.step(&clock, &mut [("x", &mut x, &slope)])?;
        path.push(x[0]);
    }
    Ok(path)
}

/// Adam and MIAdam on a line with a sharp and a flat minimum.
pub(super) fn descent() -> Result<Chart> {
    let mut paths = vec![descend(Adam::default().chain()?, LR)?];
    for order in 1..=ORDERS {
        paths.push(descend(miadam(order, 0.5).chain()?, LR)?);
    }
    let colours: Vec<_> = legend().into_iter().map(|(_, colour)| colour).collect();
    let mut surface = vec![curve((-1.5, 4.0), colour(3), |x| valley(x).0)];
    let mut lines = Vec::new();
    for (i, (path, &colour)) in paths.iter().zip(&colours).enumerate() {
        let end = path[STEPS as usize];
        // Ends in the same minimum stand above each other.
        let at = (end, valley(end).0 + 0.035 * (i as f64 + 1.0));
        surface.push(Mark::Dots { points: vec![at], colour, radius: 5.0 });
        let points = path.iter().enumerate().map(|(step, x)| (step as f64, *x)).collect();
        lines.push(Mark::Line { points, colour, width: 2.2 });
    }
    let half = STEPS as f64 / 2.0;
    lines.push(Mark::Line {
        points: vec![(half, -1.5), (half, 4.0)],
        colour: super::super::FRAME,
        width: 1.2,
    });
    lines.push(Mark::Word { at: (half + 12.0, 3.7), text: "switch to Adam" });
    let start = vec![(-1.0, valley(-1.0).0)];
    surface.push(Mark::Dots { points: start, colour: colour(3), radius: 5.0 });
    surface.push(Mark::Word { at: (-1.0, valley(-1.0).0 + 0.09), text: "start" });
    Ok(Chart {
        title: "A sharp and a flat minimum: learning rate 0.02, kappa 0.98, unit gain",
        legend: legend(),
        panels: vec![
            Panel {
                title: "the loss, and where each ends".into(),
                x: Axis::new("x", -1.5, 4.0),
                y: Axis::new("loss", 0.0, 1.5),
                equal: false,
                marks: surface,
            },
            Panel {
                title: "the way there".into(),
                x: Axis::new("step", 0.0, STEPS as f64),
                y: Axis::new("x", -1.5, 4.0),
                equal: false,
                marks: lines,
            },
        ],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integrals_lead_out_of_the_sharp_minimum_where_the_learning_rate_is_large_enough() {
        let end = |chain: Chain, lr| descend(chain, lr).unwrap()[STEPS as usize];
        let order = |n| miadam(n, 0.5).chain().unwrap();
        let (sharp, flat) = (0.008, 1.97);
        assert!((end(Adam::default().chain().unwrap(), LR) - sharp).abs() < 1e-3);
        for n in 1..=ORDERS {
            assert!((end(order(n), LR) - flat).abs() < 1e-3, "{n}");
        }
        // The book says so.
        assert!((end(order(1), 0.5 * LR) - sharp).abs() < 1e-3);
        let (before, after) = (valley(0.3 - 1e-6).0, valley(0.3 + 1e-6).0);
        assert!((valley(0.3).1 - (after - before) / 2e-6).abs() < 1e-7);
    }

    #[test]
    fn unit_gain_keeps_what_is_steady_and_damps_what_swings() {
        for (n, answer) in answers(4000).unwrap().iter().enumerate() {
            assert!((answer.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{n}");
            // The gain of a first-order filter at the highest frequency is (1 - k) / (1 + k).
            let expected = 0.1 / 1.9 * (0.02f64 / 1.98).powi(n as i32);
            assert!((gain_at(answer, 2.0) / expected - 1.0).abs() < 1e-6, "{n}");
        }
    }
}
