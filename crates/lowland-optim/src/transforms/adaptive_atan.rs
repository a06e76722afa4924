//! The adaptive activation of a tensor: an arctangent that saturates near the tensor's maximum.

use std::f64::consts::PI;

use lowland_core::transform::{Form, Functor};
use lowland_core::{Real, Shape, Transform};
use serde::{Deserialize, Serialize};

use crate::docs::{self, Entry, Hyper};
use crate::elementary;
use crate::recipe::activation::Kind;
use crate::update::Update;

/// An arctangent whose bound follows the largest element of each tensor.
///
/// With max(x) the signed maximum of the tensor: `a = 2 max(x) / (pi shrink)`,
/// `x <- a atan(gamma x / a)`. The largest possible magnitude is `|max(x)| / shrink`, and the slope at
/// 0 is `gamma`.
///
/// Source: "Activated Gradients for Deep Neural Networks" (TNNLS, arXiv 2107.04228), and `SGD_atanMom_Ada`
/// of its authors' code, where it comes last, on the direction. Deviation: where max(x) is 0 or not
/// finite the code gives NaN everywhere; here the tensor stays as it is.
///
/// ```
/// use lowland_core::{Shape, Transform};
/// use lowland_optim::transforms::AdaptiveAtan;
///
/// let adaptive = AdaptiveAtan { shrink: 2.0, gamma: 1.0 };
/// let mut x = [std::f64::consts::PI, -1.0];  // a = 1
/// adaptive.apply(&mut x, &Shape::from([2]), &mut []);
/// assert_eq!(x, [std::f64::consts::PI.atan(), -std::f64::consts::FRAC_PI_4]);
/// let mut x = [0.0, -1.0];
/// adaptive.apply(&mut x, &Shape::from([2]), &mut []);
/// assert_eq!(x, [0.0, -1.0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdaptiveAtan {
    /// By how much the maximum is divided to give the bound; the authors use 1.1 to 2.
    pub shrink: f64,
    /// The slope at 0; the authors use 1.1 to 2.
    pub gamma: f64,
}

impl AdaptiveAtan {
    /// What the bound is where the maximum is 1.
    #[inline(always)]
    fn bound_of_one(&self) -> f64 {
        2.0 / (PI * self.shrink)
    }
}

impl Transform for AdaptiveAtan {
    fn name(&self) -> &'static str {
        "adaptive_atan"
    }

    fn applies_to(&self, _: &Shape) -> bool {
        true
    }

    fn needs_shape(&self) -> bool {
        false
    }

    fn functor(&self) -> Option<Functor> {
        let name = Transform::name(self).into();
        Some(Functor { name, constants: Vec::new(), form: Form::Reduced })
    }

    fn numbers(&self, _: &Shape) -> Vec<f64> {
        vec![self.bound_of_one(), self.gamma]
    }

    #[inline(always)]
    fn apply<T: Real>(&self, tensor: &mut [T], _: &Shape, _: &mut [f64]) {
        let max = tensor.iter().fold(T::neg_infinity(), |max, &x| if x > max { x } else { max });
        let bound = T::of(self.bound_of_one()) * max;
        let slope = T::of(self.gamma) / bound;
        if max.is_finite() && slope.is_finite() {
            for x in tensor {
                *x = bound * elementary::atan(slope * *x);
            }
        }
    }
}

impl Kind for AdaptiveAtan {
    fn fields(&self) -> Vec<(&'static str, f64)> {
        vec![("shrink", self.shrink), ("gamma", self.gamma)]
    }

    fn add_to(&self, update: Update) -> Update {
        update.transform(*self)
    }
}

/// What a list of methods tells of it.
pub(crate) const DOC: Entry = Entry {
    kind: docs::Kind::Activation,
    name: "adaptive_atan",
    title: "arctangent that follows the maximum of each tensor",
    definition: "a = 2 max(x) / (pi shrink), max(x) the signed maximum of the tensor\n\
                 G(x) = a atan(gamma x / a); x where a is 0 or not finite",
    hyper: &[
        Hyper::new("shrink", "shrink", "", "by how much the maximum is divided"),
        Hyper::new("gamma", "gamma", "", "slope at 0"),
    ],
    state: &[],
    bytes: "12, and what the stages before it move",
    source: "Activated Gradients for Deep Neural Networks, TNNLS, arXiv 2107.04228",
};
