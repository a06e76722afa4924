//! What several tests need, and none needs all of.
#![allow(dead_code)]

use std::path::Path;

pub mod interrupted;

/// A small experiment that takes half a second.
pub const SMALL: &str = r#"
name = "small"
seed = 3
[data]
dataset = "digits"
subset = 800
crop_padding_pixels = 1
[model]
name = "resnet-tiny"
[train]
epochs = 2
batch_size = 16
[optimizer]
learning_rate = 0.05
weight_decay_on = "weights"
[optimizer.sgd]
momentum = 0.9
weight_decay = 1e-3
[schedule.cosine]
warmup = { fraction = 0.1 }
"#;

/// Asserts that a file is a PNG picture of curves: of the right size, with lines and text in it.
pub fn assert_picture(path: &Path) {
    let bytes = std::fs::read(path).unwrap();
    let picture =
        image::load_from_memory_with_format(&bytes, image::ImageFormat::Png).unwrap().to_rgb8();
    assert_eq!(picture.dimensions(), (1400, 640));
    let count = |wanted: [u8; 3]| picture.pixels().filter(|pixel| pixel.0 == wanted).count();
    let (white, blue, ink) = (count([255; 3]), count([0, 114, 178]), count([38; 3]));
    assert!(white > 600_000, "{white} white pixels");
    assert!(blue > 50, "{blue} pixels of the first line");
    assert!(ink > 500, "{ink} pixels of text");
}

/// The lines of a `metrics.jsonl`, without what depends on the clock.
pub fn metrics(folder: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(folder.join("metrics.jsonl")).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "whole lines only");
    let line = |line: &str| {
        let mut object: serde_json::Value = serde_json::from_str(line).unwrap();
        let fields = object.as_object_mut().unwrap();
        assert!(fields.remove("images_per_s").is_some_and(|v| v.as_f64() > Some(0.0)));
        assert!(fields.remove("seconds").is_some_and(|v| v.as_f64() > Some(0.0)));
        object
    };
    text.lines().map(line).collect()
}

pub fn run_json(folder: &Path) -> serde_json::Value {
    serde_json::from_str(&std::fs::read_to_string(folder.join("run.json")).unwrap()).unwrap()
}
