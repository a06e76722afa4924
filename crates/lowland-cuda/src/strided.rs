//! Strided tensors as kernels walk through them: mirrors of `strided.cuh`.

use lowland_core::Shape;

/// Indices below this are 32 bits wide in kernels: their sums do not overflow.
const NARROW: usize = 1 << 31;

/// Whether all of some sizes are small enough for 32-bit indices.
pub(crate) fn is_narrow(sizes: &[usize]) -> bool {
    sizes.iter().all(|&size| size < NARROW)
}

/// A number that kernels divide others by, as `Divider` in the sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Divider {
    divisor: u64,
    magic: u32,
    shift: u32,
}

impl Divider {
    /// Division by this; where it is 2^31 or more, of 64-bit numbers only. Nothing is divided by 0:
    /// it stands for an extent of tensors without elements.
    pub(crate) fn by(divisor: usize) -> Self {
        let divisor = divisor as u64;
        if divisor == 0 || divisor >= NARROW as u64 {
            return Divider { divisor, magic: 0, shift: 0 };
        }
        let shift = divisor.next_power_of_two().trailing_zeros();
        let magic = (((1 << shift) - divisor) << 32) / divisor + 1;
        Divider { divisor, magic: magic as u32, shift }
    }
}

/// `K` strided tensors in the row-major order of one shape, as `Walk` in the sources. Axes that can
/// be walked as one are merged.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Walk<const K: usize> {
    extents: [Divider; Shape::MAX_RANK],
    strides: [[u64; Shape::MAX_RANK]; K],
    first: [u64; K],
    rank: u64,
}

impl<const K: usize> Walk<K> {
    /// The walk through tensors with these strides, in elements, whose element 0 is at `first`. A
    /// stride of 0 repeats.
    pub(crate) fn new(
        shape: &Shape,
        strides: [[usize; Shape::MAX_RANK]; K],
        first: [usize; K],
    ) -> Self {
        // The innermost axis is the first.
        let mut extents = [1usize; Shape::MAX_RANK];
        let mut merged = [[0usize; K]; Shape::MAX_RANK];
        let mut rank = 0;
        for axis in (0..shape.rank()).rev().filter(|&axis| shape[axis] != 1) {
            let own = strides.map(|strides| strides[axis]);
            let goes_on = rank > 0
                && (0..K).all(|k| own[k] == merged[rank - 1][k].saturating_mul(extents[rank - 1]));
            if goes_on {
                extents[rank - 1] = extents[rank - 1].saturating_mul(shape[axis]);
            } else {
                (extents[rank], merged[rank]) = (shape[axis], own);
                rank += 1;
            }
        }
        Walk {
            extents: extents.map(Divider::by),
            strides: std::array::from_fn(|k| merged.map(|of_axis| of_axis[k] as u64)),
            first: first.map(|first| first as u64),
            rank: rank as u64,
        }
    }

    /// The extents and strides of the merged axes, the outermost first.
    pub(crate) fn axes(&self) -> impl Iterator<Item = (usize, [usize; K])> {
        (0..self.rank as usize).rev().map(|axis| {
            let strides = self.strides.map(|strides| strides[axis] as usize);
            (self.extents[axis].divisor as usize, strides)
        })
    }

    /// Whether every tensor is one run of memory, in order.
    pub(crate) fn is_contiguous(&self) -> bool {
        let mut axes = self.axes();
        match (axes.next(), axes.next()) {
            (None, _) => true,
            (Some((_, strides)), None) => strides == [1; K],
            _ => false,
        }
    }
}

/// The strides of a tensor of shape `from` that is repeated to a shape of `rank` axes.
pub(crate) fn repeated(from: &Shape, rank: usize) -> [usize; Shape::MAX_RANK] {
    let padded = from.padded_to(rank);
    let mut strides = padded.strides();
    for (stride, &extent) in strides.iter_mut().zip(padded.extents()) {
        if extent == 1 {
            *stride = 0;
        }
    }
    strides
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `quotient` computes in the sources.
    fn quotient(n: u32, by: Divider) -> u32 {
        let high = (u64::from(n) * u64::from(by.magic)) >> 32;
        (high as u32 + n) >> by.shift
    }

    #[test]
    fn multiplication_divides() {
        let largest = (NARROW - 1) as u32;
        let divisors = (1..2000).chain((11..31).flat_map(|bits| {
            let power = 1 << bits;
            [power - 1, power, power + 1]
        }));
        for divisor in divisors.chain([largest - 1, largest]) {
            let by = Divider::by(divisor as usize);
            let multiples = [0, 1, 2, 3, 1000, largest / divisor].map(|k| k.min(largest / divisor));
            for multiple in multiples.map(|k| k * divisor) {
                for n in [multiple.saturating_sub(1), multiple, (multiple + 1).min(largest)] {
                    assert_eq!(quotient(n, by), n / divisor, "{n} / {divisor}");
                }
            }
            assert_eq!(quotient(largest, by), largest / divisor, "{largest} / {divisor}");
        }
    }

    fn axes(shape: [usize; 3], from: &Shape) -> Vec<(usize, usize)> {
        let walk = Walk::new(&Shape::from(shape), [repeated(from, 3)], [0]);
        walk.axes().map(|(extent, [stride])| (extent, stride)).collect()
    }

    #[test]
    fn axes_merge_where_they_can() {
        assert_eq!(axes([2, 3, 4], &Shape::from([2, 3, 4])), [(24, 1)]);
        assert_eq!(axes([2, 3, 4], &Shape::scalar()), [(24, 0)]);
        assert_eq!(axes([2, 3, 4], &Shape::from([2, 1, 1])), [(2, 1), (12, 0)]);
        assert_eq!(axes([2, 1, 4], &Shape::from([4])), [(2, 0), (4, 1)]);
        assert_eq!(axes([1, 1, 1], &Shape::from([1])), []);
        let whole = Shape::from([2, 3, 4]);
        assert!(Walk::new(&whole, [whole.strides(); 2], [0; 2]).is_contiguous());
        assert!(!Walk::new(&whole, [whole.strides(), [0; 6]], [0; 2]).is_contiguous());
    }
}
