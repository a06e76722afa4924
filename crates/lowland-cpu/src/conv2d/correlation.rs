//! The one shape behind the forward pass and the gradient of the input.

use lowland_core::op::Conv2d;

/// `target[n, a, b, t] = Σ_{r, s, c} source[n, pos(a, r), pos(b, s), c] weight[r, s, c, t]` with
/// `pos(a, r) = (a · step + r - lead) / dilation`; terms whose position is a fraction or lies
/// outside the source vanish.
///
/// A convolution has a dilation of 1. The gradient of its input has a step of 1 and the stride as
/// its dilation, and sees the weights flipped and transposed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Correlation {
    /// Images, N.
    pub images: usize,
    /// Height and width of the source.
    pub source: [usize; 2],
    /// Height and width of the target.
    pub target: [usize; 2],
    /// Channels of the source.
    pub source_channels: usize,
    /// Channels of the target.
    pub target_channels: usize,
    /// Groups of channels.
    pub groups: usize,
    /// Height and width of the kernel.
    pub kernel: [usize; 2],
    /// Source positions, before dilation, from one target position to the next.
    pub step: [usize; 2],
    /// The spacing of the source.
    pub dilation: [usize; 2],
    /// How far before a target position its first tap lies.
    pub lead: [isize; 2],
    /// Whether source channels are the output channels of the op.
    flipped: bool,
}

impl Correlation {
    pub(super) fn forward(op: &Conv2d) -> Self {
        Correlation {
            images: op.batch,
            source: op.input,
            target: op.output,
            source_channels: op.in_channels,
            target_channels: op.out_channels,
            groups: op.groups,
            kernel: op.kernel,
            step: op.stride,
            dilation: [1, 1],
            lead: op.padding.map(|p| p as isize),
            flipped: false,
        }
    }

    pub(super) fn grad_input(op: &Conv2d) -> Self {
        let lead = |axis: usize| op.kernel[axis] as isize - 1 - op.padding[axis] as isize;
        Correlation {
            images: op.batch,
            source: op.output,
            target: op.input,
            source_channels: op.out_channels,
            target_channels: op.in_channels,
            groups: op.groups,
            kernel: op.kernel,
            step: [1, 1],
            dilation: op.stride,
            lead: [lead(0), lead(1)],
            flipped: true,
        }
    }

    /// Where a tap of a target position falls in the source, along axis 0 (rows) or 1 (columns).
    #[inline]
    pub(super) fn position(&self, axis: usize, target: usize, tap: usize) -> Option<usize> {
        let dilated = (target * self.step[axis] + tap).checked_add_signed(-self.lead[axis])?;
        let position = dilated / self.dilation[axis];
        let exact = position * self.dilation[axis] == dilated;
        (exact && position < self.source[axis]).then_some(position)
    }

    /// Elements of one image of the source.
    pub(super) fn source_image_len(&self) -> usize {
        self.source[0] * self.source[1] * self.source_channels
    }

    /// Elements of one row of the target.
    pub(super) fn target_row_len(&self) -> usize {
        self.target[1] * self.target_channels
    }

    /// Source channels that one target channel sees.
    pub(super) fn source_per_group(&self) -> usize {
        self.source_channels / self.groups
    }

    /// Target channels that one source channel reaches.
    pub(super) fn target_per_group(&self) -> usize {
        self.target_channels / self.groups
    }

    /// Where the op's weights, `[O, I / groups, kh, kw]`, hold tap `[r, s]` between channel
    /// `source` within its group and channel `target` of all.
    #[inline]
    pub(super) fn weight_index(&self, tap: [usize; 2], source: usize, target: usize) -> usize {
        let [kh, kw] = self.kernel;
        if !self.flipped {
            return ((target * self.source_per_group() + source) * kh + tap[0]) * kw + tap[1];
        }
        let per_group = self.target_per_group();
        let (group, input) = (target / per_group, target % per_group);
        let output = group * self.source_per_group() + source;
        ((output * per_group + input) * kh + (kh - 1 - tap[0])) * kw + (kw - 1 - tap[1])
    }

    /// Rows of the target (of all images, one after another) that make one task. Whole images,
    /// unless there are few.
    pub(super) fn rows_per_task(&self) -> usize {
        const ENOUGH_TASKS: usize = 32;
        let rows = self.target[0];
        if self.images >= ENOUGH_TASKS {
            return rows.max(1);
        }
        (rows * self.images).div_ceil(ENOUGH_TASKS).clamp(1, rows.max(1))
    }
}
