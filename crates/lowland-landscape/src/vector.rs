//! Sums over vectors in `f64`, in the order of their elements.

/// `x · y`.
pub(crate) fn dot(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| x * y).sum()
}

/// `|x|`, by its largest element, so that no square overflows or vanishes.
pub(crate) fn norm(x: &[f64]) -> f64 {
    let largest = x.iter().fold(0f64, |m, v| m.max(v.abs()));
    if largest == 0.0 || !largest.is_finite() {
        return x.iter().map(|v| v.abs()).sum();
    }
    largest * x.iter().map(|v| (v / largest) * (v / largest)).sum::<f64>().sqrt()
}

/// `y <- y + a x`.
pub(crate) fn add_scaled(y: &mut [f64], a: f64, x: &[f64]) {
    y.iter_mut().zip(x).for_each(|(y, x)| *y += a * x);
}

/// `y <- a y`.
pub(crate) fn scale(y: &mut [f64], a: f64) {
    y.iter_mut().for_each(|y| *y *= a);
}

/// `x + a y`.
pub(crate) fn moved(x: &[f64], a: f64, y: &[f64]) -> Vec<f64> {
    x.iter().zip(y).map(|(x, y)| x + a * y).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn norms_survive_large_and_small_numbers() {
        assert!((norm(&[3e200, -4e200]) / 5e200 - 1.0).abs() < 1e-15);
        assert!((norm(&[3e-200, 4e-200]) / 5e-200 - 1.0).abs() < 1e-15);
        assert_eq!(norm(&[0.0; 3]), 0.0);
        assert!(norm(&[1.0, f64::NAN]).is_nan() && norm(&[1.0, f64::INFINITY]).is_infinite());
    }
}
