//! What Adam and its kin share: the running moments of the gradient and the quotient at the end.

use lowland_core::Real;
use lowland_core::stage::Clock;

/// Decay rates and epsilon, with what a step makes of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moments<T> {
    beta1: T,
    beta1_rest: T,
    beta2: T,
    beta2_rest: T,
    root_correction: T,
    eps: T,
}

impl Moments<f64> {
    /// The scalars of one step, rounded by the stage: five of them depend on the step alone.
    pub(super) fn scalars(betas: [f64; 2], eps: f64, step: u64) -> [f64; 6] {
        let [beta1, beta2] = betas;
        let root_correction = 1.0 / (1.0 - beta2.powf(step as f64)).sqrt();
        [beta1, 1.0 - beta1, beta2, 1.0 - beta2, root_correction, eps]
    }
}

/// The factor that makes up for the first moment's start at 0: `1 / (1 - beta1^t)`.
pub(super) fn first_correction(beta1: f64, clock: &Clock) -> f64 {
    1.0 / (1.0 - beta1.powf(clock.step as f64))
}

/// What to add to the corrected root so that it is as if eps had been added to the raw one:
/// `eps / sqrt(1 - beta2^t)`.
pub(super) fn uncorrected_eps(eps: f64, beta2: f64, step: u64) -> f64 {
    eps / (1.0 - beta2.powf(step as f64)).sqrt()
}

impl<T: Real> Moments<T> {
    #[inline(always)]
    pub(super) fn new(scalars: [T; 6]) -> Self {
        let [beta1, beta1_rest, beta2, beta2_rest, root_correction, eps] = scalars;
        Moments { beta1, beta1_rest, beta2, beta2_rest, root_correction, eps }
    }

    /// `m <- beta1 m + (1 - beta1) g`, `v <- beta2 v + (1 - beta2) g^2`.
    #[inline(always)]
    pub(super) fn update(&self, grads: &[T], exp_avg: &mut [T], exp_avg_sq: &mut [T]) {
        for ((&g, m), v) in grads.iter().zip(exp_avg).zip(exp_avg_sq) {
            *m = self.beta1 * *m + self.beta1_rest * g;
            *v = self.beta2 * *v + self.beta2_rest * (g * g);
        }
    }

    /// `m <- beta1 m + (1 - beta1) g`, `v <- beta2 v + (1 - beta2) (g - m)^2`.
    #[inline(always)]
    pub(super) fn update_around_mean(&self, grads: &[T], exp_avg: &mut [T], exp_avg_var: &mut [T]) {
        for ((&g, m), v) in grads.iter().zip(exp_avg).zip(exp_avg_var) {
            *m = self.beta1 * *m + self.beta1_rest * g;
            *v = self.beta2 * *v + self.beta2_rest * ((g - *m) * (g - *m));
        }
    }

    /// The direction `factor * m / (sqrt(v) / sqrt(1 - beta2^t) + eps)` of one element after its
    /// update, which is not made.
    #[inline(always)]
    pub(super) fn direction_after(&self, factor: T, g: T, m: T, v: T) -> T {
        let m = self.beta1 * m + self.beta1_rest * g;
        let v = self.beta2 * v + self.beta2_rest * (g * g);
        factor * m / (v.sqrt() * self.root_correction + self.eps)
    }

    /// beta1.
    #[inline(always)]
    pub(super) fn first_decay(&self) -> T {
        self.beta1
    }

    /// `d <- d / (sqrt(second) / sqrt(1 - beta2^t) + eps)`.
    #[inline(always)]
    pub(super) fn divide(&self, second: &[T], direction: &mut [T]) {
        for (d, &v) in direction.iter_mut().zip(second) {
            *d /= v.sqrt() * self.root_correction + self.eps;
        }
    }

    /// `d <- factor * numerator / (sqrt(second) / sqrt(1 - beta2^t) + eps)`.
    #[inline(always)]
    pub(super) fn quotient(&self, factor: T, numerator: &[T], second: &[T], direction: &mut [T]) {
        for ((d, &x), &v) in direction.iter_mut().zip(numerator).zip(second) {
            *d = factor * x / (v.sqrt() * self.root_correction + self.eps);
        }
    }
}

/// `vmax <- max(vmax, v)`, with a NaN of `v` kept, as PyTorch keeps it.
#[inline(always)]
pub(super) fn running_max<T: Real>(max: &mut [T], values: &[T]) {
    for (max, &v) in max.iter_mut().zip(values) {
        *max = if *max >= v { *max } else { v };
    }
}
