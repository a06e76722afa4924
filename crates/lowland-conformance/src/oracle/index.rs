//! From the position in row-major order to one index an axis, and back.

use lowland_core::Shape;

/// One index an axis; entries past the rank are 0.
pub(super) type Index = [usize; Shape::MAX_RANK];

/// The indices of the element at a position.
pub(super) fn unravel(position: usize, shape: &Shape) -> Index {
    let mut index = [0; Shape::MAX_RANK];
    let mut rest = position;
    for axis in (0..shape.rank()).rev() {
        index[axis] = rest % shape[axis];
        rest /= shape[axis];
    }
    index
}

/// The position of the element at these indices.
pub(super) fn ravel(index: &[usize], shape: &Shape) -> usize {
    shape.extents().iter().zip(index).fold(0, |position, (&extent, &i)| position * extent + i)
}

/// The position in a tensor that is stretched to `shape`, aligned at the last axis, of what is seen
/// at these indices.
pub(super) fn ravel_stretched(index: &Index, shape: &Shape, tensor: &Shape) -> usize {
    let ahead = shape.rank() - tensor.rank();
    (0..tensor.rank()).fold(0, |position, axis| {
        let i = if tensor[axis] == 1 { 0 } else { index[ahead + axis] };
        position * tensor[axis] + i
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_and_indices_by_hand() {
        let shape = Shape::from([2, 3, 4]);
        assert_eq!(unravel(23, &shape)[..3], [1, 2, 3]);
        assert_eq!(unravel(13, &shape)[..3], [1, 0, 1]);
        assert_eq!(ravel(&[1, 0, 1], &shape), 13);
        let index = unravel(13, &shape);
        assert_eq!(ravel_stretched(&index, &shape, &Shape::from([3, 1])), 0);
        assert_eq!(ravel_stretched(&index, &shape, &Shape::from([4])), 1);
        assert_eq!(ravel_stretched(&index, &shape, &Shape::scalar()), 0);
    }
}
