//! Elementary functions without branches, so that loops over them become vector instructions: in
//! `f32` polynomials that are right to a few units in the last place, in `f64` those of the standard
//! library.

use lowland_core::{DType, Real};

/// One function in both types.
#[inline(always)]
fn by_type<T: Real>(x: T, single: impl Fn(f32) -> f32, double: impl Fn(T) -> T) -> T {
    match T::DTYPE {
        // Both conversions are exact, and vanish when compiled.
        DType::F32 => T::of(f64::from(single(x.f64() as f32))),
        _ => double(x),
    }
}

/// The arctangent.
#[inline(always)]
pub(crate) fn atan<T: Real>(x: T) -> T {
    by_type(x, atan_f32, T::atan)
}

/// The hyperbolic tangent.
#[inline(always)]
pub(crate) fn tanh<T: Real>(x: T) -> T {
    by_type(x, tanh_f32, T::tanh)
}

/// `ln(1 + x)` for x of 0 and more.
#[inline(always)]
pub(crate) fn ln_1p<T: Real>(x: T) -> T {
    by_type(x, ln_1p_f32, T::ln_1p)
}

/// A polynomial, its highest coefficient first.
#[inline(always)]
fn polynomial(x: f32, coefficients: &[f32]) -> f32 {
    coefficients.iter().fold(0.0, |sum, &c| sum * x + c)
}

/// Abramowitz and Stegun, 4.4.49, on [0, 1]; `pi / 2 - atan(1 / x)` above.
#[inline(always)]
fn atan_f32(x: f32) -> f32 {
    const ODD: [f32; 9] = [
        0.002_866_225_7,
        -0.016_165_737,
        0.042_909_614,
        -0.075_289_64,
        0.106_562_64,
        -0.142_089,
        0.199_935_5,
        -0.333_331_45,
        1.0,
    ];
    let size = x.abs();
    let small = if size > 1.0 { 1.0 / size } else { size };
    let angle = small * polynomial(small * small, &ODD);
    let angle = if size > 1.0 { std::f32::consts::FRAC_PI_2 - angle } else { angle };
    angle.copysign(x)
}

/// The rational function of the Eigen library (`ptanh`), which is 1 beyond 7.9.
#[inline(always)]
fn tanh_f32(x: f32) -> f32 {
    const END: f32 = 7.905_311;
    const ODD: [f32; 7] = [
        -2.760_768_4e-16,
        2.000_188e-13,
        -8.604_672e-11,
        5.122_297e-8,
        1.485_722_4e-5,
        6.372_619e-4,
        4.893_524_6e-3,
    ];
    const EVEN: [f32; 4] = [1.198_258_4e-6, 1.185_347e-4, 2.268_434_6e-3, 4.893_525e-3];
    let near = if x > END { END } else { x };
    let near = if near < -END { -END } else { near };
    let square = near * near;
    let ratio = near * polynomial(square, &ODD) / polynomial(square, &EVEN);
    if near.abs() < 4e-4 { near } else { ratio }
}

/// The logarithm of the Cephes library (`logf`) at 1 + x, with what the sum has lost put back.
#[inline(always)]
fn ln_1p_f32(x: f32) -> f32 {
    const TAIL: [f32; 9] = [
        7.037_683_6e-2,
        -1.151_461e-1,
        1.167_699_9e-1,
        -1.242_014_1e-1,
        1.424_932_3e-1,
        -1.666_805_8e-1,
        2.000_071_5e-1,
        -2.499_999_4e-1,
        3.333_333e-1,
    ];
    let sum = 1.0 + x;
    let bits = sum.to_bits();
    let mantissa = f32::from_bits(bits & 0x007f_ffff | 0x3f80_0000);
    let exponent = (bits >> 23) as i32 - 127;
    let upper = mantissa > std::f32::consts::SQRT_2;
    let exponent = (exponent + i32::from(upper)) as f32;
    let f = if upper { 0.5 * mantissa } else { mantissa } - 1.0;
    let square = f * f;
    let tail = f * square * polynomial(f, &TAIL) - 2.121_944_4e-4 * exponent - 0.5 * square;
    let lost = (x - (sum - 1.0)) / sum;
    let logarithm = (f + tail) + 0.693_359_4 * exponent + lost;
    // Infinity and NaN are their own logarithms.
    if x <= f32::MAX { logarithm } else { x }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The largest relative error over magnitudes from 1e-30 to 1e30, both signs where there are two.
    fn worst(single: fn(f32) -> f32, double: fn(f64) -> f64, signs: &[f32]) -> f64 {
        let mut worst: f64 = 0.0;
        for i in 0..600_000 {
            let size = 10f64.powf(f64::from(i) / 10_000.0 - 30.0) as f32;
            for sign in signs {
                let (got, want) = (single(sign * size), double(f64::from(sign * size)));
                worst = worst.max((f64::from(got) - want).abs() / want.abs());
            }
        }
        worst
    }

    #[test]
    fn single_precision_is_right_to_a_few_last_places() {
        let both = [1.0, -1.0];
        let worst = [
            worst(atan::<f32>, f64::atan, &both),
            worst(tanh::<f32>, f64::tanh, &both),
            worst(ln_1p::<f32>, f64::ln_1p, &[1.0]),
        ];
        println!("{worst:?}");
        assert!(worst.iter().all(|&error| error < 4e-7), "{worst:?}");
    }

    #[test]
    fn special_numbers() {
        let (nan, inf) = (f32::NAN, f32::INFINITY);
        assert_eq!([atan(inf), atan(-inf)], [1.570_796_4, -1.570_796_4]);
        assert!((tanh(inf) - 1.0f32).abs() < 1e-6 && (tanh(-inf) + 1.0f32).abs() < 1e-6);
        assert_eq!(ln_1p(inf), inf);
        assert!(atan(nan).is_nan() && tanh(nan).is_nan() && ln_1p(nan).is_nan());
        for zero in [0.0f32, -0.0] {
            assert_eq!(atan(zero).to_bits(), zero.to_bits());
            assert_eq!(tanh(zero).to_bits(), zero.to_bits());
        }
        assert_eq!(ln_1p(0.0f32), 0.0);
        assert_eq!((atan(0.3f64), tanh(0.3f64)), (0.3f64.atan(), 0.3f64.tanh()));
        // Odd, and bounded by 1.
        for i in 0..100_000 {
            let x = i as f32 * 1e-4;
            assert_eq!((atan(-x), tanh(-x)), (-atan(x), -tanh(x)));
            assert!(tanh(x) <= 1.0, "{x}");
        }
    }
}
