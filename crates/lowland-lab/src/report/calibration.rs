//! Calibration: how far confidences are from accuracies.

use super::page::{Block, Figure, Section};
use super::source::{Place, Source, file_name};
use crate::picture::{Axis, Mark, Plot, Point, Series};
use crate::statistics::{self, Unit};

pub(super) fn section(source: &Source) -> Option<Section> {
    let mut blocks = Vec::new();
    for place in &source.places {
        let figures =
            source.arms().filter_map(|(colour, arm)| diagram(source, place, colour, &arm.name));
        let figures: Vec<Figure> = figures.collect();
        if figures.is_empty() {
            continue;
        }
        if !place.title.is_empty() {
            blocks.push(Block::Heading { text: place.title.clone() });
        }
        blocks.push(Block::Figures { legend: Vec::new(), figures });
    }
    if blocks.is_empty() {
        return None;
    }
    let text = "Accuracy of the test images by the confidence they were classified with, at the final epoch, \
                all seeds together; on the dashed line, confidence is accuracy. The expected calibration \
                error is the mean distance from it over images, in 15 bins.";
    blocks.push(Block::Text { text: text.into() });
    Some(Section { id: "calibration", title: "Calibration", blocks })
}

/// Accuracy by confidence for an arm, all its runs together.
fn diagram(source: &Source, place: &Place, colour: usize, arm: &str) -> Option<Figure> {
    let runs: Vec<_> =
        source.runs_of(arm, place).filter_map(|run| run.run.json.calibration.as_ref()).collect();
    let bins = runs.first()?.bins.len();
    let bar = |i: usize| {
        let of = runs.iter().filter_map(|calibration| calibration.bins.get(i));
        let (images, correct) = of.fold((0.0, 0.0), |(images, correct), bin| {
            let n = bin.images as f64;
            (images + n, correct + n * bin.accuracy)
        });
        let accuracy = (images > 0.0).then(|| correct / images);
        Point::at((i as f64 + 0.5) / bins as f64, accuracy)
    };
    let diagonal = vec![Point::at(0.0, 0.0), Point::at(1.0, 1.0)];
    let plot = Plot {
        name: format!("calibration{}{}", file_name(arm), place.suffix),
        x: Axis::linear("confidence").between(0.0, 1.0),
        y: Axis::linear("accuracy").between(0.0, 1.0),
        series: vec![
            Series {
                label: String::new(),
                colour: Some(colour),
                mark: Mark::Bars,
                points: (0..bins).map(bar).collect(),
            },
            Series { label: String::new(), colour: None, mark: Mark::Line, points: diagonal },
        ],
        guides: Vec::new(),
    };
    let errors: Vec<f64> = runs.iter().map(|calibration| calibration.expected_error).collect();
    let summary = statistics::summary(&errors)?;
    let error = Unit::Fraction.show(summary.mean);
    let spread = summary.sd.map_or(String::new(), |sd| format!(" ± {}", Unit::Fraction.show(sd)));
    let caption = format!("{}: expected calibration error {error}{spread}.", source.label(arm));
    Some(Figure::plot(plot, caption).small())
}
