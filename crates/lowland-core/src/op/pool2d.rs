//! Averages and maxima over windows.

use super::{Operand, Operands, changed};
use crate::{Error, Result, Shape};

/// Which pooling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PoolKind {
    /// The mean over the window; padding counts as zeros, as PyTorch does by default.
    Average,
    /// The maximum over the part of the window inside the image; NaN wins. The gradient goes to the
    /// first element, in row-major order, that has it.
    Max,
}

impl PoolKind {
    /// Every kind, for tests and tables.
    pub const ALL: [PoolKind; 2] = [PoolKind::Average, PoolKind::Max];

    /// The name in messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            PoolKind::Average => "average pooling",
            PoolKind::Max => "max pooling",
        }
    }

    /// The name of the gradient in messages.
    #[must_use]
    pub fn grad_name(self) -> &'static str {
        match self {
            PoolKind::Average => "gradient of average pooling",
            PoolKind::Max => "gradient of max pooling",
        }
    }
}

/// Pooling of `[N, H, W, C]` over windows.
///
/// Forward: input `x`; output `y`.
/// Gradient of an average: input `dy`; output `dx`.
/// Gradient of a maximum: inputs `x`, `dy`; output `dx`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Pool2d {
    /// Which pooling.
    pub kind: PoolKind,
    /// Images, N.
    pub batch: usize,
    /// Height and width of the input.
    pub input: [usize; 2],
    /// Height and width of the output.
    pub output: [usize; 2],
    /// Channels, C.
    pub channels: usize,
    /// Height and width of the window.
    pub kernel: [usize; 2],
    /// Vertical and horizontal stride.
    pub stride: [usize; 2],
    /// Rows above and below, columns left and right, outside the image.
    pub padding: [usize; 2],
}

impl Pool2d {
    /// The pooling of `x`, `[N, H, W, C]`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for another rank, a stride or a window of 0, an image without pixels or
    /// padding of more than half a window (either would make windows without a pixel), a window larger
    /// than the padded image, and sizes beyond what can be counted.
    pub fn new(
        kind: PoolKind,
        x: Shape,
        kernel: [usize; 2],
        stride: [usize; 2],
        padding: [usize; 2],
    ) -> Result<Self> {
        let invalid = |message: String| Err(Error::invalid(kind.name(), message));
        let &[batch, height, width, channels] = x.extents() else {
            return invalid(format!("needs [N, H, W, C], got {x}"));
        };
        if stride.contains(&0) || kernel.contains(&0) {
            return invalid("strides and the window must be at least 1".into());
        }
        if height == 0 || width == 0 {
            return invalid(format!("over nothing: the images of {x} have no pixels"));
        }
        if kernel[0].checked_mul(kernel[1]).is_none() {
            return invalid(format!("the window {kernel:?} is too large"));
        }
        let mut output = [0; 2];
        for axis in 0..2 {
            if padding[axis] > kernel[axis] / 2 {
                return invalid(format!(
                    "padding {padding:?} is over half of the window {kernel:?}"
                ));
            }
            let Some(padded) = [height, width][axis].checked_add(2 * padding[axis]) else {
                return invalid(format!("padding {padding:?} is too large"));
            };
            let Some(span) = padded.checked_sub(kernel[axis]) else {
                return invalid(format!(
                    "the window {kernel:?} is larger than the padded image {x}"
                ));
            };
            output[axis] = span / stride[axis] + 1;
        }
        Ok(Pool2d {
            kind,
            batch,
            input: [height, width],
            output,
            channels,
            kernel,
            stride,
            padding,
        })
    }

    /// The shape of the input, `[N, H, W, C]`.
    #[must_use]
    pub fn x(&self) -> Shape {
        Shape::from([self.batch, self.input[0], self.input[1], self.channels])
    }

    /// The shape of the output, `[N, H', W', C]`.
    #[must_use]
    pub fn y(&self) -> Shape {
        Shape::from([self.batch, self.output[0], self.output[1], self.channels])
    }

    /// Whether the sizes still are those of one pooling.
    pub(super) fn validate(&self) -> Result<()> {
        let again = Self::new(self.kind, self.x(), self.kernel, self.stride, self.padding)?;
        if again == *self { Ok(()) } else { Err(changed(self.kind.name(), self)) }
    }

    pub(super) fn operands(&self) -> Operands {
        Operands {
            inputs: vec![Operand::read("x", self.x().len())],
            outputs: vec![Operand::write("y", self.y().len())],
        }
    }

    pub(super) fn grad_operands(&self) -> Operands {
        let dy = Operand::read("dy", self.y().len());
        let inputs = match self.kind {
            PoolKind::Average => vec![dy],
            PoolKind::Max => vec![Operand::read("x", self.x().len()), dy],
        };
        Operands { inputs, outputs: vec![Operand::write("dx", self.x().len())] }
    }
}
