//! Flatness: curvature and sharpness of the minima that runs ended in, and of the ways there.

use super::curves::spread_over;
use super::page::{Block, Column, Content, Figure, Section, Table};
use super::results::{Kind, tables};
use super::source::{Place, Source, mean};
use crate::flatness::{Along, Estimate, Flatness, StatisticsOf};
use crate::picture::{Axis, Guide, Plot, Point, Series};
use crate::statistics::{MeasuredRun, Unit};

/// Gradient descent is stable while the learning rate times the largest eigenvalue is below this.
const EDGE_OF_STABILITY: f64 = 2.0;

pub(super) fn section(source: &Source) -> Option<Section> {
    let measured = || source.runs.iter().filter_map(|run| run.flatness.as_ref());
    let first = measured().next()?;
    let mut blocks = tables(source, Kind::Flatness);
    blocks.push(Block::Text { text: how_measured(first) });
    for place in &source.places {
        let spectra = spectra(source, place);
        let along = along(source, place);
        if spectra.is_none() && along.is_empty() {
            continue;
        }
        if !place.title.is_empty() {
            blocks.push(Block::Heading { text: place.title.clone() });
        }
        let figures = spectra.into_iter().chain(along);
        blocks.push(Block::figures(figures.map(Figure::small).collect()));
    }
    blocks.push(Block::Folded {
        title: "Each run, with the errors of its measurements".into(),
        table: Some(each_run(source)),
        code: None,
    });
    Some(Section { id: "flatness", title: "Flatness", blocks })
}

fn how_measured(of: &Flatness) -> String {
    let statistics = statistics_in_words(of.config.statistics);
    let mut text = format!(
        "Of the loss over {} training images without augmentation, batch normalisation by {statistics}, \
         at the end of the run.",
        crate::console::grouped(of.images)
    );
    if of.sharpness.is_some() {
        text += &format!(
            " Sharpness is the growth of the loss within a distance of {} of the weights.",
            of.config.sharpness_radius
        );
    }
    text
}

pub(super) fn statistics_in_words(statistics: StatisticsOf) -> &'static str {
    match statistics {
        StatisticsOf::Batch => "the statistics of each batch",
        StatisticsOf::Running => "running statistics",
        StatisticsOf::ReEstimated => "statistics that were estimated anew at each point",
    }
}

/// The spectral densities of one run of each arm.
fn spectra(source: &Source, place: &Place) -> Option<Figure> {
    let mut seeds = Vec::new();
    let series = source.arms().filter_map(|(colour, arm)| {
        let mut runs = source.runs_of(&arm.name, place);
        let (seed, spectrum) =
            runs.find_map(|run| Some((run.cell.seed, run.flatness.as_ref()?.spectrum.as_ref()?)))?;
        seeds.push(seed);
        let points = spectrum.eigenvalues.iter().zip(&spectrum.density);
        let points = points.map(|(x, y)| Point::at(*x, *y)).collect();
        Some(Series::line(&arm.label, colour, points))
    });
    let series: Vec<Series> = series.collect();
    if series.is_empty() {
        return None;
    }
    // The smoothing kernel falls below what is measured; decades of that would hide the rest.
    let highest = series.iter().flat_map(|s| &s.points).filter_map(|p| p.y).fold(0.0, f64::max);
    let plot = Plot {
        name: format!("spectrum{}", place.suffix),
        x: Axis::linear("eigenvalue of the Hessian"),
        y: Axis::logarithmic("density").between(1e-7 * highest, 2.0 * highest),
        series,
        guides: Vec::new(),
    };
    seeds.dedup();
    let seeds: Vec<String> = seeds.iter().map(ToString::to_string).collect();
    let caption = format!(
        "Density of the spectrum, by stochastic Lanczos quadrature; seed {}.",
        seeds.join(", ")
    );
    Some(Figure::plot(plot, caption))
}

