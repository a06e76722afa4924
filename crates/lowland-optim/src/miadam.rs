//! MIAdam, as a config.

use lowland_core::{Chain, Clock, DType};
use serde::{Deserialize, Serialize};

use crate::docs::{Entry, Hyper, Kind};
use crate::error::{Result, require};
use crate::parts::{Parts, require_decay, require_moments};
use crate::precision::normal;
use crate::stages::{self, StepScale, Switch};

/// Integrals beyond any use: each is a slot of state as large as the parameters.
const MAX_ORDER: usize = 64;

/// MIAdam of any order; the defaults are those of the paper and of its authors' code, with order 1.
///
/// The chain: coupled decay, [`stages::MiAdam`], or that and then decoupled decay. The equations, the
/// sources and the deviations are told there.
///
/// With the default scale [`StepScale::PaperCode`] and lr = 1e-3 the parameters hardly move before
/// the switch; for runs shorter than the paper's 150 epochs take [`StepScale::UnitGain`] and a switch
/// at a fraction of the run:
///
/// ```
/// use lowland_optim::{MiAdam, StepScale, Switch};
///
/// let short_run = MiAdam {
///     order: 3,
///     switch: Switch::Fraction(0.5),
///     step_scale: StepScale::UnitGain,
///     ..MiAdam::default()
/// };
/// assert_eq!(short_run.chain()?.slots(), [
///     "miadam.exp_avg", "miadam.exp_avg_sq",
///     "miadam.integral_1", "miadam.integral_2", "miadam.integral_3",
/// ]);
/// # Ok::<(), lowland_optim::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MiAdam {
    /// The number of integrations, 1 to 64; the paper uses 1, 2 and 3.
    pub order: usize,
    /// What an integral keeps of itself at a step, 0 to 1; below 1 with unit gain.
    pub kappa: f64,
    /// When it goes on as plain Adam.
    pub switch: Switch,
    /// What multiplies the integral.
    pub step_scale: StepScale,
    /// The decay rates of the means of the gradient and of its square, each in [0, 1).
    pub betas: [f64; 2],
    /// What is added to the root of the second mean, above 0.
    pub eps: f64,
    /// Whether the second mean is replaced by its largest value so far.
    pub amsgrad: bool,
    /// The factor of weight decay, 0 or more.
    pub weight_decay: f64,
    /// Whether decay is kept out of means and integrals.
    pub decoupled_weight_decay: bool,
}

impl Default for MiAdam {
    fn default() -> Self {
        MiAdam {
            order: 1,
            kappa: 0.98,
            switch: Switch::Epoch(20),
            step_scale: StepScale::PaperCode,
            betas: [0.9, 0.999],
            eps: 1e-8,
            amsgrad: false,
            weight_decay: 0.0,
            decoupled_weight_decay: false,
        }
    }
}

