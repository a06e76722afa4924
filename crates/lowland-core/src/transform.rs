//! Transforms: the links of an optimizer that look at a whole tensor at once.

use std::fmt;

use crate::vector::{self, Kernel};
use crate::{Real, Shape};

/// A map from one tensor, a gradient or a direction, to another of the same shape.
///
/// Where a [`Stage`](crate::Stage) sees an element alone, a transform sees the tensor that it is
/// part of, and its shape. It has no state. Tensors are row-major; the weights of a convolution are
/// `[O, I, kh, kw]`, those of a linear layer `[O, I]`.
///
/// ```
/// use lowland_core::{Real, Shape, Transform};
///
/// /// Takes the mean of every row off the row.
/// #[derive(Debug)]
/// struct CenterRows;
///
/// impl Transform for CenterRows {
///     fn name(&self) -> &'static str {
///         "center_rows"
///     }
///
///     fn applies_to(&self, shape: &Shape) -> bool {
///         shape.rank() == 2
///     }
///
///     fn blocks(&self, shape: &Shape) -> usize {
///         shape[0]
///     }
///
///     fn apply<T: Real>(&self, rows: &mut [T], shape: &Shape, _: &mut [f64]) {
///         for row in rows.chunks_mut(shape[1]) {
///             let mean = row.iter().map(|x| x.f64()).sum::<f64>() / shape[1] as f64;
///             row.iter_mut().for_each(|x| *x = T::of(x.f64() - mean));
///         }
///     }
/// }
///
/// let mut x = [1.0f32, 3.0, 10.0, 20.0];
/// CenterRows.apply(&mut x, &Shape::from([2, 2]), &mut []);
/// assert_eq!(x, [-1.0, 1.0, -5.0, 5.0]);
/// ```
pub trait Transform: fmt::Debug + Send + Sync + 'static {
    /// The transform's name: `snake_case`.
    fn name(&self) -> &'static str;

    /// Whether it changes tensors of this shape at all; others stay as they are.
    fn applies_to(&self, shape: &Shape) -> bool;

    /// Whether the shape matters beyond the number of elements.
    fn needs_shape(&self) -> bool {
        true
    }

    /// The number of blocks, contiguous and equally long, that are transformed apart from each
    /// other: a backend may hand them over in any portions. 1 where the tensor is one whole.
    fn blocks(&self, _shape: &Shape) -> usize {
        1
    }

    /// How much scratch memory a call on a tensor of this shape, or on some of its blocks, needs.
    fn scratch_len(&self, _shape: &Shape) -> usize {
        0
    }

    /// What devices run in its place; `None` where it is for processors alone. It must always be the
    /// same, and so must [`Transform::numbers`].
    fn functor(&self) -> Option<Functor> {
        None
    }

    /// What the functor reads besides the elements of a tensor of this shape: hyper-parameters, and
    /// what the shape makes of them.
    fn numbers(&self, _shape: &Shape) -> Vec<f64> {
        Vec::new()
    }

    /// Changes some consecutive blocks, one at least, of a tensor of this shape. What is in the
    /// scratch memory at first is anything. Mark it `#[inline(always)]`, so that it is compiled
    /// anew for the widest vectors of the processor. It must not call a backend.
    fn apply<T: Real>(&self, blocks: &mut [T], shape: &Shape, scratch: &mut [f64]);
}

/// A transform in the language of devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Functor {
    /// Its name: `snake_case`, also that of its file.
    pub name: String,
    /// What it is compiled for, as template arguments in the functor's order.
    pub constants: Vec<u32>,
    /// How a tensor is cut for it.
    pub form: Form,
}

/// How a tensor is cut for a [`Functor`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Into the columns along an axis, each of which is changed by itself.
    Columns {
        /// The axis.
        axis: usize,
        /// Whether it needs memory for a column of `f64`.
        work_space: bool,
    },
    /// Anywhere: all elements are folded to one number, in any order, then each is mapped.
    Reduced,
}

/// A [`Transform`] behind a pointer. Every transform is one.
pub trait DynTransform: fmt::Debug + Send + Sync {
    /// See [`Transform::name`].
    fn name(&self) -> &'static str;
    /// See [`Transform::applies_to`].
    fn applies_to(&self, shape: &Shape) -> bool;
    /// See [`Transform::needs_shape`].
    fn needs_shape(&self) -> bool;
    /// See [`Transform::blocks`].
    fn blocks(&self, shape: &Shape) -> usize;
    /// See [`Transform::scratch_len`].
    fn scratch_len(&self, shape: &Shape) -> usize;
    /// See [`Transform::functor`].
    fn functor(&self) -> Option<Functor>;
    /// See [`Transform::numbers`].
    fn numbers(&self, shape: &Shape) -> Vec<f64>;
    /// See [`Transform::apply`].
    fn apply_f32(&self, blocks: &mut [f32], shape: &Shape, scratch: &mut [f64]);
    /// See [`Transform::apply`].
    fn apply_f64(&self, blocks: &mut [f64], shape: &Shape, scratch: &mut [f64]);
}

impl<S: Transform> DynTransform for S {
    fn name(&self) -> &'static str {
        Transform::name(self)
    }

    fn applies_to(&self, shape: &Shape) -> bool {
        Transform::applies_to(self, shape)
    }

    fn needs_shape(&self) -> bool {
        Transform::needs_shape(self)
    }

    fn blocks(&self, shape: &Shape) -> usize {
        Transform::blocks(self, shape)
    }

    fn scratch_len(&self, shape: &Shape) -> usize {
        Transform::scratch_len(self, shape)
    }

    fn functor(&self) -> Option<Functor> {
        Transform::functor(self)
    }

    fn numbers(&self, shape: &Shape) -> Vec<f64> {
        Transform::numbers(self, shape)
    }

    fn apply_f32(&self, blocks: &mut [f32], shape: &Shape, scratch: &mut [f64]) {
        vector::run(Apply { transform: self, blocks, shape, scratch });
    }

    fn apply_f64(&self, blocks: &mut [f64], shape: &Shape, scratch: &mut [f64]) {
        vector::run(Apply { transform: self, blocks, shape, scratch });
    }
}

/// [`Transform::apply`] as a loop.
struct Apply<'a, S, T> {
    transform: &'a S,
    blocks: &'a mut [T],
    shape: &'a Shape,
    scratch: &'a mut [f64],
}

impl<S: Transform, T: Real> Kernel for Apply<'_, S, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        self.transform.apply(self.blocks, self.shape, self.scratch);
    }
}
