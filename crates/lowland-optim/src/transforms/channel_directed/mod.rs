//! Channel-directed gradients: gradients with respect to another metric along one axis of a weight.

pub(crate) mod h0;
pub(crate) mod h1;
pub(crate) mod sobolev;
mod tile;

use std::fmt;

use half::{bf16, f16};
use lowland_core::transform::{Form, Functor};
use lowland_core::vector::{self, Kernel};
use lowland_core::{Real, Shape, Transform};
use serde::{Deserialize, Serialize};

pub use h0::ReweightedL2;
pub use h1::MeanSplitSobolev;
pub use sobolev::Sobolev;
pub use tile::WIDTH;
use tile::{Layout, smooth_tiles};

/// Columns side by side: row o holds element o of each of [`WIDTH`] columns.
pub type Columns = [[f64; WIDTH]];

/// A metric on functions of n points, x = (o + 1/2) / n on the unit interval, in which a constant is
/// orthogonal to every function of mean 0 and has the length that it has in L2. The gradient with
/// respect to it then has the mean of the gradient, and the rest is a linear map of the deviation.
pub trait Metric: fmt::Debug + Clone + Send + Sync + 'static {
    /// Its name: `snake_case`.
    fn name(&self) -> &'static str;

    /// The inner product of two functions of as many points: symmetric and positive definite. What
    /// defines the metric; [`Metric::solve`] must agree with it.
    fn product(&self, u: &[f64], v: &[f64]) -> f64;

    /// How many numbers [`Metric::prepare`] computes for columns of n elements.
    fn prepared_len(&self, _n: usize) -> usize {
        0
    }

    /// What depends on the length of the columns alone.
    fn prepare(&self, _n: usize, _prepared: &mut [f64]) {}

    /// Template arguments of the device functor `channel_directed_<name>`.
    fn constants(&self) -> Vec<u32> {
        Vec::new()
    }

    /// What the functor reads for columns of n elements.
    fn numbers(&self, _n: usize) -> Vec<f64> {
        Vec::new()
    }

    /// Whether the functor needs memory for a column.
    fn needs_work_space(&self) -> bool {
        false
    }

    /// Replaces columns g of mean 0 by the x of mean 0 for which `product(x, v)` is the mean of
    /// `g v`, for every v of mean 0. Mark it `#[inline(always)]`.
    fn solve(&self, prepared: &[f64], columns: &mut Columns);
}

/// What a function does at the ends of the interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ends {
    /// The last channel is a neighbour of the first.
    #[default]
    Periodic,
    /// The derivative is 0 at both ends.
    Neumann,
}

impl Ends {
    /// The template argument of functors: whether the ends are Neumann's.
    fn constant(self) -> u32 {
        u32::from(self == Ends::Neumann)
    }

    /// The integral of u' v', by differences of neighbours.
    fn dirichlet(self, u: &[f64], v: &[f64]) -> f64 {
        let n = u.len();
        let pairs = if self == Ends::Periodic { n } else { n - 1 };
        let difference = |u: &[f64], i: usize| u[(i + 1) % n] - u[i];
        n as f64 * (0..pairs).map(|i| difference(u, i) * difference(v, i)).sum::<f64>()
    }
}

fn mean(u: &[f64]) -> f64 {
    u.iter().sum::<f64>() / u.len() as f64
}

/// The mean of `u v`.
fn mean_product(u: &[f64], v: &[f64]) -> f64 {
    u.iter().zip(v).map(|(u, v)| u * v).sum::<f64>() / u.len() as f64
}

/// An axis of a weight, `[O, I, kh, kw]` or `[O, I]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Axis {
    /// Output channels: the paper's direction.
    #[default]
    Output,
    /// Input channels.
    Input,
    /// Rows of the kernel.
    Height,
    /// Columns of the kernel.
    Width,
}

impl Axis {
    /// Its position in a weight.
    #[must_use]
    pub fn index(self) -> usize {
        self as usize
    }
}

/// The gradient with respect to a [`Metric`] along one axis, for each column apart.
///
/// With n channels along the axis, each column g (all other indices fixed) is replaced by the g_M
/// for which `<g_M, v>_M = mean(g v)` for all v: the mean stays, and the deviation from it is
/// [solved](Metric::solve) for. It is meant for raw gradients, before any other link. Sums are in `f64`.
/// Everything is O(parameters).
///
/// It applies to weights of convolutions (four axes), and where `linear` says so to those of linear
/// layers (two axes, of which `height` and `width` are none), with at least 2 channels along the
/// axis.
///
/// Source: Lao et al., "Channel-Directed Gradients for Optimization of Convolutional Neural
/// Networks" (2020, arXiv 2008.10766). There is no public code; what the paper leaves open (points at
/// the middles of n equal cells, differences of neighbours as derivatives) is decided here.
///
/// ```
/// use lowland_core::Clock;
/// use lowland_optim::transforms::ChannelDirected;
/// use lowland_optim::transforms::channel_directed::{Axis, ReweightedL2};
/// use lowland_optim::{Optimizer, Update};
///
/// let metric = ReweightedL2 { lambda: 2.0 };
/// let smooth = ChannelDirected { metric, axis: Axis::Output, linear: false };
/// let mut optimizer = Optimizer::new(Update::new().transform(smooth)).with_shape("w", [3, 1, 1, 1]);
/// let mut w = [0.0f64; 3];
/// optimizer.step(&Clock::at_step(1, 1.0), &mut [("w", &mut w, &[1.0, 2.0, 6.0])])?;
/// // The mean is 3; deviations from it are divided by 2.
/// assert_eq!(w, [-2.0, -2.5, -4.5]);
/// # Ok::<(), lowland_optim::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChannelDirected<M> {
    /// The metric.
    pub metric: M,
    /// The axis.
    pub axis: Axis,
    /// Whether weights of linear layers are meant too.
    pub linear: bool,
}

