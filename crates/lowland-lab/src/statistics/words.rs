//! Numbers as people read them.

use super::{Difference, Summary, Unit};

impl Unit {
    /// A number with its unit: `91.25 %`, `0.03418`, `0.0713 s`, `12.5 MiB`.
    #[must_use]
    pub fn show(self, value: f64) -> String {
        match self {
            Unit::Fraction => format!("{:.2} %", 100.0 * value),
            Unit::Plain => significant(value),
            Unit::Seconds => format!("{} s", significant(value)),
            Unit::Bytes => format!("{:.1} MiB", value / f64::from(1 << 20)),
        }
    }

    /// Mean and standard deviation with their unit: `91.25 ± 0.31 %`; of one run its number alone.
    #[must_use]
    pub fn show_summary(self, summary: &Summary) -> String {
        let Summary { mean, sd, .. } = *summary;
        let Some(sd) = sd else { return self.show(mean) };
        match self {
            Unit::Fraction => format!("{:.2} ± {:.2} %", 100.0 * mean, 100.0 * sd),
            Unit::Plain => format!("{} ± {}", significant(mean), significant(sd)),
            Unit::Seconds => format!("{} ± {} s", significant(mean), significant(sd)),
            Unit::Bytes => {
                let mebi = f64::from(1 << 20);
                format!("{:.1} ± {:.1} MiB", mean / mebi, sd / mebi)
            }
        }
    }

    /// A difference with its sign and its unit: `+1.25 points`.
    #[must_use]
    pub fn show_difference(self, value: f64) -> String {
        match self {
            Unit::Fraction => format!("{} points", self.signed(value)),
            _ => format!("{}{}", if value < 0.0 { "" } else { "+" }, self.show(value)),
        }
    }

    /// The size of a difference, without a sign: `1.25 points`.
    #[must_use]
    pub fn show_size(self, value: f64) -> String {
        self.show_difference(value.abs()).trim_start_matches('+').to_string()
    }

    /// An interval of differences, without the unit where it is that of the difference:
    /// `[+0.30, +2.10]`.
    #[must_use]
    pub fn show_interval(self, difference: &Difference) -> String {
        format!("[{}, {}]", self.signed(difference.low), self.signed(difference.high))
    }

    fn signed(self, value: f64) -> String {
        let text = match self {
            Unit::Fraction => format!("{:+.2}", 100.0 * value),
            Unit::Bytes => format!("{:+.1}", value / f64::from(1 << 20)),
            Unit::Plain | Unit::Seconds if value < 0.0 => significant(value),
            Unit::Plain | Unit::Seconds => format!("+{}", significant(value)),
        };
        // What rounds to zero has no sign.
        let zero = text.chars().all(|c| matches!(c, '+' | '-' | '0' | '.'));
        if zero { text.replace(['+', '-'], "") } else { text }
    }
}

/// A p: `0.031`, or `below 0.001`.
#[must_use]
pub fn show_p(p: f64) -> String {
    match p {
        p if p < 0.001 => "below 0.001".into(),
        p if p < 0.1 => format!("{p:.3}"),
        p => format!("{p:.2}"),
    }
}

/// Four significant digits.
fn significant(value: f64) -> String {
    let digits = if value == 0.0 { 0 } else { value.abs().log10().floor() as i32 };
    match digits {
        -4..=3 => format!("{value:.0$}", (3 - digits) as usize),
        4..=6 => format!("{value:.0}"),
        _ => format!("{value:.3e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_their_unit_and_as_many_digits_as_mean_something() {
        assert_eq!(Unit::Fraction.show(0.912_49), "91.25 %");
        assert_eq!(Unit::Plain.show(0.034_177), "0.03418");
        assert_eq!(Unit::Plain.show(123.456), "123.5");
        assert_eq!(Unit::Plain.show(-12_345.6), "-12346");
        assert_eq!(Unit::Plain.show(1.234_5e-6), "1.234e-6");
        assert_eq!(Unit::Plain.show(0.0), "0.000");
        assert_eq!(Unit::Seconds.show(0.071_25), "0.07125 s");
        assert_eq!(Unit::Bytes.show(13_107_200.0), "12.5 MiB");
    }

    #[test]
    fn a_mean_has_its_spread_where_there_is_one() {
        let summary = |sd| Summary { n: 2, mean: 0.9125, sd };
        assert_eq!(Unit::Fraction.show_summary(&summary(Some(0.0031))), "91.25 ± 0.31 %");
        assert_eq!(Unit::Fraction.show_summary(&summary(None)), "91.25 %");
        assert_eq!(Unit::Seconds.show_summary(&summary(Some(0.01))), "0.9125 ± 0.01000 s");
    }

    #[test]
    fn differences_have_a_sign_and_fractions_are_points() {
        assert_eq!(Unit::Fraction.show_difference(0.0125), "+1.25 points");
        assert_eq!(Unit::Fraction.show_difference(-0.000_01), "0.00 points");
        assert_eq!(Unit::Plain.show_difference(-0.5), "-0.5000");
        assert_eq!(Unit::Seconds.show_difference(0.01), "+0.01000 s");
        assert_eq!(Unit::Fraction.show_size(-0.004), "0.40 points");
        let difference =
            Difference { n: 3, mean: 0.4, low: -0.2, high: 1.0, p: 0.1, p_corrected: 0.1 };
        assert_eq!(Unit::Fraction.show_interval(&difference), "[-20.00, +100.00]");
        assert_eq!(Unit::Plain.show_interval(&difference), "[-0.2000, +1.000]");
        assert_eq!(show_p(0.000_4), "below 0.001");
        assert_eq!([0.0312, 0.35, 1.0].map(show_p), ["0.031", "0.35", "1.00"]);
    }
}
