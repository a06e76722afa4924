//! What a device's libraries do: convolutions and matrix products, as plain loops that add up in
//! `f64`.
//!
//! Unsafe, because operands are addresses.
#![allow(unsafe_code)]

use lowland_core::op::Conv2d;
use lowland_core::{Error, Result};
use lowland_cuda::driver::{Address, Convolve, Multiply};

use crate::memory::Memory;
use crate::shim::NAME;

/// What addresses are multiples of: the library of a device may load so many bytes at a time.
const ALIGNMENT: u64 = 16;

/// Checks that operands lie where the library of a device takes them.
///
/// # Errors
/// The first address that does not, in the words of `what`.
fn check_alignment(what: &str, operands: [Address; 3]) -> Result<()> {
    match operands.iter().find(|address| !address.0.is_multiple_of(ALIGNMENT)) {
        None => Ok(()),
        Some(Address(address)) => {
            let message = format!("{what}: an operand at {address:#x}, no multiple of {ALIGNMENT}");
            Err(Error::device(NAME, message))
        }
    }
}

/// See [`Driver::convolve`](lowland_cuda::driver::Driver::convolve).
///
/// # Errors
/// Where an operand is not memory in use, or not on a boundary of 16 bytes.
pub(crate) fn convolve(memory: &Memory, conv: &Conv2d, what: Convolve) -> Result<()> {
    let (x_len, w_len, y_len) = (conv.x().len(), conv.w().len(), conv.y().len());
    let name = "a convolution";
    let (left, right, out) = match what {
        Convolve::Forward { x, w, y } => ((x, x_len), (w, w_len), (y, y_len)),
        Convolve::GradInput { dy, w, dx } => ((dy, y_len), (w, w_len), (dx, x_len)),
        Convolve::GradWeight { x, dy, dw } => ((x, x_len), (dy, y_len), (dw, w_len)),
    };
    check_alignment(name, [left.0, right.0, out.0])?;
    // SAFETY: the output is none of the inputs, and nothing else runs.
    let (left, right, out) = unsafe {
        (
            memory.read(name, left.0, left.1)?,
            memory.read(name, right.0, right.1)?,
            memory.write(name, out.0, out.1)?,
        )
    };
    let mut sums = vec![0.0_f64; out.len()];
    each_product(conv, |x, w, y| {
        let (sum, l, r) = match what {
            Convolve::Forward { .. } => (y, x, w),
            Convolve::GradInput { .. } => (x, y, w),
            Convolve::GradWeight { .. } => (w, x, y),
        };
        sums[sum] += f64::from(left[l]) * f64::from(right[r]);
    });
    out.iter_mut().zip(sums).for_each(|(out, sum)| *out = sum as f32);
    Ok(())
}

/// The indices of x, w and y in every product of a convolution.
fn each_product(conv: &Conv2d, mut product: impl FnMut(usize, usize, usize)) {
    let ([height, width], [out_height, out_width]) = (conv.input, conv.output);
    let [kh, kw] = conv.kernel;
    let per_group = conv.in_channels / conv.groups;
    let outs_per_group = conv.out_channels / conv.groups;
    // The place in the image that an output and a place of the kernel see, if it is inside.
    let seen = |at: usize, tap: usize, axis: usize, len: usize| {
        (at * conv.stride[axis] + tap).checked_sub(conv.padding[axis]).filter(|&seen| seen < len)
    };
    for n in 0..conv.batch {
        for (p, q) in pairs(out_height, out_width) {
            for (r, s) in pairs(kh, kw) {
                let (Some(h), Some(w)) = (seen(p, r, 0, height), seen(q, s, 1, width)) else {
                    continue;
                };
                for (o, i) in pairs(conv.out_channels, per_group) {
                    let channel = o / outs_per_group * per_group + i;
                    product(
                        ((n * height + h) * width + w) * conv.in_channels + channel,
                        ((o * kh + r) * kw + s) * per_group + i,
                        ((n * out_height + p) * out_width + q) * conv.out_channels + o,
                    );
                }
            }
        }
    }
}

fn pairs(rows: usize, columns: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..rows).flat_map(move |row| (0..columns).map(move |column| (row, column)))
}

