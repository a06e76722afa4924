//! The floating-point types that kernels run on.

use lowland_core::Real;

use crate::matmul::Gemm;
use crate::memory::Plain;

/// `f32` or `f64`: arithmetic, memory, and a matrix product.
pub(crate) trait Scalar: Real + Plain + Gemm {}

impl Scalar for f32 {}
impl Scalar for f64 {}
