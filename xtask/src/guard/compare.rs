//! Counts against figures.

use std::fmt;

use super::table::{Table, grouped};

/// How far a count may exceed its figure, in percent, by the compiler that the figure is of.
const TOLERANCE: f64 = 3.0;

/// How far with another compiler.
const TOLERANCE_OF_ANOTHER_COMPILER: f64 = 10.0;

/// What a count says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// It is near its figure.
    Same,
    /// It is so far below that the figure should be lowered.
    Below,
    /// It exceeds its figure.
    Above,
    /// There is no figure.
    New,
    /// There is a figure, and the work is gone.
    Gone,
}

impl Verdict {
    /// Whether the guard must not let it pass.
    pub fn fails(self) -> bool {
        matches!(self, Verdict::Above | Verdict::New | Verdict::Gone)
    }
}

/// One piece of work.
#[derive(Debug, PartialEq)]
pub struct Line {
    pub name: String,
    pub count: Option<u64>,
    pub figure: Option<u64>,
    pub verdict: Verdict,
}

/// The tolerance in percent for counts of this compiler.
pub fn tolerance(figures: &Table, counts: &Table) -> f64 {
    if figures.rustc == counts.rustc { TOLERANCE } else { TOLERANCE_OF_ANOTHER_COMPILER }
}

/// Every piece of work that was counted or has a figure, by name.
pub fn compare(figures: &Table, counts: &Table) -> Vec<Line> {
    let tolerance = tolerance(figures, counts);
    let mut names: Vec<&String> =
        figures.instructions.keys().chain(counts.instructions.keys()).collect();
    names.sort();
    names.dedup();
    let line = |name: &String| {
        let count = counts.instructions.get(name).copied();
        let figure = figures.instructions.get(name).copied();
        let verdict = match (count, figure) {
            (_, None) => Verdict::New,
            (None, _) => Verdict::Gone,
            (Some(count), Some(figure)) if change(count, figure) > tolerance => Verdict::Above,
            (Some(count), Some(figure)) if change(count, figure) < -tolerance => Verdict::Below,
            _ => Verdict::Same,
        };
        Line { name: name.clone(), count, figure, verdict }
    };
    names.into_iter().map(line).collect()
}

/// By how many percent a count exceeds its figure.
fn change(count: u64, figure: u64) -> f64 {
    100.0 * (count as f64 - figure as f64) / figure as f64
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.count.map_or("-".into(), |count| grouped(count, ','));
        write!(f, "{:<36}{count:>14}", self.name)?;
        if let (Some(count), Some(figure)) = (self.count, self.figure) {
            write!(f, "  {:+6.1} %", change(count, figure))?;
        }
        f.write_str(match self.verdict {
            Verdict::Same => "",
            Verdict::Below => "  fewer: lower the figure",
            Verdict::Above => "  TOO MANY",
            Verdict::New => "  HAS NO FIGURE",
            Verdict::Gone => "  HAS A FIGURE, BUT IS NOT IN benches/kernels.rs",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rustc: &str, instructions: &[(&str, u64)]) -> Table {
        let instructions = instructions.iter().map(|&(name, count)| (name.to_string(), count));
        Table { rustc: rustc.into(), instructions: instructions.collect() }
    }

    fn verdicts(figures: &Table, counts: &Table) -> Vec<(String, Verdict)> {
        compare(figures, counts).into_iter().map(|line| (line.name, line.verdict)).collect()
    }

    #[test]
    fn what_exceeds_its_figure_fails_and_what_falls_below_is_told() {
        let figures = table("1", &[("a", 1000), ("b", 1000), ("c", 1000), ("d", 1000), ("e", 0)]);
        let counts = table("1", &[("a", 1030), ("b", 1031), ("c", 970), ("d", 969), ("e", 1)]);
        use Verdict::{Above, Below, Same};
        let expected = [("a", Same), ("b", Above), ("c", Same), ("d", Below), ("e", Above)];
        assert_eq!(verdicts(&figures, &counts), expected.map(|(n, v)| (n.to_string(), v)));
        assert!(Above.fails() && !Below.fails() && !Same.fails());
    }

    #[test]
    fn another_compiler_may_differ_by_more() {
        let figures = table("1", &[("a", 1000), ("b", 1000), ("c", 1000)]);
        let counts = table("2", &[("a", 1099), ("b", 1101), ("c", 899)]);
        use Verdict::{Above, Below, Same};
        let expected = [("a", Same), ("b", Above), ("c", Below)];
        assert_eq!(verdicts(&figures, &counts), expected.map(|(n, v)| (n.to_string(), v)));
    }

    #[test]
    fn work_without_a_figure_and_figures_without_work_fail() {
        let figures = table("1", &[("both", 5), ("gone", 5)]);
        let counts = table("1", &[("both", 5), ("new", 5)]);
        use Verdict::{Gone, New, Same};
        let expected = [("both", Same), ("gone", Gone), ("new", New)];
        assert_eq!(verdicts(&figures, &counts), expected.map(|(n, v)| (n.to_string(), v)));
        assert!(Gone.fails() && New.fails());
    }

    #[test]
    fn a_line_tells_the_count_and_the_change() {
        let figures = table("1", &[("conv", 1_000_000)]);
        let counts = table("1", &[("conv", 1_234_567)]);
        let line = compare(&figures, &counts).remove(0).to_string();
        assert_eq!(line, format!("{:<36}     1,234,567   +23.5 %  TOO MANY", "conv"));
    }
}
