//! Results: a table of measures by arms, and the differences to the baseline.

use super::numbers::{with_deviation, with_interval};
use super::page::{Badge, Block, Column, Content, Figure, Section, Table};
use super::source::{Place, Source};
use crate::picture::{Axis, Guide, Mark, Plot, Point, Scale, Series};
use crate::statistics::{Better, Difference, Measure, Row, Unit, show_p};

/// Measures that have sections of their own.
const FLATNESS: [&str; 3] = ["hessian_top_eigenvalue", "hessian_trace", "sharpness"];
const COSTS: [&str; 2] = ["seconds_per_step", "peak_tensor_bytes"];

/// With fewer pairs of runs nothing is concluded.
pub(super) const FEWEST_PAIRS: usize = 3;

/// Which measures a table is of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Scores,
    Noise,
    Flatness,
    Costs,
}

impl Kind {
    fn of(measure: &Measure) -> Kind {
        match measure.key.as_str() {
            key if FLATNESS.contains(&key) => Kind::Flatness,
            key if COSTS.contains(&key) => Kind::Costs,
            key if key.starts_with("noise_") => Kind::Noise,
            _ => Kind::Scores,
        }
    }
}

pub(super) fn section(source: &Source) -> Option<Section> {
    let mut blocks = Vec::new();
    if let Some(measure) = source.measure()
        && source.record.cells.len() > 1
    {
        blocks.push(Block::figures(figures(source, measure)));
    }
    blocks.extend(tables(source, Kind::Scores));
    if source.record.cells.len() > 1 && !blocks.is_empty() {
        blocks.push(Block::Text { text: how_to_read(source) });
    }
    (!blocks.is_empty()).then_some(Section { id: "results", title: "Results", blocks })
}

fn how_to_read(source: &Source) -> String {
    format!(
        "Mean ± sample standard deviation (number of runs). Below: mean difference to {} over common seeds \
         [95 % confidence interval, Student's t], and the p of a paired two-sided t test, by Holm's \
         correction for all differences of the measure. The best test accuracy is picked by the test \
         images themselves: an upper bound, not an estimate.",
        source.label(&source.record.baseline)
    )
}

/// A table of measures by arms for each combination of levels.
pub(super) fn tables(source: &Source, kind: Kind) -> Vec<Block> {
    let mut blocks = Vec::new();
    for place in &source.places {
        let table = table(source, place, kind);
        if table.rows.is_empty() {
            continue;
        }
        if !place.title.is_empty() {
            blocks.push(Block::Heading { text: place.title.clone() });
        }
        blocks.push(Block::Table(table));
    }
    blocks
}

fn table(source: &Source, place: &Place, kind: Kind) -> Table {
    let statistics = &source.statistics;
    let row = |measure: &Measure, arm: &str| {
        let of =
            |row: &&Row| row.measure == measure.key && row.arm == arm && row.levels == place.levels;
        statistics.rows.iter().find(of)
    };
    let arms: Vec<_> = source
        .arms()
        .filter(|(_, arm)| statistics.rows.iter().any(|row| row.arm == arm.name))
        .collect();
    let mut columns = vec![Column::text("")];
    columns.extend(arms.iter().map(|(colour, arm)| Column {
        title: arm.label.clone(),
        colour: Some(*colour),
        numbers: true,
    }));
    let measures = statistics.measures.iter().filter(|measure| Kind::of(measure) == kind);
    let rows = measures.filter_map(|measure| {
        let found: Vec<_> = arms.iter().map(|(_, arm)| row(measure, &arm.name)).collect();
        found.iter().any(Option::is_some).then(|| {
            let cells = found.iter().map(|row| row.map_or("–".into(), |row| cell(measure, row)));
            std::iter::once(name_of(measure)).chain(cells).collect()
        })
    });
    Table { arms: arms.len(), rows: rows.collect(), columns }
}

/// The name of a measure, with the direction that is better where one is.
fn name_of(measure: &Measure) -> Content {
    let more = match measure.better {
        Better::Higher => "higher is better",
        Better::Lower => "lower is better",
    };
    Content { text: measure.title.clone(), more: vec![more.into()], badge: None }
}

