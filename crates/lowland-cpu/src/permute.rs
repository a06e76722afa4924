//! Axes in another order.

use lowland_core::op::Permute;

use crate::scalar::Scalar;
use crate::strided::{Walk, gather};
use crate::threads::Threads;

pub(crate) fn forward<T: Scalar>(op: &Permute, threads: &Threads, x: &[T], y: &mut [T]) {
    let from = op.from.strides();
    let mut strides = [0; lowland_core::Shape::MAX_RANK];
    for (axis, &source) in op.order().iter().enumerate() {
        strides[axis] = from[source];
    }
    gather(threads, &Walk::new(&op.to, [strides], [0]), x, y);
}

#[cfg(test)]
mod tests {
    use lowland_core::{Op, Shape};

    use super::*;
    use crate::testing::assert_gives;

    #[test]
    fn images_change_between_both_layouts() {
        // [N, C, H, W] = [1, 2, 2, 3]
        let x: Vec<f64> = (0..12).map(f64::from).collect();
        let y = [0.0, 6.0, 1.0, 7.0, 2.0, 8.0, 3.0, 9.0, 4.0, 10.0, 5.0, 11.0];
        let op = Permute::new(Shape::from([1, 2, 2, 3]), &[0, 2, 3, 1]).unwrap();
        assert_gives(Op::Permute(op), &[&x], &[&y]);
        assert_gives(Op::Permute(op.inverse()), &[&y], &[&x]);
        let nothing = Permute::new(Shape::from([0, 2]), &[1, 0]).unwrap();
        assert_gives(Op::Permute(nothing), &[&[]], &[&[]]);
        assert_gives(
            Op::Permute(Permute::new(Shape::scalar(), &[]).unwrap()),
            &[&[3.0]],
            &[&[3.0]],
        );
    }
}
