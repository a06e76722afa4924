//! MIAdam: Adam whose numerator is a multiple integral of the first moment.

use lowland_core::Real;
use lowland_core::stage::{Block, Clock, Scalars, Stage};
use serde::{Deserialize, Serialize};

use super::moments::{Moments, first_correction, running_max};

/// When MIAdam stops integrating and goes on as Adam. Each bound is strict: the step or epoch named
/// is the first one of plain Adam.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Switch {
    /// Integrate while `epoch < n`, epochs counted from 1; n = 20 gives 19 integrated epochs.
    Epoch(u64),
    /// Integrate while `step < n`, steps counted from 1.
    Step(u64),
    /// Integrate in this first part of the run, 0 (never) to 1 (always).
    Fraction(f64),
}

impl Switch {
    /// Whether the step at this clock integrates.
    #[must_use]
    pub fn integrates(self, clock: &Clock) -> bool {
        match self {
            Switch::Epoch(epoch) => clock.epoch < epoch,
            Switch::Step(step) => clock.step < step,
            Switch::Fraction(fraction) => clock.progress < fraction,
        }
    }
}

/// What multiplies the integral of order n while MIAdam integrates. The published sources disagree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepScale {
    /// `lr^(n+1)`, the authors' code. An integral has the gain `1 / (1 - kappa)` in the long run, so
    /// with lr = 1e-3 and kappa = 0.98 the step is 0.05, 0.0025 and 1.25e-4 of Adam's for n = 1, 2
    /// and 3: the parameters hardly move before the switch.
    #[default]
    PaperCode,
    /// `lr^n`.
    LrPower,
    /// `lr * (1 - kappa)^n`: the integral has the gain 1 and the step has Adam's size. The scale in
    /// which orders can be compared; it needs kappa < 1.
    UnitGain,
}

/// MIAdam of order n: Adam with the n-fold leaky integral of its first moment in the place of the
/// moment, until a switch; plain Adam afterwards.
///
/// With t the step, counted from 1, and vmax as in [`Adam`](super::Adam):
/// ```text
/// m <- beta1 m + (1 - beta1) g                 v <- beta2 v + (1 - beta2) g^2
/// before the switch:  s_1 <- kappa s_1 + m,    s_j <- kappa s_j + s_(j-1)  for j = 2..n
///                     lr d = scale / (1 - beta1^t) * s_n / (sqrt(v or vmax) / sqrt(1 - beta2^t) + eps)
/// after it:           lr d = lr    / (1 - beta1^t) * m   / (the same)
/// ```
/// scale is one of [`StepScale`]. After the switch the integrals stay as they are, unused.
///
/// State: `exp_avg` = m, `exp_avg_sq` = v, with AMSGrad `max_exp_avg_sq`, `integral_1` to
/// `integral_n` = s_1 to s_n.
///
/// Source: "A Method for Enhancing Generalization of Adam by Multiple Integrations" (AAAI 2025, arXiv
/// 2412.12473) and its authors' code for n = 1, 2, 3. Deviations from that code: n is any number;
/// two more step scales; the switch can also be a step or a part of the run; state belongs to the
/// parameter, where the code mixes up the integrals of several parameter groups. Two more points to
/// know: the integrals are not bias-corrected, and `lr^n` of a large n can underflow in `f32`:
/// [`Method::validate_at`](crate::Method::validate_at) tells.
///
/// ```
/// use lowland_core::{Chain, Clock};
/// use lowland_optim::stages::{MiAdam, StepScale, Switch};
///
/// let (betas, eps, switch) = ([0.5, 0.0], 1.0, Switch::Step(3));
/// let chain = Chain::new().then(MiAdam {
///     order: 2, kappa: 0.5, switch, step_scale: StepScale::PaperCode, betas, eps, amsgrad: false,
/// });
/// let (mut p, mut m, mut v, mut s1, mut s2) = ([0.0f64], [0.0], [0.0], [0.0], [0.0]);
/// let mut slots: [&mut [f64]; 4] = [&mut m, &mut v, &mut s1, &mut s2];
/// let lr = 0.25;
///
/// // m = 0.5 * 2 = 1, v = 4, s_1 = 1, s_2 = 1
/// chain.step(&Clock::at_step(1, lr), &mut p, &[2.0], &mut slots);
/// let first = -lr.powi(3) / (1.0 - 0.5) * 1.0 / (2.0 + 1.0);
/// assert!((p[0] - first).abs() < 1e-15);
///
/// // m = 0.5 * 1 + 0.5 * 1 = 1, v = 1, s_1 = 0.5 * 1 + 1 = 1.5, s_2 = 0.5 * 1 + 1.5 = 2
/// chain.step(&Clock::at_step(2, lr), &mut p, &[1.0], &mut slots);
/// let second = first - lr.powi(3) / (1.0 - 0.25) * 2.0 / (1.0 + 1.0);
/// assert!((p[0] - second).abs() < 1e-15);
///
/// // switched: m = 0.5 * 1 + 0.5 * 1 = 1, v = 1, plain Adam
/// chain.step(&Clock::at_step(3, lr), &mut p, &[1.0], &mut slots);
/// let third = second - lr / (1.0 - 0.125) * 1.0 / (1.0 + 1.0);
/// assert!((p[0] - third).abs() < 1e-15);
/// assert_eq!((m, v, s1, s2), ([1.0], [1.0], [1.5], [2.0]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MiAdam {
    /// The number of integrations, at least 1.
    pub order: usize,
    /// What an integral keeps of itself at a step.
    pub kappa: f64,
    /// When it goes on as Adam.
    pub switch: Switch,
    /// What multiplies the integral.
    pub step_scale: StepScale,
    /// The decay rates of the two means.
    pub betas: [f64; 2],
    /// What is added to the root.
    pub eps: f64,
    /// Whether the second mean never shrinks.
    pub amsgrad: bool,
}

