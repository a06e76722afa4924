//! Which layers run as one op.

use std::fmt;

use lowland_core::op::{BatchNorm, Conv2d, Epilogue, Op};
use lowland_core::{Backend, DType, Shape};

/// Which layers run as one op, and which as several. Both give the same results to rounding; one op
/// makes fewer passes over memory and keeps less for the backward pass.
///
/// A [`ParamStore`](crate::ParamStore) asks its device when it is built, and takes what there is.
///
/// ```
/// use lowland_core::DType;
/// use lowland_models::Fusion;
///
/// let cpu = lowland_cpu::Cpu::new(1);
/// let fusion = Fusion::of(&cpu, DType::F32);
/// assert_eq!(fusion, Fusion { statistics: true, epilogues: true });
/// assert_eq!(fusion.to_string(), "conv + statistics, batch norm + relu, batch norm + add + relu");
/// assert_eq!(Fusion::NONE.to_string(), "none");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fusion {
    /// The statistics of a batch normalisation are taken by the convolution before it.
    pub statistics: bool,
    /// A ReLU behind a batch normalisation, with or without an addition between them, is part of
    /// it.
    pub epilogues: bool,
}

impl Fusion {
    /// Every op on its own.
    pub const NONE: Fusion = Fusion { statistics: false, epilogues: false };

    /// What a backend has.
    #[must_use]
    pub fn of(device: &dyn Backend, dtype: DType) -> Self {
        let shape = |extents: [usize; 4]| Shape::from(extents);
        let conv = Conv2d::new(shape([2, 1, 1, 1]), shape([1, 1, 1, 1]), [1; 2], [0; 2], 1);
        let statistics = conv.is_ok_and(|op| device.supports(&Op::Conv2dStatistics(op), dtype));
        let norm = BatchNorm::training(2, 1, 1e-5);
        let epilogues = norm.is_ok_and(|norm| {
            [Epilogue::Relu, Epilogue::AddRelu].into_iter().all(|epilogue| {
                let norm = norm.with_epilogue(epilogue);
                let ops = [
                    Op::BatchNorm(norm),
                    Op::BatchNormGrad(norm),
                    Op::BatchNormInference(norm),
                    Op::BatchNormInferenceGrad(norm),
                ];
                ops.iter().all(|op| device.supports(op, dtype))
            })
        });
        Fusion { statistics, epilogues }
    }
}

impl fmt::Display for Fusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.statistics, self.epilogues) {
            (true, true) => "conv + statistics, batch norm + relu, batch norm + add + relu",
            (true, false) => "conv + statistics",
            (false, true) => "batch norm + relu, batch norm + add + relu",
            (false, false) => "none",
        })
    }
}
