//! Robustness: the accuracy on noisy test images.

use lowland_data::{InputNoise, NoiseKind};

use super::curves::spread_over;
use super::page::{Block, Figure, Section};
use super::results::{Kind, tables};
use super::source::{Place, Source, mean};
use crate::picture::{Axis, Mark, Plot, Point, Series};

const KINDS: [(NoiseKind, &str); 3] = [
    (NoiseKind::Normal, "normal"),
    (NoiseKind::Uniform, "uniform"),
    (NoiseKind::Constant, "constant"),
];

pub(super) fn section(source: &Source) -> Option<Section> {
    let mut blocks = Vec::new();
    for place in &source.places {
        let figures = KINDS.iter().filter_map(|kind| figure(source, place, *kind));
        let figures: Vec<Figure> = figures.collect();
        if figures.is_empty() {
            continue;
        }
        if !place.title.is_empty() {
            blocks.push(Block::Heading { text: place.title.clone() });
        }
        blocks.push(Block::figures(figures));
    }
    blocks.extend(tables(source, Kind::Noise));
    (!blocks.is_empty()).then_some(Section {
        id: "robustness",
        title: "Robustness to noise on the test images",
        blocks,
    })
}

/// The accuracy over the strength of a kind of noise, from that without noise.
fn figure(source: &Source, place: &Place, (kind, name): (NoiseKind, &str)) -> Option<Figure> {
    let mut strengths: Vec<f64> = Vec::new();
    for noise in source.runs.iter().flat_map(|run| &run.run.json.input_noise) {
        if noise.noise.kind == kind && !strengths.contains(&noise.noise.strength) {
            strengths.push(noise.noise.strength);
        }
    }
    strengths.sort_by(f64::total_cmp);
    let series = source.arms().map(|(colour, arm)| {
        let at = |strength: f64| {
            let noise = InputNoise { kind, strength };
            let scores = source.runs_of(&arm.name, place).filter_map(|run| {
                let json = &run.run.json;
                let noisy = json.input_noise.iter().find(|score| score.noise == noise);
                match noisy {
                    Some(score) => Some(100.0 * score.test_acc),
                    None if strength == 0.0 => Some(100.0 * json.results?.final_epoch.test_acc),
                    None => None,
                }
            });
            let (y, spread) = mean(&scores.collect::<Vec<f64>>())?;
            Some(Point { x: strength, y: Some(y), spread })
        };
        let noisy: Vec<Point> = strengths.iter().filter_map(|strength| at(*strength)).collect();
        let clean = at(0.0).filter(|_| !noisy.is_empty() && strengths.first() != Some(&0.0));
        let points: Vec<Point> = clean.into_iter().chain(noisy).collect();
        let (label, colour) = (arm.label.clone(), Some(colour));
        Series { label, colour, mark: Mark::LineAndDots, points }
    });
    let series: Vec<Series> = series.filter(|series| !series.points.is_empty()).collect();
    if series.is_empty() {
        return None;
    }
    let plot = Plot {
        name: format!("noise-{name}{}", place.suffix),
        x: Axis::linear(&format!("strength of {name} noise")),
        y: Axis::linear("test accuracy (%)"),
        series,
        guides: Vec::new(),
    };
    let seeds = source.arms().map(|(_, arm)| source.runs_of(&arm.name, place).count());
    let over = spread_over(&source.seeds_of(seeds));
    Some(Figure::plot(
        plot,
        format!("Final epoch; strength in units of a pixel's full range. {over}"),
    ))
}