/// See [`Driver::multiply`](lowland_cuda::driver::Driver::multiply).
///
/// # Errors
/// Where an operand is not memory in use, or not on a boundary of 16 bytes.
pub(crate) fn multiply(memory: &Memory, product: &Multiply) -> Result<()> {
    let &Multiply { m, n, k, .. } = product;
    let name = "a matrix product";
    check_alignment(name, [product.a, product.b, product.y])?;
    // SAFETY: the output is none of the inputs, and nothing else runs.
    let (a, b, y) = unsafe {
        (
            memory.read(name, product.a, m * k)?,
            memory.read(name, product.b, k * n)?,
            memory.write(name, product.y, m * n)?,
        )
    };
    // How far apart neighbours are, along the sum and across it.
    let (a_across, a_along) = if product.transpose_a { (1, m) } else { (k, 1) };
    let (b_across, b_along) = if product.transpose_b { (k, 1) } else { (1, n) };
    for (at, y) in y.iter_mut().enumerate() {
        let (row, column) = (at / n, at % n);
        let term = |l: usize| {
            f64::from(a[row * a_across + l * a_along])
                * f64::from(b[column * b_across + l * b_along])
        };
        *y = (0..k).map(term).sum::<f64>() as f32;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use lowland_core::Shape;

    use super::*;

    /// Small whole numbers, so that sums are exact.
    fn filled(memory: &Memory, len: usize, seed: usize) -> Address {
        let address = memory.allocate(len * 4).unwrap();
        // SAFETY: nothing else uses it.
        let values = unsafe { memory.write("a test", address, len) }.unwrap();
        for (i, value) in values.iter_mut().enumerate() {
            *value = ((i * 7 + seed) % 11) as f32 - 5.0;
        }
        address
    }

    fn values(memory: &Memory, address: Address, len: usize) -> Vec<f32> {
        // SAFETY: nothing writes.
        unsafe { memory.read("a test", address, len) }.unwrap().to_vec()
    }

    fn dot(a: &[f32], b: &[f32]) -> f32 {
        a.iter().zip(b).map(|(a, b)| a * b).sum()
    }

    #[test]
    fn a_matrix_product_is_the_same_however_its_factors_are_stored() {
        let memory = Memory::new();
        let (m, n, k) = (2, 3, 2);
        let put = |of: &[f32]| {
            let address = memory.allocate(of.len() * 4).unwrap();
            memory.upload(bytemuck::cast_slice(of), address).unwrap();
            address
        };
        let a = [put(&[1.0, 2.0, 3.0, 4.0]), put(&[1.0, 3.0, 2.0, 4.0])];
        let b = [put(&[5.0, 6.0, 7.0, 8.0, 9.0, 10.0]), put(&[5.0, 8.0, 6.0, 9.0, 7.0, 10.0])];
        for (transpose_a, transpose_b) in
            [(false, false), (false, true), (true, false), (true, true)]
        {
            let y = memory.allocate(24).unwrap();
            let (a, b) = (a[usize::from(transpose_a)], b[usize::from(transpose_b)]);
            multiply(&memory, &Multiply { m, n, k, a, transpose_a, b, transpose_b, y }).unwrap();
            assert_eq!(values(&memory, y, 6), [21.0, 24.0, 27.0, 47.0, 54.0, 61.0]);
        }
    }

    #[test]
    fn operands_off_a_boundary_are_refused() {
        let memory = Memory::new();
        let [a, b, y] = [0, 1, 2].map(|seed| filled(&memory, 4, seed));
        let (m, n, k, transpose_a, transpose_b) = (1, 1, 1, false, false);
        let product = Multiply { m, n, k, a, transpose_a, b, transpose_b, y };
        multiply(&memory, &product).unwrap();
        for off in [
            Multiply { a: a.offset(4), ..product },
            Multiply { b: b.offset(8), ..product },
            Multiply { y: y.offset(12), ..product },
        ] {
            let error = multiply(&memory, &off).unwrap_err().to_string();
            assert!(error.contains("a matrix product: an operand at 0x"), "{error}");
        }
        let one = Shape::from([1; 4]);
        let conv = Conv2d::new(one, one, [1, 1], [0, 0], 1).unwrap();
        let error = convolve(&memory, &conv, Convolve::Forward { x: a, w: b.offset(4), y });
        assert!(error.unwrap_err().to_string().contains("a convolution: an operand at 0x"));
    }

    /// The three are one trilinear form: ⟨dy, conv(x, w)⟩ = ⟨dx, x⟩ = ⟨dw, w⟩; and the first is right
    /// in one place that is summed by hand.
    #[test]
    fn a_convolution_and_its_gradients_belong_together() {
        let memory = Memory::new();
        let (x, w) = (Shape::from([2, 5, 4, 4]), Shape::from([6, 2, 3, 2]));
        let conv = Conv2d::new(x, w, [2, 1], [1, 1], 2).unwrap();
        let (x_len, w_len, y_len) = (conv.x().len(), conv.w().len(), conv.y().len());
        let (x, w, dy) =
            (filled(&memory, x_len, 1), filled(&memory, w_len, 2), filled(&memory, y_len, 3));
        let of = |len: usize| memory.allocate(len * 4).unwrap();
        let (y, dx, dw) = (of(y_len), of(x_len), of(w_len));
        convolve(&memory, &conv, Convolve::Forward { x, w, y }).unwrap();
        convolve(&memory, &conv, Convolve::GradInput { dy, w, dx }).unwrap();
        convolve(&memory, &conv, Convolve::GradWeight { x, dy, dw }).unwrap();

        let (x, y, w) =
            (values(&memory, x, x_len), values(&memory, y, y_len), values(&memory, w, w_len));
        let form = dot(&values(&memory, dy, y_len), &y);
        assert_eq!(form, dot(&values(&memory, dx, x_len), &x));
        assert_eq!(form, dot(&values(&memory, dw, w_len), &w));

        // Image 1, row 1, column 2, channel 4, which is of the second group.
        let mut by_hand = 0.0;
        for (r, s) in pairs(3, 2) {
            for i in 0..2 {
                let (row, column) = (2 + r - 1, 2 + s - 1);
                let weight = w[((4 * 3 + r) * 2 + s) * 2 + i];
                by_hand += x[((5 + row) * 4 + column) * 4 + 2 + i] * weight;
            }
        }
        let [rows, columns] = conv.output;
        assert_eq!(y[((rows + 1) * columns + 2) * 6 + 4], by_hand);
    }
}