fn cell(measure: &Measure, row: &Row) -> Content {
    let summary = &row.summary;
    let text = match summary.sd {
        Some(sd) => format!("{} ({})", with_deviation(measure.unit, summary.mean, sd), summary.n),
        None => format!("{} (1)", measure.unit.show(summary.mean)),
    };
    let Some(difference) = &row.difference else { return text.into() };
    let more = vec![
        with_interval(measure.unit, difference),
        format!("p {}", show_p(difference.p_corrected)),
    ];
    let badge = shown(measure, difference).map(Badge::of);
    Content { text, more, badge }
}

/// Whether a difference counts as shown, as the verdict has it: better or worse.
fn shown(measure: &Measure, difference: &Difference) -> Option<bool> {
    let enough = difference.n >= FEWEST_PAIRS && difference.p_corrected < 0.05;
    enough.then_some((difference.mean > 0.0) == (measure.better == Better::Higher))
}

/// The numbers of all runs, and the differences with their intervals.
fn figures(source: &Source, measure: &Measure) -> Vec<Figure> {
    let mut figures = Vec::new();
    let rows = || source.statistics.rows.iter().filter(|row| row.measure == measure.key);
    let scale = if measure.unit == Unit::Fraction { 100.0 } else { 1.0 };
    let colour = |arm: &str| source.record.arms.iter().position(|known| known.name == arm);

    let mut series = Vec::new();
    for (at, row) in rows().enumerate() {
        let at = at as f64;
        let dot = |value: f64, y: f64| Point::at(scale * value, y);
        let runs = row.values.iter().map(|value| dot(value.value, at - 0.12)).collect();
        let mut mean = dot(row.summary.mean, at + 0.16);
        mean.spread = row
            .summary
            .sd
            .map(|sd| (scale * (row.summary.mean - sd), scale * (row.summary.mean + sd)));
        let of =
            |mark, points| Series { label: String::new(), colour: colour(&row.arm), mark, points };
        series.push(of(Mark::Rings, runs));
        series.push(of(Mark::Dots, vec![mean]));
    }
    let plot = Plot {
        name: "runs".into(),
        x: Axis::linear(&with_unit(&measure.title, measure.unit, "%")),
        y: names(rows().map(|row| name_of_row(source, row)).collect()),
        series,
        guides: Vec::new(),
    };
    figures.push(Figure::plot(plot, "Rings are runs; dots their means ± standard deviations."));

    let compared: Vec<_> = rows().filter_map(|row| Some((row, row.difference.as_ref()?))).collect();
    if compared.is_empty() {
        return figures;
    }
    let point = |(at, (row, difference)): (usize, &(&Row, &Difference))| Series {
        label: String::new(),
        colour: colour(&row.arm),
        mark: Mark::Dots,
        points: vec![Point {
            x: scale * difference.mean,
            y: Some(at as f64),
            spread: Some((scale * difference.low, scale * difference.high)),
        }],
    };
    let baseline = source.label(&source.record.baseline);
    let label = with_unit(&format!("difference to {baseline}"), measure.unit, "points");
    let plot = Plot {
        name: "differences".into(),
        x: Axis::linear(&label),
        y: names(compared.iter().map(|(row, _)| name_of_row(source, row)).collect()),
        series: compared.iter().enumerate().map(point).collect(),
        guides: vec![Guide { at: 0.0, label: String::new() }],
    };
    let better = match measure.better {
        Better::Higher => "to the right",
        Better::Lower => "to the left",
    };
    let caption = format!(
        "Mean differences of the {} with 95 % confidence intervals, uncorrected; {better} of the line is \
         better.",
        measure.title
    );
    figures.push(Figure::plot(plot, caption));
    figures
}

fn with_unit(text: &str, unit: Unit, fraction: &str) -> String {
    match unit {
        Unit::Fraction => format!("{text} ({fraction})"),
        Unit::Seconds => format!("{text} (s)"),
        Unit::Bytes => format!("{text} (bytes)"),
        Unit::Plain => text.to_string(),
    }
}

fn names(names: Vec<String>) -> Axis {
    Axis { label: String::new(), scale: Scale::Names(names), ends: None }
}

fn name_of_row(source: &Source, row: &Row) -> String {
    let place = source.places.iter().find(|place| place.levels == row.levels);
    match place {
        Some(place) if !place.title.is_empty() => {
            format!("{}, {}", source.label(&row.arm), place.title)
        }
        _ => source.label(&row.arm).to_string(),
    }
}

/// Whether an arm is what others are compared with.
pub(super) fn badge_of(source: &Source, arm: &str) -> Option<Badge> {
    (source.record.arms.len() > 1 && arm == source.record.baseline).then_some(Badge::Baseline)
}
