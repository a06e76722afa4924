//! Plots and maps as files: their size, what is drawn in them, and what their legends say.

use std::path::Path;

use lowland_lab::picture::{Axis, Contour, Guide, Mark, Plot, Point, Scale, Series};

/// How many pixels of a PNG file have a colour, to rounding, and its size.
fn count(path: &Path, wanted: [u8; 3]) -> (usize, (u32, u32)) {
    let bytes = std::fs::read(path).unwrap();
    let picture =
        image::load_from_memory_with_format(&bytes, image::ImageFormat::Png).unwrap().to_rgb8();
    let near = |pixel: [u8; 3]| pixel.iter().zip(wanted).all(|(a, b)| a.abs_diff(b) <= 2);
    (picture.pixels().filter(|pixel| near(pixel.0)).count(), picture.dimensions())
}

fn plot(series: Vec<Series>) -> Plot {
    let (x, y) = (Axis::linear("epoch"), Axis::linear("loss"));
    Plot { name: "plot".into(), x, y, series, guides: Vec::new() }
}

#[test]
fn a_plot_has_its_lines_its_bands_and_its_legend() {
    let folder = tempfile::tempdir().unwrap();
    let point = |x: f64, y: f64| Point { x, y: Some(y), spread: Some((y - 0.2, y + 0.2)) };
    let falling = vec![point(1.0, 2.0), point(2.0, 1.0), point(3.0, 0.5)];
    let broken = vec![Point::at(1.0, 1.0), Point::at(2.0, None), Point::at(3.0, f64::NAN)];
    let mut plot =
        plot(vec![Series::line("A <&> B", 0, falling), Series::line("other", 1, broken)]);
    plot.guides.push(Guide { at: 0.0, label: "zero".into() });
    plot.write(folder.path()).unwrap();
    let (blue, size) = count(&folder.path().join("plot.png"), [0, 114, 178]);
    assert_eq!(size, (1080, 760));
    assert!(blue > 2000, "{blue} pixels of the line");
    // A fifth of the blue on white.
    let (band, _) = count(&folder.path().join("plot.png"), [204, 226, 239]);
    assert!(band > 20_000, "{band} pixels of the band");
    let svg = std::fs::read_to_string(folder.path().join("plot.svg")).unwrap();
    for text in ["A &lt;&amp;&gt; B", "other", "zero", "epoch", "loss"] {
        assert_eq!(svg.matches(&format!("\n{text}\n")).count(), 1, "{text} in {svg}");
    }
    assert_eq!(svg.matches("<polygon").count(), 1, "one of the two has a band");
}

#[test]
fn more_series_than_colours_differ_by_dashes() {
    let line = |i: usize| Series::line("", i, vec![Point::at(0.0, 0.0), Point::at(1.0, 1.0)]);
    let lines = |i: usize| plot(vec![line(i)]).svg().unwrap().matches("stroke=\"#0072B2\"").count();
    assert_eq!(lines(0), 1);
    assert!(lines(7) > 10, "{}", lines(7));
}

#[test]
fn bars_reach_from_zero_and_names_are_wrapped() {
    let bars = Series {
        label: "accuracy".into(),
        colour: Some(0),
        mark: Mark::Bars,
        points: vec![Point::at(1.0, 1.0), Point::at(2.0, 2.0)],
    };
    let svg = plot(vec![bars]).svg().unwrap();
    let heights: Vec<f64> = svg
        .lines()
        .filter(|line| line.contains("<rect") && line.contains("#0072B2"))
        .map(|line| line.split("height=\"").nth(1).unwrap().split('"').next().unwrap())
        .map(|height| height.parse().unwrap())
        .collect();
    assert_eq!(heights.len(), 3, "two bars, and one in the legend: {svg}");
    assert!((heights[2] / heights[1] - 2.0).abs() < 0.01, "{heights:?}");

    let mut named = plot(vec![Series {
        label: String::new(),
        colour: Some(0),
        mark: Mark::Dots,
        points: vec![Point { x: 1.0, y: Some(0.0), spread: Some((0.0, 2.0)) }],
    }]);
    named.y.scale = Scale::Names(vec!["an arm with a name of many words".into()]);
    let svg = named.svg().unwrap();
    assert!(svg.contains("\nan arm with a name of\n") && svg.contains("\nmany words\n"), "{svg}");
}

#[test]
fn a_map_has_bands_lines_and_its_scale() {
    let folder = tempfile::tempdir().unwrap();
    let at: Vec<f64> = (0..41).map(|i| f64::from(i) / 20.0 - 1.0).collect();
    let bowl = |x: &f64| at.iter().map(|y| Some(x * x + y * y)).collect::<Vec<_>>();
    let mut contour = Contour {
        name: "map".into(),
        x_label: "first direction".into(),
        y_label: "second direction".into(),
        z_label: "loss".into(),
        x: at.clone(),
        y: at.clone(),
        z: at.iter().map(bowl).collect(),
        low: 0.0,
        high: 1.0,
        bands: 10,
    };
    contour.z[0][0] = None;
    contour.write(folder.path()).unwrap();
    // The darkest and the lightest of ten bands; the quarter circle of radius sqrt(0.1), and what is
    // outside the circle of radius 1.
    let path = folder.path().join("map.png");
    let (dark, size) = count(&path, [70, 17, 98]);
    assert_eq!(size, (1080, 860));
    let map = 696.0 * 696.0 / 4.0;
    let (expected, scale) = (0.1 * std::f64::consts::PI * map, 40.0 * 69.6);
    assert!((dark as f64 / (expected + scale) - 1.0).abs() < 0.05, "{dark} of {expected}");
    let (light, _) = count(&path, [196, 221, 57]);
    // The frame covers what is next to it.
    let expected = (4.0 - 0.9 * std::f64::consts::PI) * map - 4.0 * 696.0 * 1.25;
    assert!((light as f64 / (expected + scale) - 1.0).abs() < 0.05, "{light} of {expected}");
}
