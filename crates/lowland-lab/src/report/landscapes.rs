//! The loss around solutions and between them.

use super::flatness::{run_name, statistics_in_words};
use super::page::{Block, Drawing, Figure, Section};
use super::source::{Source, file_name};
use crate::flatness::{Line, Plane};
use crate::picture::{Axis, Contour, Plot, Point, Series};
use crate::statistics::MeasuredRun;

/// Bands of colour on a map.
const BANDS: usize = 16;

pub(super) fn section(source: &Source) -> Option<Section> {
    let mut blocks = Vec::new();
    let of = |run: &'_ MeasuredRun| run.flatness.as_ref().is_some_and(|f| f.plane.is_some());
    let runs: Vec<&MeasuredRun> = source.runs.iter().filter(|run| of(run)).collect();
    let clip = clip(&runs);
    if let Some(first) = runs.first() {
        let maps: Vec<(String, Contour)> =
            runs.iter().filter_map(|run| map(source, run, clip)).collect();
        let surfaces = maps.iter().map(|(caption, map)| Figure {
            name: format!("{}-surface", map.name),
            caption: caption.clone(),
            drawing: Drawing::Surface(map.clone()),
            small: false,
        });
        blocks.push(Block::figures(surfaces.collect()));
        let flat = maps.iter().map(|(caption, map)| Figure {
            name: map.name.clone(),
            caption: caption.clone(),
            drawing: Drawing::Map(map.clone()),
            small: false,
        });
        blocks.push(Block::figures(flat.collect()));
        blocks.push(Block::Text { text: how_measured(first, clip) });
    }
    let lines: Vec<Figure> = [line(source, clip), between(source)].into_iter().flatten().collect();
    if !lines.is_empty() {
        blocks.push(Block::figures(lines));
    }
    (!blocks.is_empty()).then_some(Section { id: "landscape", title: "Loss landscapes", blocks })
}

/// The loss that surfaces are cut off at, and whether any reaches it.
#[derive(Clone, Copy)]
struct Clip {
    low: f64,
    high: f64,
    cuts: bool,
}

/// All surfaces on one scale, up to twice the loss of a guess among the classes.
fn clip(runs: &[&MeasuredRun]) -> Clip {
    let planes = runs.iter().filter_map(|run| run.flatness.as_ref()?.plane.as_ref());
    let losses = planes.flat_map(|plane| plane.losses.iter().flatten().flatten().copied());
    let (low, high) =
        losses.fold((f64::INFINITY, 0.0f64), |(low, high), loss| (low.min(loss), high.max(loss)));
    let classes = runs.iter().map(|run| run.run.json.run.data.classes).max().unwrap_or(2);
    let guess = 2.0 * (classes as f64).ln();
    // Where the whole surface lies higher, nothing would be left of it.
    let cut = if low < 0.5 * guess { high.min(guess) } else { high };
    let low = if low.is_finite() { low.min(0.9 * cut) } else { 0.0 };
    Clip { low, high: cut, cuts: high > cut }
}

fn map(source: &Source, run: &MeasuredRun, clip: Clip) -> Option<(String, Contour)> {
    let Plane { a, b, losses } = run.flatness.as_ref()?.plane.as_ref()?;
    let name = run_name(source, run);
    let map = Contour {
        name: format!("landscape{}", file_name(&format!("{} {}", run.cell.arm, run.cell.seed))),
        x_label: "first direction".into(),
        y_label: "second direction".into(),
        z_label: "loss (nats)".into(),
        x: a.clone(),
        y: b.clone(),
        z: losses.clone(),
        low: clip.low,
        high: clip.high,
        bands: BANDS,
    };
    Some((format!("{name}."), map))
}

fn how_measured(run: &MeasuredRun, clip: Clip) -> String {
    let config = run.flatness.as_ref().and_then(|flatness| flatness.config.landscape.as_ref());
    let statistics = config.map_or(String::new(), |config| {
        format!(", batch normalisation by {}", statistics_in_words(config.statistics))
    });
    let cut = if clip.cuts {
        format!(" Losses above {:.2}, twice that of a guess, are cut off.", clip.high)
    } else {
        String::new()
    };
    format!(
        "Training loss over two random directions through each solution, which is in the middle. Directions \
         are normalised filter by filter, so that a unit is the length of each filter{statistics}. All are \
         on one scale of height and colour.{cut}"
    )
}

/// Losses along one direction, an arm each.
fn line(source: &Source, clip: Clip) -> Option<Figure> {
    let mut series: Vec<Series> = Vec::new();
    for run in &source.runs {
        let Some(line) = run.flatness.as_ref().and_then(|flatness| flatness.line.as_ref()) else {
            continue;
        };
        let colour = source.record.arms.iter().position(|arm| arm.name == run.cell.arm);
        let label = source.label(&run.cell.arm);
        // One run of an arm is shown: further seeds and levels would not be told apart.
        if series.iter().all(|shown| shown.label != label) {
            series.push(Series::line(label, colour.unwrap_or(0), points(line)));
        }
    }
    let y = Axis::linear("training loss (nats)");
    let y = if clip.cuts { y.between(0.0, clip.high) } else { y };
    (!series.is_empty()).then(|| {
        let plot = Plot {
            name: "line".into(),
            x: Axis::linear("distance from the solution (filter lengths)"),
            y,
            series,
            guides: Vec::new(),
        };
        Figure::plot(
            plot,
            "Along one random direction, normalised filter by filter; one run an arm.",
        )
    })
}

/// The straight way between two solutions.
fn between(source: &Source) -> Option<Figure> {
    let way = source.interpolation.as_ref()?;
    let name = |folder: &str| {
        let run = source.runs.iter().find(|run| run.cell.folder == folder);
        run.map(|run| run_name(source, run))
    };
    let (from, to) = (name(&way.from)?, name(&way.to)?);
    let plot = Plot {
        name: "interpolation".into(),
        x: Axis::linear("part of the way"),
        y: Axis::linear("training loss (nats)"),
        series: vec![Series::line("", 6, points(&way.line))],
        guides: Vec::new(),
    };
    let caption = format!(
        "On the straight way from {from} (0) to {to} (1), batch normalisation by {}.",
        statistics_in_words(way.statistics)
    );
    Some(Figure::plot(plot, caption))
}

fn points(line: &Line) -> Vec<Point> {
    line.at.iter().zip(&line.losses).map(|(at, loss)| Point::at(*at, *loss)).collect()
}
