//! The floating-point types that kernels and stages are generic over.

use num_traits::{Float, NumAssign};

use crate::measure::{DynMeasure, Elements};
use crate::stage::{Block, DynStage};
use crate::transform::DynTransform;
use crate::{Element, Shape};

/// `f32` or `f64`, with arithmetic and elementary functions from `num-traits`.
///
/// Constants are written in `f64` and rounded once, by [`Real::of`]:
///
/// ```
/// use lowland_core::Real;
/// fn half<T: Real>(x: T) -> T {
///     x * T::of(0.5)
/// }
/// assert_eq!(half(3.0f32), 1.5);
/// ```
pub trait Real: Element + Float + NumAssign + std::iter::Sum {
    /// Rounds an `f64` to this type.
    fn of(x: f64) -> Self;

    /// This value as an `f64`, exactly.
    fn f64(self) -> f64;

    /// Calls a stage on a block of this type.
    fn apply_stage(stage: &dyn DynStage, scalars: &[f64], block: Block<'_, Self>);

    /// Calls a transform on blocks of a tensor of this type.
    fn apply_transform(
        transform: &dyn DynTransform,
        blocks: &mut [Self],
        shape: &Shape,
        scratch: &mut [f64],
    );

    /// Calls a measure on elements of this type.
    fn measure_terms(measure: &dyn DynMeasure, scalars: &[f64], elements: Elements<'_, Self>);
}

impl Real for f32 {
    #[inline(always)]
    fn of(x: f64) -> Self {
        x as f32
    }

    #[inline(always)]
    fn f64(self) -> f64 {
        f64::from(self)
    }

    fn apply_stage(stage: &dyn DynStage, scalars: &[f64], block: Block<'_, Self>) {
        stage.apply_f32(scalars, block);
    }

    fn apply_transform(
        transform: &dyn DynTransform,
        blocks: &mut [Self],
        shape: &Shape,
        scratch: &mut [f64],
    ) {
        transform.apply_f32(blocks, shape, scratch);
    }

    fn measure_terms(measure: &dyn DynMeasure, scalars: &[f64], elements: Elements<'_, Self>) {
        measure.terms_f32(scalars, elements);
    }
}

impl Real for f64 {
    #[inline(always)]
    fn of(x: f64) -> Self {
        x
    }

    #[inline(always)]
    fn f64(self) -> f64 {
        self
    }

    fn apply_stage(stage: &dyn DynStage, scalars: &[f64], block: Block<'_, Self>) {
        stage.apply_f64(scalars, block);
    }

    fn apply_transform(
        transform: &dyn DynTransform,
        blocks: &mut [Self],
        shape: &Shape,
        scratch: &mut [f64],
    ) {
        transform.apply_f64(blocks, shape, scratch);
    }

    fn measure_terms(measure: &dyn DynMeasure, scalars: &[f64], elements: Elements<'_, Self>) {
        measure.terms_f64(scalars, elements);
    }
}
