//! Two-dimensional convolution and its two gradients: three readings of one list of products.

use lowland_core::op::Conv2d;

pub(super) fn forward(op: &Conv2d, x: &[f64], w: &[f64]) -> Vec<f64> {
    let mut y = vec![0.0; op.y().len()];
    products(op, |ix, iw, iy| y[iy] += x[ix] * w[iw]);
    y
}

pub(super) fn grad_input(op: &Conv2d, dy: &[f64], w: &[f64]) -> Vec<f64> {
    let mut dx = vec![0.0; op.x().len()];
    products(op, |ix, iw, iy| dx[ix] += dy[iy] * w[iw]);
    dx
}

pub(super) fn grad_weight(op: &Conv2d, x: &[f64], dy: &[f64]) -> Vec<f64> {
    let mut dw = vec![0.0; op.w().len()];
    products(op, |ix, iw, iy| dw[iw] += x[ix] * dy[iy]);
    dw
}

/// Every product of the definition whose pixel is inside the image, as the positions of its factors
/// in `x` `[N, H, W, I]` and `w` `[O, I / groups, kh, kw]` and of its result in `y` `[N, P, Q, O]`.
fn products(op: &Conv2d, mut product: impl FnMut(usize, usize, usize)) {
    let ([height, width], [rows, columns], [kh, kw]) = (op.input, op.output, op.kernel);
    let in_group = op.in_channels / op.groups;
    let out_group = op.out_channels / op.groups;
    for n in 0..op.batch {
        for p in 0..rows {
            for q in 0..columns {
                for o in 0..op.out_channels {
                    for i in 0..in_group {
                        for r in 0..kh {
                            for s in 0..kw {
                                let row = (p * op.stride[0] + r).wrapping_sub(op.padding[0]);
                                let column = (q * op.stride[1] + s).wrapping_sub(op.padding[1]);
                                // An index left of or above the image wraps to a huge one.
                                if row >= height || column >= width {
                                    continue;
                                }
                                let channel = o / out_group * in_group + i;
                                product(
                                    ((n * height + row) * width + column) * op.in_channels
                                        + channel,
                                    ((o * in_group + i) * kh + r) * kw + s,
                                    ((n * rows + p) * columns + q) * op.out_channels + o,
                                );
                            }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use lowland_core::Shape;

    use super::*;

    /// A 3x3 image and a 2x2 kernel, worked out on paper.
    #[test]
    fn a_convolution_by_hand() {
        let (x, w) = (Shape::from([1, 3, 3, 1]), Shape::from([1, 1, 2, 2]));
        let image = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];
        let kernel = [1.0, 10.0, 100.0, 1000.0];
        let plain = Conv2d::new(x, w, [1, 1], [0, 0], 1).unwrap();
        assert_eq!(forward(&plain, &image, &kernel), [5421.0, 6532.0, 8754.0, 9865.0]);
        let strided = Conv2d::new(x, w, [2, 2], [1, 1], 1).unwrap();
        assert_eq!(forward(&strided, &image, &kernel), [1000.0, 3200.0, 7040.0, 9865.0]);
        let ones = [1.0; 4];
        assert_eq!(
            grad_input(&strided, &ones, &kernel),
            [1000.0, 100.0, 1000.0, 10.0, 1.0, 10.0, 1000.0, 100.0, 1000.0]
        );
        assert_eq!(grad_weight(&strided, &image, &ones), [5.0, 4.0 + 6.0, 2.0 + 8.0, 20.0]);
    }

    /// Two groups of one channel each, seen by two output channels each.
    #[test]
    fn groups_by_hand() {
        let (x, w) = (Shape::from([1, 1, 1, 2]), Shape::from([4, 1, 1, 1]));
        let op = Conv2d::new(x, w, [1, 1], [0, 0], 2).unwrap();
        assert_eq!(
            forward(&op, &[2.0, 3.0], &[1.0, 10.0, 100.0, 1000.0]),
            [2.0, 20.0, 300.0, 3000.0]
        );
    }
}