impl MiAdam {
    /// What the step scale leaves beside the learning rate that the chain multiplies by.
    pub(crate) fn gain(&self, lr: f64) -> f64 {
        let order = self.order as f64;
        match self.step_scale {
            StepScale::PaperCode => lr.powf(order),
            StepScale::LrPower => lr.powf(order - 1.0),
            StepScale::UnitGain => (1.0 - self.kappa).powf(order),
        }
    }

    /// The number in front of the quotient at a step, the learning rate included:
    /// `scale / (1 - beta1^t)` before the switch, `lr / (1 - beta1^t)` after it.
    #[must_use]
    pub fn step_size(&self, clock: &Clock) -> f64 {
        clock.lr * self.factor(clock)
    }

    fn factor(&self, clock: &Clock) -> f64 {
        let gain = if self.switch.integrates(clock) { self.gain(clock.lr) } else { 1.0 };
        gain * first_correction(self.betas[0], clock)
    }
}

impl Stage for MiAdam {
    fn name(&self) -> &'static str {
        "miadam"
    }

    fn slots(&self) -> Vec<String> {
        let all = ["exp_avg", "exp_avg_sq", "max_exp_avg_sq"];
        let moments = all[..2 + usize::from(self.amsgrad)].iter().map(|&slot| slot.into());
        moments.chain((1..=self.order).map(|j| format!("integral_{j}"))).collect()
    }

    fn scalars(&self, clock: &Clock) -> Vec<f64> {
        let mut scalars = Moments::scalars(self.betas, self.eps, clock.step).to_vec();
        let integrates = f64::from(u8::from(self.switch.integrates(clock)));
        scalars.extend([self.factor(clock), self.kappa, integrates]);
        scalars
    }

    fn constants(&self) -> Vec<u32> {
        vec![self.order as u32, u32::from(self.amsgrad)]
    }

    #[inline(always)]
    fn apply_block<T: Real>(&self, scalars: Scalars<'_>, block: Block<'_, T>) {
        let [moments @ .., factor, kappa, integrates] = scalars.get::<T, 9>();
        let moments = Moments::new(moments);
        let ([exp_avg, exp_avg_sq], mut others) = block.state.split();
        moments.update(block.direction, exp_avg, exp_avg_sq);
        let mut second: &[T] = exp_avg_sq;
        if self.amsgrad
            && let Some(max) = others.next()
        {
            running_max(max, exp_avg_sq);
            second = max;
        }
        let mut numerator: &[T] = exp_avg;
        if integrates != T::zero() {
            for integral in others {
                for (s, &x) in integral.iter_mut().zip(numerator) {
                    *s = kappa * *s + x;
                }
                numerator = integral;
            }
        }
        moments.quotient(factor, numerator, second, block.direction);
    }
}
