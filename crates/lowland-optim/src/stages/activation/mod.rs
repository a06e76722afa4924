//! Gradient activation: a function of each element of the direction.

pub(crate) mod atan;
pub(crate) mod log;
pub(crate) mod tanh;

use std::fmt;

use lowland_core::Real;
use lowland_core::stage::{Block, Clock, Scalars, Stage};

pub use atan::Atan;
pub use log::Log;
pub use tanh::Tanh;

/// A gradient activation function: odd and increasing, steep at 0 so that small gradients grow, and
/// flat far out so that large ones are bounded.
///
/// One of your own is these few lines:
///
/// ```
/// use lowland_core::{Chain, Clock, Real};
/// use lowland_optim::stages::{Activate, Activation};
///
/// /// The cube root.
/// #[derive(Debug)]
/// struct CubeRoot;
///
/// impl Activation for CubeRoot {
///     fn name(&self) -> &'static str {
///         "cube_root"
///     }
///
///     fn apply<T: Real>(&self, x: T) -> T {
///         x.cbrt()
///     }
/// }
///
/// let mut p = [1.0f64, 1.0];
/// let chain = Chain::new().then(Activate(CubeRoot));
/// chain.step(&Clock::at_step(1, 0.5), &mut p, &[8.0, -27.0], &mut []);
/// assert_eq!(p, [0.0, 2.5]);
/// ```
pub trait Activation: fmt::Debug + Send + Sync + 'static {
    /// Its name: `snake_case`, also the name of its stage.
    fn name(&self) -> &'static str;

    /// Its hyper-parameters, for device functors.
    fn scalars(&self) -> Vec<f64> {
        Vec::new()
    }

    /// G(x). Mark it `#[inline(always)]`.
    fn apply<T: Real>(&self, x: T) -> T;
}

/// The stage of an [`Activation`]: `d <- G(d)`, no state.
///
/// As the first link of a chain it activates the raw gradient, before weight decay and momentum;
/// after them it activates the final direction, and their buffers keep raw values. These are
/// different optimizers. Decoupled weight decay comes after either.
///
/// Source: "Activated Gradients for Deep Neural Networks" (TNNLS, arXiv 2107.04228).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Activate<A>(pub A);

impl<A: Activation> Stage for Activate<A> {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn scalars(&self, _: &Clock) -> Vec<f64> {
        self.0.scalars()
    }

    #[inline(always)]
    fn apply_block<T: Real>(&self, _: Scalars<'_>, block: Block<'_, T>) {
        for d in block.direction {
            *d = self.0.apply(*d);
        }
    }
}
