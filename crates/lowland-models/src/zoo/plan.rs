//! From the structure of a network to its convolutions, block by block: what builds it and what counts
//! its work read the same list.

use super::family::{Family, Shortcut};
use super::spec::{Block, Spec, Stem};
use crate::layers::Conv2dSpec;
use crate::{Fan, Init};

/// A convolution with a square window, no bias, and zeros around so that stride 1 keeps the size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) kernel: usize,
    pub(super) stride: usize,
}

impl Window {
    /// The convolution, He normal by fan-out.
    pub(super) fn spec(&self) -> Conv2dSpec {
        Conv2dSpec {
            stride: [self.stride; 2],
            padding: [self.kernel / 2; 2],
            bias: false,
            init: Init::HeNormal(Fan::Out),
            ..Conv2dSpec::new(self.inputs, self.outputs, self.kernel)
        }
    }

    /// Those that make an output of this height and width.
    pub(super) fn multiply_adds(&self, [h, w]: [usize; 2]) -> u64 {
        let factors = [h, w, self.inputs, self.outputs, self.kernel * self.kernel];
        factors.into_iter().fold(1, |product: u64, n| product.saturating_mul(n as u64))
    }
}

/// The convolutions of one block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BlockPlan {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) stride: usize,
    /// Those of the residual F but the last one, in order.
    pub(super) inner: Vec<Window>,
    /// The last one of F.
    pub(super) last: Window,
    /// The 1x1 convolution of every state that is added, the newest first; `None` where a state is
    /// added as it is, or by a shortcut without parameters.
    pub(super) projections: Vec<Option<Window>>,
}

impl BlockPlan {
    /// The convolutions of the residual F, in order.
    pub(super) fn branch(&self) -> impl Iterator<Item = &Window> {
        self.inner.iter().chain([&self.last])
    }
}

impl Spec {
    /// The convolution of the stem.
    pub(super) fn stem_window(&self, channels: usize) -> Window {
        let outputs = self.widths.first().copied().unwrap_or(0);
        let (kernel, stride) = match self.stem {
            Stem::Cifar => (3, 1),
            Stem::ImageNet => (7, 2),
        };
        Window { inputs: channels, outputs, kernel, stride }
    }

    /// Channels behind the last block.
    pub(super) fn features(&self) -> usize {
        self.expanded(self.widths.last().copied().unwrap_or(0))
    }

    /// Channels behind a block of this width.
    fn expanded(&self, width: usize) -> usize {
        width.saturating_mul(self.block.expansion())
    }

    /// All blocks in order.
    pub(super) fn plan(&self) -> impl Iterator<Item = BlockPlan> {
        // Channels of the states at hand, the newest first.
        let mut states = vec![self.widths.first().copied().unwrap_or(0)];
        let stages = self.widths.iter().zip(&self.blocks).enumerate();
        let each = stages.flat_map(|(stage, (&width, &n))| {
            (0..n).map(move |i| (width, if stage > 0 && i == 0 { 2 } else { 1 }))
        });
        each.enumerate().map(move |(index, (width, stride))| {
            let outputs = self.expanded(width);
            let inputs = states[0];
            let added = self.states_added(index, (inputs, stride) == (outputs, 1));
            let (inner, last) = self.branch(inputs, width, stride);
            let projection = |&channels: &usize| self.projection(channels, outputs, stride);
            let plan = BlockPlan {
                inputs,
                outputs,
                stride,
                inner,
                last,
                projections: states[..added].iter().map(projection).collect(),
            };
            if !self.keeps_raw(index) {
                states[..added].fill(outputs);
            }
            states.insert(0, outputs);
            states.truncate(self.order());
            plan
        })
    }

    /// The number of states that blocks look back on.
    pub(super) fn order(&self) -> usize {
        match self.family {
            Family::ResNet { .. } | Family::Plain | Family::PreActResNet => 1,
            Family::LmResNet => 2,
            Family::ZeroSNet(_) => 3,
        }
    }

    /// How many states the block with this index adds to F.
    fn states_added(&self, index: usize, keeps_shape: bool) -> usize {
        match self.family {
            Family::Plain => 0,
            Family::LmResNet if index == 0 || !keeps_shape => 1,
            Family::ZeroSNet(_) if index < 2 => 1,
            _ => self.order(),
        }
    }

    /// Whether the block with this index leaves its input in the history as it is, not as it was added:
    /// the first block of a ZeroSNet for CIFAR does.
    pub(super) fn keeps_raw(&self, index: usize) -> bool {
        index == 0 && self.stem == Stem::Cifar && matches!(self.family, Family::ZeroSNet(_))
    }

    /// The convolutions of a residual: all but the last, and that one.
    fn branch(&self, inputs: usize, width: usize, stride: usize) -> (Vec<Window>, Window) {
        let window = |inputs, outputs, kernel, stride| Window { inputs, outputs, kernel, stride };
        match self.block {
            Block::Basic => (vec![window(inputs, width, 3, stride)], window(width, width, 3, 1)),
            Block::Bottleneck => {
                let inner = vec![window(inputs, width, 1, 1), window(width, width, 3, stride)];
                (inner, window(width, self.expanded(width), 1, 1))
            }
        }
    }

    fn projection(&self, inputs: usize, outputs: usize, stride: usize) -> Option<Window> {
        let without = self.family == Family::ResNet { shortcut: Shortcut::A };
        let keeps_shape = (inputs, stride) == (outputs, 1);
        (!without && !keeps_shape).then_some(Window { inputs, outputs, kernel: 1, stride })
    }
}