impl MiAdam {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`Error::Hyper`](crate::Error::Hyper) with the field.
    pub fn validate(&self) -> Result<()> {
        let MiAdam { order, kappa, switch, step_scale, .. } = *self;
        let field = |name: &'static str| move || format!("miadam.{name}");
        let orders = 1..=MAX_ORDER;
        let allowed = format!("1 to {MAX_ORDER}");
        require(orders.contains(&order), field("order"), &allowed, order)?;
        if step_scale == StepScale::UnitGain {
            let allowed = "in [0, 1), as unit-gain needs kappa < 1";
            require((0.0..1.0).contains(&kappa), field("kappa"), allowed, kappa)?;
            // Beyond it the integrals overflow f32 and the factor in front of them underflows.
            let smallest = f64::from(f32::MIN_POSITIVE);
            let most = (smallest.ln() / (1.0 - kappa).ln()).floor();
            let allowed = format!(
                "at most {most} with unit-gain and kappa = {kappa}, as (1 - kappa)^order must be a \
                 normal f32"
            );
            let ok = (1.0 - kappa).powf(order as f64) >= smallest;
            require(ok, field("order"), &allowed, order)?;
        }
        require((0.0..=1.0).contains(&kappa), field("kappa"), "in [0, 1]", kappa)?;
        if let Switch::Fraction(fraction) = switch {
            let ok = (0.0..=1.0).contains(&fraction);
            require(ok, field("switch.fraction"), "in [0, 1]", fraction)?;
        }
        require_moments("miadam", self.betas, self.eps)?;
        require_decay("miadam", self.weight_decay)
    }

    /// The chain of stages.
    ///
    /// # Errors
    /// As [`MiAdam::validate`].
    pub fn chain(&self) -> Result<Chain> {
        Ok(self.parts()?.chain())
    }

    pub(crate) fn parts(&self) -> Result<Parts> {
        self.validate()?;
        let decoupled = self.decoupled_weight_decay;
        Ok(Parts::new(self.weight_decay, decoupled, |chain| chain.then(self.stage())))
    }

    /// The number in front of the quotient at a step, the learning rate included: what is to be
    /// compared with `lr / (1 - beta1^t)` of Adam. See [`stages::MiAdam::step_size`].
    #[must_use]
    pub fn step_size(&self, clock: &Clock) -> f64 {
        self.stage().step_size(clock)
    }

    /// The size that a step has in the long run, under a constant gradient, as a part of Adam's while
    /// it integrates: 0.05 with the defaults and lr = 1e-3, 1 with unit gain, infinite where kappa
    /// is 1.
    #[must_use]
    pub fn steady_step(&self, lr: f64) -> f64 {
        self.stage().gain(lr) / (1.0 - self.kappa).powf(self.order as f64)
    }

    /// Checks that what the step scale multiplies by at this learning rate is a normal number.
    pub(crate) fn validate_gain(&self, base_lr: f64, dtype: DType) -> Result<()> {
        let (formula, exponent) = match self.step_scale {
            StepScale::PaperCode => ("lr^order", 0.0),
            StepScale::LrPower => ("lr^(order - 1)", 1.0),
            // It does not depend on the learning rate.
            StepScale::UnitGain => return Ok(()),
        };
        let range = normal(dtype);
        let limit = if base_lr < 1.0 { range.start() } else { range.end() };
        let most = exponent + (limit.ln() / base_lr.ln()).floor();
        let allowed = format!(
            "at most {most} with this step scale and learning rate {base_lr:?}, as {formula} must be a \
             normal {dtype}; unit-gain has room for more"
        );
        let ok = range.contains(&self.stage().gain(base_lr));
        require(ok, || "miadam.order".into(), &allowed, self.order)
    }

    fn stage(&self) -> stages::MiAdam {
        let MiAdam { order, kappa, switch, step_scale, betas, eps, amsgrad, .. } = *self;
        stages::MiAdam { order, kappa, switch, step_scale, betas, eps, amsgrad }
    }
}

/// What a list of methods tells of it.
pub(crate) const DOC: Entry = Entry {
    kind: Kind::Method,
    name: "miadam",
    title: "multiple-integral Adam",
    definition: "g <- g + weight_decay p\n\
                 m <- beta1 m + (1 - beta1) g;  v <- beta2 v + (1 - beta2) g^2\n\
                 before the switch s_1 <- kappa s_1 + m;  s_j <- kappa s_j + s_(j-1), j = 2..order\n\
                 and p <- p - scale / (1 - beta1^t) s_order / (sqrt(v) / sqrt(1 - beta2^t) + eps)\n\
                 after it: Adam\n\
                 scale: lr^(order + 1) (paper-code), lr^order (lr-power), lr (1 - kappa)^order (unit-gain)",
    hyper: &[
        Hyper::new("order", "n", "1", "number of integrations"),
        Hyper::new("kappa", "kappa", "0.98", "what an integral keeps of itself at a step"),
        Hyper::new(
            "switch",
            "sub_epoch",
            "{ epoch = 20 }",
            "when Adam goes on; or { step = n }, { fraction = x }",
        ),
        Hyper::new("step_scale", "", r#""paper-code""#, "what multiplies the integral"),
        Hyper::new("betas", "beta1, beta2", "[0.9, 0.999]", "decay rates of the two means"),
        Hyper::new("eps", "epsilon", "1e-8", "what is added to the root"),
        Hyper::new("amsgrad", "AMSGrad", "false", "whether the second mean never shrinks"),
        Hyper::new("weight_decay", "lambda, wd", "0.0", "factor of weight decay"),
        Hyper::new("decoupled_weight_decay", "", "false", "whether decay is kept out of the state"),
    ],
    state: &["miadam.exp_avg", "miadam.exp_avg_sq", "miadam.integral_1"],
    bytes: "28 + 8 order, with AMSGrad 8 more",
    source: "A Method for Enhancing Generalization of Adam by Multiple Integrations, AAAI 2025, arXiv 2412.12473",
};
