//! Shapes: up to six extents, row-major.

use std::fmt;

/// The extents of a row-major tensor of at most [`Shape::MAX_RANK`] axes.
///
/// Activations are `[N, H, W, C]`, convolution weights `[O, I, kh, kw]`, linear weights `[O, I]`.
///
/// ```
/// use lowland_core::Shape;
/// let x = Shape::from([128, 32, 32, 3]);
/// assert_eq!(x.len(), 393_216);
/// assert_eq!(x.strides()[..4], [3072, 96, 3, 1]);
/// assert_eq!(x.to_string(), "[128, 32, 32, 3]");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape {
    extents: [usize; Self::MAX_RANK],
    rank: usize,
}

impl Shape {
    /// The largest number of axes.
    pub const MAX_RANK: usize = 6;

    /// The shape of a single number: no axes, one element.
    #[must_use]
    pub const fn scalar() -> Self {
        Shape { extents: [1; Self::MAX_RANK], rank: 0 }
    }

    /// The shape with these extents.
    ///
    /// # Panics
    /// Where there are more than [`Shape::MAX_RANK`] axes.
    #[must_use]
    pub fn new(extents: &[usize]) -> Self {
        assert!(
            extents.len() <= Self::MAX_RANK,
            "a shape has at most {} axes, not {}",
            Self::MAX_RANK,
            extents.len()
        );
        let mut shape = Self::scalar();
        shape.extents[..extents.len()].copy_from_slice(extents);
        shape.rank = extents.len();
        shape
    }

    /// The number of axes.
    #[must_use]
    pub const fn rank(&self) -> usize {
        self.rank
    }

    /// The extents, one an axis.
    #[must_use]
    pub fn extents(&self) -> &[usize] {
        &self.extents[..self.rank]
    }

    /// The number of elements. A product beyond `usize` is `usize::MAX`, which no backend can
    /// allocate, so that an overflow ends in a clear error rather than in a small buffer.
    #[must_use]
    pub fn len(&self) -> usize {
        if self.is_empty() {
            return 0;
        }
        self.extents().iter().fold(1, |n, &e| n.saturating_mul(e))
    }

    /// Whether an extent is 0, so that there are no elements.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.extents().contains(&0)
    }

    /// Row-major strides in elements; entries past the rank are 0.
    #[must_use]
    pub fn strides(&self) -> [usize; Self::MAX_RANK] {
        let mut strides = [0; Self::MAX_RANK];
        let mut step = 1usize;
        for axis in (0..self.rank).rev() {
            strides[axis] = step;
            step = step.saturating_mul(self.extents[axis]);
        }
        strides
    }

    /// The shape with ones put before the first axis, up to `rank` axes.
    #[must_use]
    pub fn padded_to(&self, rank: usize) -> Self {
        assert!(rank >= self.rank && rank <= Self::MAX_RANK);
        let mut extents = [1; Self::MAX_RANK];
        extents[rank - self.rank..rank].copy_from_slice(self.extents());
        Shape { extents, rank }
    }

    /// The shape that two shapes broadcast to: aligned at the last axis, an extent of 1 stretches
    /// (the rule of NumPy and PyTorch). `None` where they do not fit.
    ///
    /// ```
    /// use lowland_core::Shape;
    /// let a = Shape::from([8, 1, 5]);
    /// assert_eq!(a.broadcast(&Shape::from([4, 1])), Some(Shape::from([8, 4, 5])));
    /// assert_eq!(a.broadcast(&Shape::from([4])), None);
    /// ```
    #[must_use]
    pub fn broadcast(&self, other: &Shape) -> Option<Shape> {
        let rank = self.rank.max(other.rank);
        let (a, b) = (self.padded_to(rank), other.padded_to(rank));
        let mut out = a;
        for axis in 0..rank {
            out.extents[axis] = match (a.extents[axis], b.extents[axis]) {
                (x, y) if x == y => x,
                (1, y) => y,
                (x, 1) => x,
                _ => return None,
            };
        }
        Some(out)
    }
}

impl std::ops::Index<usize> for Shape {
    type Output = usize;

    fn index(&self, axis: usize) -> &usize {
        &self.extents()[axis]
    }
}

impl<const N: usize> From<[usize; N]> for Shape {
    fn from(extents: [usize; N]) -> Self {
        Shape::new(&extents)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.extents())
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_overflowing_shape_has_the_largest_length() {
        assert_eq!(Shape::from([usize::MAX, 2]).len(), usize::MAX);
        assert_eq!(Shape::from([usize::MAX, 2, 0]).len(), 0);
    }

    proptest! {
        #[test]
        fn broadcasting_is_symmetric_and_contains_both(
            a in prop::collection::vec(1usize..4, 0..5),
            b in prop::collection::vec(1usize..4, 0..5),
        ) {
            let (a, b) = (Shape::new(&a), Shape::new(&b));
            prop_assert_eq!(a.broadcast(&b), b.broadcast(&a));
            if let Some(c) = a.broadcast(&b) {
                prop_assert_eq!(c.broadcast(&a), Some(c));
                prop_assert_eq!(c.broadcast(&b), Some(c));
            }
        }
    }
}
