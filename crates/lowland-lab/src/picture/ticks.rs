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

/// Round values between two others, at most one more than `most`, and each with as many decimals as
/// they all need.
pub(super) fn numbered_ticks(low: f64, high: f64, most: f64) -> Vec<(f64, String)> {
    let length = high - low;
    if !(length > 0.0 && length.is_finite()) {
        return Vec::new();
    }
    let step = round_step(length, most, 10f64.powf(length.log10().floor() - 2.0));
    let first = (low / step - 1e-9).ceil() as i64;
    let values = (first..=(high / step + 1e-9).floor() as i64).map(|i| i as f64 * step);
    let largest = low.abs().max(high.abs());
    let text = |value: f64| {
        if value == 0.0 {
            "0".to_string()
        } else if largest >= 1e5 || step < 1e-4 {
            // What a computer writes for a power of ten, without the noise of a sum of steps.
            let text = format!("{value:.3e}");
            let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
            format!("{}e{power}", digits.trim_end_matches('0').trim_end_matches('.'))
        } else {
            format!("{value:.*}", (-step.log10().floor()).max(0.0) as usize)
        }
    };
    values.map(|value| (value, text(value))).collect()
}

/// Powers of ten between two decimal logarithms; with few of these, twice and five times them as well.
pub(super) fn power_ticks(low: f64, high: f64) -> Vec<(f64, String)> {
    let powers = (low.floor() as i32)..=(high.ceil() as i32);
    let every = ((high - low) / 6.0).ceil().max(1.0) as i32;
    let factors: &[f64] = if high - low < 2.0 { &[1.0, 2.0, 5.0] } else { &[1.0] };
    let ticks = powers.filter(|power| power % every == 0).flat_map(|power| {
        factors.iter().map(move |factor| {
            let text = match power {
                0..=4 => format!("{:.0}", factor * 10f64.powi(power)),
                -3..=-1 => format!("{:.*}", (-power) as usize, factor * 10f64.powi(power)),
                _ => format!("{factor:.0}e{power}"),
            };
            (f64::from(power) + factor.log10(), text)
        })
    });
    ticks.filter(|(at, _)| (low..=high).contains(at)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(ticks: &[(f64, String)]) -> Vec<&str> {
        ticks.iter().map(|(_, text)| text.as_str()).collect()
    }

    #[test]
    fn numbers_have_the_decimals_of_their_steps() {
        assert_eq!(texts(&numbered_ticks(0.0, 1.0, 6.0)), ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(texts(&numbered_ticks(-3.0, 41.0, 6.0)), ["0", "10", "20", "30", "40"]);
        assert_eq!(texts(&numbered_ticks(91.2, 91.7, 6.0)).first(), Some(&"91.2"));
        assert_eq!(texts(&numbered_ticks(0.0, 5e-5, 6.0))[1], "1e-5");
        assert_eq!(texts(&numbered_ticks(0.0, 250_000.0, 6.0))[3], "1.5e5");
        assert_eq!(numbered_ticks(1.0, 1.0, 6.0), []);
    }

    #[test]
    fn powers_are_few_or_have_others_between() {
        assert_eq!(
            texts(&power_ticks(-5.0, 1.0)),
            ["1e-5", "1e-4", "0.001", "0.01", "0.1", "1", "10"]
        );
        assert_eq!(texts(&power_ticks(0.0, 1.0)), ["1", "2", "5", "10"]);
        assert_eq!(texts(&power_ticks(-12.0, 0.0)).len(), 7);
    }

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
