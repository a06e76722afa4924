//! The one trait of layers and networks.

use std::fmt;

use lowland_core::Result;
use lowland_tensor::Tensor;

use crate::Pass;

/// A layer or a network: shapes and handles on parameters, no numbers.
///
/// The numbers, and whether the pass trains or evaluates, come with the [`Pass`]. Calling a module
/// twice on equal inputs and equal numbers gives equal bits.
pub trait Module: Send + Sync + fmt::Debug {
    /// The output for a batch; images are `[N, H, W, C]`, and so are all activations.
    ///
    /// # Errors
    /// Where `x` does not fit the layer, and as [`Backend::run`](lowland_core::Backend::run).
    fn forward(&self, x: &Tensor, pass: &Pass<'_>) -> Result<Tensor>;
}