/// The largest eigenvalue at the epochs whose weights were kept, alone and times the learning rate.
fn along(source: &Source, place: &Place) -> Vec<Figure> {
    let of = |run: &MeasuredRun| {
        run.flatness.as_ref().map_or(Vec::new(), |flatness| flatness.along.clone())
    };
    let counts = source
        .arms()
        .map(|(_, arm)| source.runs_of(&arm.name, place).filter(|run| !of(run).is_empty()).count());
    let over = spread_over(&source.seeds_of(counts));
    let draw = |name: &str, label: &str, value: fn(&Along) -> f64, guides: Vec<Guide>| {
        let series = source.arms().map(|(colour, arm)| {
            let runs: Vec<Vec<Along>> = source.runs_of(&arm.name, place).map(of).collect();
            let epochs = runs.iter().max_by_key(|run| run.len()).cloned().unwrap_or_default();
            let point = |epoch: usize| {
                let at = runs.iter().flatten().filter(|along| along.epoch == epoch).map(value);
                let (y, spread) = mean(&at.collect::<Vec<f64>>())?;
                Some(Point { x: epoch as f64, y: Some(y), spread })
            };
            let points = epochs.iter().filter_map(|along| point(along.epoch)).collect();
            Series::line(&arm.label, colour, points)
        });
        let series: Vec<Series> = series.filter(|series| !series.points.is_empty()).collect();
        let (x, y) = (Axis::linear("epoch"), Axis::linear(label));
        Plot { name: format!("{name}{}", place.suffix), x, y, series, guides }
    };
    let eigenvalue =
        draw("along", "largest eigenvalue", |along| along.eigenvalue.value, Vec::new());
    if eigenvalue.series.is_empty() {
        return Vec::new();
    }
    let guide = Guide { at: EDGE_OF_STABILITY, label: "2, the edge of stability".into() };
    let product = |along: &Along| along.lr * along.eigenvalue.value;
    let stability = draw("stability", "learning rate × largest eigenvalue", product, vec![guide]);
    vec![
        Figure::plot(
            eigenvalue,
            format!("The largest eigenvalue of the Hessian along the run. {over}"),
        ),
        Figure::plot(
            stability,
            format!("Plain gradient descent is stable on a quadratic below 2. {over}"),
        ),
    ]
}

fn each_run(source: &Source) -> Table {
    let mut columns = vec![Column::text("run"), Column::numbers("loss")];
    columns.push(Column::numbers("largest eigenvalue ± residual"));
    columns.push(Column::numbers("trace ± standard error"));
    columns.push(Column::numbers("sharpness"));
    columns.push(Column::numbers("learning rate × largest eigenvalue"));
    let plain = |value: f64| Unit::Plain.show(value);
    let estimate = |estimate: Option<&Estimate>| match estimate {
        Some(Estimate { value, error }) => format!("{} ± {error:.1e}", plain(*value)),
        None => "–".into(),
    };
    let rows = source.runs.iter().filter_map(|run| {
        let flatness = run.flatness.as_ref()?;
        let last = flatness.eigenvalues.first().zip(run.run.epochs.last());
        let product = last.map_or("–".into(), |(top, epoch)| plain(epoch.lr * top.value));
        let cells: [Content; 6] = [
            run_name(source, run).into(),
            plain(flatness.loss).into(),
            estimate(flatness.eigenvalues.first()).into(),
            estimate(flatness.trace.as_ref()).into(),
            flatness.sharpness.map_or("–".into(), plain).into(),
            product.into(),
        ];
        Some(cells.into())
    });
    Table { arms: 0, rows: rows.collect(), columns }
}

/// A run in words: arm, levels, seed.
pub(super) fn run_name(source: &Source, run: &MeasuredRun) -> String {
    let place = source.places.iter().find(|place| place.levels == run.cell.levels);
    let at = place.map_or("", |place| place.title.as_str());
    let at = if at.is_empty() { String::new() } else { format!("{at}, ") };
    format!("{}, {at}seed {}", source.label(&run.cell.arm), run.cell.seed)
}
