//! Two-dimensional convolution (cross-correlation, as networks use it) and its two gradients.

use super::{Operand, Operands, changed};
use crate::{Error, Result, Shape};

/// `y[n, p, q, o] = Σ_{i, r, s} x[n, p·sh + r - ph, q·sw + s - pw, i] w[o, i, r, s]`, with zeros
/// outside the image; with groups, output channels of group g see the input channels of group g.
///
/// Activations are `[N, H, W, C]`, weights `[O, I / groups, kh, kw]`.
///
/// Forward: inputs `x`, `w`; output `y`.
/// Forward with statistics ([`Op::Conv2dStatistics`](super::Op::Conv2dStatistics)): the same, and
/// the outputs `mean` and `var` (biased) of each channel of `y`, for a batch normalisation that
/// follows; as exact as [`BatchNorm`](super::BatchNorm) asks for, but taken while `y` is at hand.
/// Gradient of the input: inputs `dy`, `w`; output `dx`.
/// Gradient of the weight: inputs `x`, `dy`; output `dw`, summed over the batch in an order given
/// by the shape alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Conv2d {
    /// Images, N.
    pub batch: usize,
    /// Height and width of the input.
    pub input: [usize; 2],
    /// Height and width of the output.
    pub output: [usize; 2],
    /// Channels of the input, I.
    pub in_channels: usize,
    /// Channels of the output, O.
    pub out_channels: usize,
    /// Height and width of the kernel.
    pub kernel: [usize; 2],
    /// Vertical and horizontal stride.
    pub stride: [usize; 2],
    /// Rows of zeros above and below, columns of zeros left and right.
    pub padding: [usize; 2],
    /// Groups of channels.
    pub groups: usize,
}

impl Conv2d {
    /// The convolution of `x`, `[N, H, W, I]`, with `w`, `[O, I / groups, kh, kw]`.
    ///
    /// # Errors
    /// [`Error::Shapes`] where ranks or channels do not fit, [`Error::Invalid`] for a stride or a
    /// number of groups of 0, channels that the groups do not divide, a kernel larger than the
    /// padded image, and padding beyond what can be counted.
    pub fn new(
        x: Shape,
        w: Shape,
        stride: [usize; 2],
        padding: [usize; 2],
        groups: usize,
    ) -> Result<Self> {
        let op = "conv2d";
        let (&[batch, height, width, in_channels], &[out_channels, per_group, kh, kw]) =
            (x.extents(), w.extents())
        else {
            return Err(Error::shapes(op, x, w, "needs [N, H, W, I] and [O, I / groups, kh, kw]"));
        };
        if groups == 0 || stride.contains(&0) || kh == 0 || kw == 0 {
            return Err(Error::invalid(op, "groups, strides and the kernel must be at least 1"));
        }
        if per_group.checked_mul(groups) != Some(in_channels) {
            let why = format!("{groups} groups of {per_group} are not {in_channels} channels");
            return Err(Error::shapes(op, x, w, why));
        }
        if !out_channels.is_multiple_of(groups) {
            let why = format!("{groups} groups do not divide {out_channels} output channels");
            return Err(Error::shapes(op, x, w, why));
        }
        let mut output = [0; 2];
        for axis in 0..2 {
            let both_sides = padding[axis].checked_mul(2);
            let padded = both_sides.and_then(|both| both.checked_add([height, width][axis]));
            let Some(padded) = padded else {
                return Err(Error::invalid(op, format!("padding {padding:?} is too large")));
            };
            let span = padded.checked_sub([kh, kw][axis]).ok_or_else(|| {
                Error::shapes(
                    op,
                    x,
                    w,
                    format!("the kernel is larger than the image padded by {padding:?}"),
                )
            })?;
            output[axis] = span / stride[axis] + 1;
        }
        Ok(Conv2d {
            batch,
            input: [height, width],
            output,
            in_channels,
            out_channels,
            kernel: [kh, kw],
            stride,
            padding,
            groups,
        })
    }

    /// The shape of the input, `[N, H, W, I]`.
    #[must_use]
    pub fn x(&self) -> Shape {
        Shape::from([self.batch, self.input[0], self.input[1], self.in_channels])
    }

    /// The shape of the weight, `[O, I / groups, kh, kw]`.
    #[must_use]
    pub fn w(&self) -> Shape {
        let [kh, kw] = self.kernel;
        // Groups of 0, which `validate` refuses, have no channels.
        let per_group = self.in_channels.checked_div(self.groups).unwrap_or(0);
        Shape::from([self.out_channels, per_group, kh, kw])
    }

    /// The shape of the output, `[N, H', W', O]`.
    #[must_use]
    pub fn y(&self) -> Shape {
        Shape::from([self.batch, self.output[0], self.output[1], self.out_channels])
    }

    /// Multiply-adds of a forward pass, padding counted; `usize::MAX` where they are more.
    #[must_use]
    pub fn multiply_adds(&self) -> usize {
        let [kh, kw] = self.kernel;
        let factors = [self.y().len(), self.w().extents()[1], kh, kw];
        factors.into_iter().fold(1, usize::saturating_mul)
    }

    /// Whether the sizes still are those of one convolution.
    pub(super) fn validate(&self) -> Result<()> {
        let again = Self::new(self.x(), self.w(), self.stride, self.padding, self.groups)?;
        if again == *self { Ok(()) } else { Err(changed("conv2d", self)) }
    }

    pub(super) fn operands(&self) -> Operands {
        Operands {
            inputs: vec![Operand::read("x", self.x().len()), Operand::read("w", self.w().len())],
            outputs: vec![Operand::write("y", self.y().len())],
        }
    }

    pub(super) fn statistics_operands(&self) -> Operands {
        let Operands { inputs, mut outputs } = self.operands();
        outputs.extend(["mean", "var"].map(|name| Operand::write(name, self.out_channels)));
        Operands { inputs, outputs }
    }

    /// Whether the output has statistics.
    pub(super) fn validate_statistics(&self) -> Result<()> {
        let [height, width] = self.output;
        let values = [self.batch, height, width].into_iter().fold(1, usize::saturating_mul);
        if values >= 2 {
            return Ok(());
        }
        let message = format!(
            "statistics need at least 2 values per channel, got {values}; \
             use a larger batch or the running statistics"
        );
        Err(Error::invalid("conv2d with statistics", message))
    }

    pub(super) fn grad_input_operands(&self) -> Operands {
        Operands {
            inputs: vec![Operand::read("dy", self.y().len()), Operand::read("w", self.w().len())],
            outputs: vec![Operand::write("dx", self.x().len())],
        }
    }

    pub(super) fn grad_weight_operands(&self) -> Operands {
        Operands {
            inputs: vec![Operand::read("x", self.x().len()), Operand::read("dy", self.y().len())],
            outputs: vec![Operand::write("dw", self.w().len())],
        }
    }
}