impl<M: Metric> Transform for ChannelDirected<M> {
    fn name(&self) -> &'static str {
        "channel_directed"
    }

    fn applies_to(&self, shape: &Shape) -> bool {
        let meant = shape.rank() == 4 || self.linear && shape.rank() == 2;
        meant && self.axis.index() < shape.rank() && shape[self.axis.index()] >= 2
    }

    fn blocks(&self, shape: &Shape) -> usize {
        Layout::new(shape.extents(), self.axis.index()).blocks
    }

    fn scratch_len(&self, shape: &Shape) -> usize {
        scratch_len(&self.metric, shape[self.axis.index()])
    }

    fn functor(&self) -> Option<Functor> {
        let name = format!("{}_{}", Transform::name(self), self.metric.name());
        let work_space = self.metric.needs_work_space();
        let form = Form::Columns { axis: self.axis.index(), work_space };
        Some(Functor { name, constants: self.metric.constants(), form })
    }

    fn numbers(&self, shape: &Shape) -> Vec<f64> {
        self.metric.numbers(shape[self.axis.index()])
    }

    #[inline(always)]
    fn apply<T: Real>(&self, blocks: &mut [T], shape: &Shape, scratch: &mut [f64]) {
        let layout = Layout::new(shape.extents(), self.axis.index());
        let (prepared, tile) = scratch.split_at_mut(self.metric.prepared_len(layout.n));
        self.metric.prepare(layout.n, prepared);
        smooth_tiles(&self.metric, prepared, layout, blocks, tile, |x| x.f64(), |x| T::of(x));
    }
}

/// The scratch memory for columns of n elements: what the metric prepares, and a tile.
fn scratch_len<M: Metric>(metric: &M, n: usize) -> usize {
    metric.prepared_len(n) + WIDTH * n
}

/// A number that [`smooth`] reads and writes: `f32`, `f64`, and the two 16-bit floats of the
/// [`half`] crate.
pub trait Number: Copy {
    /// Its value, exactly.
    fn widen(self) -> f64;
    /// The nearest number of this type.
    fn narrow(x: f64) -> Self;
}

macro_rules! number {
    ($($type:ty: $narrow:expr),*) => {$(
        impl Number for $type {
            #[inline(always)]
            fn widen(self) -> f64 {
                f64::from(self)
            }

            #[inline(always)]
            fn narrow(x: f64) -> Self {
                $narrow(x)
            }
        }
    )*};
}
number!(f32: |x| x as f32, f64: |x| x, bf16: bf16::from_f64, f16: f16::from_f64);

/// [`ChannelDirected`] on a slice, for those who have neither an optimizer of this crate nor a
/// backend: replaces each column along an axis of a row-major tensor by its gradient with respect to
/// the metric.
///
/// # Panics
/// Where the axis is none of the tensor's, or the slice is not as long as the tensor.
///
/// ```
/// use lowland_optim::transforms::channel_directed::{ReweightedL2, smooth};
///
/// let mut gradient = [1.0f32, 10.0, 3.0, 30.0]; // [2, 2]: two columns of two channels
/// smooth(&mut gradient, &[2, 2], 0, &ReweightedL2 { lambda: 2.0 });
/// assert_eq!(gradient, [1.5, 15.0, 2.5, 25.0]);
/// ```
pub fn smooth<T: Number, M: Metric>(values: &mut [T], dims: &[usize], axis: usize, metric: &M) {
    assert!(axis < dims.len(), "axis {axis} of a tensor of {} axes", dims.len());
    assert_eq!(values.len(), dims.iter().product::<usize>(), "elements of a tensor {dims:?}");
    if values.is_empty() {
        return;
    }
    let layout = Layout::new(dims, axis);
    let mut scratch = vec![0.0; scratch_len(metric, layout.n)];
    let (prepared, tile) = scratch.split_at_mut(metric.prepared_len(layout.n));
    metric.prepare(layout.n, prepared);
    vector::run(Smooth { metric, prepared, layout, values, tile });
}

/// [`smooth`] as a loop.
struct Smooth<'a, T, M> {
    metric: &'a M,
    prepared: &'a [f64],
    layout: Layout,
    values: &'a mut [T],
    tile: &'a mut [f64],
}

impl<T: Number, M: Metric> Kernel for Smooth<'_, T, M> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Smooth { metric, prepared, layout, values, tile } = self;
        smooth_tiles(metric, prepared, layout, values, tile, T::widen, T::narrow);
    }
}
