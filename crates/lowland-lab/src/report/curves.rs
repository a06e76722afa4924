//! Learning curves: training loss and test accuracy, over seeds.

use super::page::{Block, Figure, Section};
use super::source::{Place, Source, mean};
use crate::EpochMetrics;
use crate::picture::{Axis, Plot, Point, Series};
use crate::statistics::MeasuredRun;

pub(super) fn section(source: &Source) -> Option<Section> {
    let mut blocks = Vec::new();
    for place in &source.places {
        if source
            .runs
            .iter()
            .all(|run| run.run.epochs.is_empty() || run.cell.levels != place.levels)
        {
            continue;
        }
        if !place.title.is_empty() {
            blocks.push(Block::Heading { text: place.title.clone() });
        }
        let counts = source.arms().map(|(_, arm)| source.runs_of(&arm.name, place).count());
        let over = spread_over(&source.seeds_of(counts));
        let loss = curves(source, place, "loss", "training loss (nats)", |e| e.train_loss);
        let accuracy =
            curves(source, place, "accuracy", "test accuracy (%)", |e| 100.0 * e.test_acc);
        blocks.push(Block::figures(vec![
            Figure::plot(
                loss,
                format!("Loss that is minimised, mean over each epoch's batches. {over}"),
            ),
            Figure::plot(accuracy, format!("Accuracy on the test images after each epoch. {over}")),
        ]));
    }
    (!blocks.is_empty()).then_some(Section { id: "curves", title: "Learning curves", blocks })
}

/// What lines and bands are.
pub(super) fn spread_over(seeds: &str) -> String {
    match seeds {
        "one seed" => "One seed.".into(),
        seeds => format!("Mean ± standard deviation over {seeds}."),
    }
}

fn curves(
    source: &Source,
    place: &Place,
    what: &str,
    label: &str,
    value: fn(&EpochMetrics) -> f64,
) -> Plot {
    let series = source.arms().map(|(colour, arm)| {
        let runs: Vec<&MeasuredRun> = source.runs_of(&arm.name, place).collect();
        let epochs = runs.iter().map(|run| run.run.epochs.len()).max().unwrap_or(0);
        let point = |i: usize| {
            let values = runs.iter().filter_map(|run| run.run.epochs.get(i)).map(value);
            let (y, spread) = mean(&values.collect::<Vec<f64>>())?;
            Some(Point { x: (i + 1) as f64, y: Some(y), spread })
        };
        Series::line(&arm.label, colour, (0..epochs).filter_map(point).collect())
    });
    Plot {
        name: format!("curves-{what}{}", place.suffix),
        x: Axis::linear("epoch"),
        y: Axis::linear(label),
        series: series.filter(|series| !series.points.is_empty()).collect(),
        guides: Vec::new(),
    }
}
