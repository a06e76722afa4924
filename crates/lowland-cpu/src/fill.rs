//! All elements the same.

use lowland_core::op::Fill;

use crate::CHUNK;
use crate::scalar::Scalar;
use crate::threads::Threads;

pub(crate) fn forward<T: Scalar>(op: &Fill, threads: &Threads, y: &mut [T]) {
    let value = T::of(op.value);
    threads.for_each(y.chunks_mut(CHUNK), |y| y.fill(value));
}

#[cfg(test)]
mod tests {
    use lowland_core::Op;

    use super::*;
    use crate::testing::assert_gives;

    #[test]
    fn every_element_is_the_value() {
        assert_gives(Op::Fill(Fill { len: 3, value: -2.5 }), &[], &[&[-2.5; 3]]);
        assert_gives(Op::Fill(Fill { len: 0, value: 1.0 }), &[], &[&[]]);
        let long = vec![0.5; 3 * CHUNK + 1];
        assert_gives(Op::Fill(Fill { len: long.len(), value: 0.5 }), &[], &[&long]);
    }
}
