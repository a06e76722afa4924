//! Where axes have ticks, and what stands there.

/// The smallest of 1, 2 and 5 times a power of ten that cuts a length into at most `most` pieces.
fn round_step(length: f64, most: f64, smallest: f64) -> f64 {
    let mut unit = smallest;
    loop {
        match [1.0, 2.0, 5.0].into_iter().find(|factor| length / (factor * unit) <= most) {
            Some(factor) => return factor * unit,
            None => unit *= 10.0,
        }
    }
}

/// Whole epochs to mark, at most ten.
pub(super) fn epoch_ticks(last: f64) -> Vec<f64> {
    let step = round_step(last, 10.0, 1.0);
    (1..=(last / step) as usize).map(|i| i as f64 * step).collect()
}

/// Values to mark, at most eight.
pub(super) fn value_ticks(low: f64, high: f64) -> Vec<f64> {
    let step = round_step(high - low, 7.0, 1e-6);
    let first = (low / step).ceil() as i64;
    (first..=(high / step + 1e-9) as i64).map(|i| i as f64 * step).collect()
}

/// A number with as many decimals as it needs.
pub(super) fn plain(y: f64) -> String {
    let text = format!("{y:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_few() {
        assert_eq!(epoch_ticks(1.0), [1.0]);
        assert_eq!(epoch_ticks(3.0), [1.0, 2.0, 3.0]);
        assert_eq!(epoch_ticks(12.0), [2.0, 4.0, 6.0, 8.0, 10.0, 12.0]);
        assert_eq!(epoch_ticks(160.0), (1..=8).map(|i| 20.0 * f64::from(i)).collect::<Vec<_>>());
        assert_eq!(value_ticks(0.0, 2.4), [0.0, 0.5, 1.0, 1.5, 2.0]);
        assert_eq!(value_ticks(90.0, 100.0), [90.0, 92.0, 94.0, 96.0, 98.0, 100.0]);
        assert_eq!(value_ticks(0.0, 100.0).len(), 6);
    }
}
