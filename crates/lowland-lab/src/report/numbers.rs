//! Numbers with their uncertainty, which says how many digits mean something.

use crate::statistics::{Difference, Unit};

/// A mean with its standard deviation: `91.25 ± 0.30 %`, `0.101 ± 0.011`.
pub(super) fn with_deviation(unit: Unit, mean: f64, sd: f64) -> String {
    if let Some(decimals) = decimals(unit, sd) {
        let suffix = if unit == Unit::Seconds { " s" } else { "" };
        return format!("{mean:.decimals$} ± {sd:.decimals$}{suffix}");
    }
    let (mean, sd) = (unit.show(mean), unit.show(sd));
    match (mean.rsplit_once(' '), sd.rsplit_once(' ')) {
        (Some((mean, unit)), Some((sd, same))) if unit == same => format!("{mean} ± {sd} {unit}"),
        _ => format!("{mean} ± {sd}"),
    }
}

/// A difference with its interval: `+1.25 points [+0.30, +2.10]`, `-0.046 [-0.052, -0.040]`.
pub(super) fn with_interval(unit: Unit, difference: &Difference) -> String {
    let Difference { mean, low, high, .. } = *difference;
    match decimals(unit, (high - low) / 2.0) {
        Some(decimals) => {
            let suffix = if unit == Unit::Seconds { " s" } else { "" };
            format!("{mean:+.decimals$}{suffix} [{low:+.decimals$}, {high:+.decimals$}]")
        }
        None => format!("{} {}", unit.show_difference(mean), unit.show_interval(difference)),
    }
}

/// So many that two digits of the spread are seen; none where the unit has its own, or there is no spread.
fn decimals(unit: Unit, spread: f64) -> Option<usize> {
    let own = !matches!(unit, Unit::Plain | Unit::Seconds);
    if own || !(1e-6..1e6).contains(&spread) {
        return None;
    }
    Some((1 - spread.log10().floor() as i32).max(0) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_that_the_spread_leaves() {
        assert_eq!(with_deviation(Unit::Plain, 0.100_61, 0.010_66), "0.101 ± 0.011");
        assert_eq!(with_deviation(Unit::Plain, 375.2, 12.26), "375 ± 12");
        assert_eq!(with_deviation(Unit::Plain, 12_375.2, 1226.0), "12375 ± 1226");
        assert_eq!(with_deviation(Unit::Fraction, 0.912_49, 0.003), "91.25 ± 0.30 %");
        assert_eq!(with_deviation(Unit::Seconds, 0.003_387, 0.000_211_2), "0.00339 ± 0.00021 s");
        assert_eq!(with_deviation(Unit::Bytes, 2_097_152.0, 0.0), "2.0 ± 0.0 MiB");
        assert_eq!(with_deviation(Unit::Plain, 1.0, 0.0), "1.000 ± 0.000");
    }

    #[test]
    fn intervals_have_signs_and_points() {
        let difference = |mean: f64, half: f64| Difference {
            n: 3,
            mean,
            low: mean - half,
            high: mean + half,
            p: 0.5,
            p_corrected: 0.5,
        };
        let plain = with_interval(Unit::Plain, &difference(-0.0462, 0.0063));
        assert_eq!(plain, "-0.0462 [-0.0525, -0.0399]");
        let points = with_interval(Unit::Fraction, &difference(0.0125, 0.01));
        assert_eq!(points, "+1.25 points [+0.25, +2.25]");
        assert_eq!(with_interval(Unit::Plain, &difference(0.5, 0.0)), "+0.5000 [+0.5000, +0.5000]");
    }
}
