//! The built-in handwritten digits, 8x8.

use std::sync::Arc;

use crate::dataset::{About, Dataset};
use crate::error::Result;
use crate::split::Split;
use crate::view::{Amount, View};

/// 64 pixels (0..=16) and one label a record, see `assets/README.md`.
const RECORDS: &[u8] = include_bytes!("../assets/digits.bin");
const PIXELS: usize = 64;
/// Images held out for the test split, a fifth.
const TEST_IMAGES: usize = 360;
/// Seed of the split; part of the dataset's definition.
const SPLIT_SEED: u64 = 0;

/// The digits, see [`load_builtin`](crate::load_builtin).
pub(crate) fn load() -> Result<Dataset> {
    let classes: Vec<String> = (0..10).map(|digit| digit.to_string()).collect();
    let mut images = Vec::with_capacity(RECORDS.len());
    let mut labels = Vec::new();
    for record in RECORDS.chunks_exact(PIXELS + 1) {
        images.extend(record[..PIXELS].iter().map(|&value| full_range(value)));
        labels.push(u16::from(record[PIXELS]));
    }
    let all = Split::new([8, 8, 1], images, labels, classes.len())?;
    let (train, test) =
        View::all(Arc::new(all)).split_validation(Amount::Count(TEST_IMAGES), SPLIT_SEED)?;
    let about = About {
        name: "digits".to_string(),
        title: "UCI handwritten digits".to_string(),
        source: "built in; E. Alpaydin and C. Kaynak, UCI Machine Learning Repository, 1998, \
                 doi 10.24432/C50P49, CC BY 4.0"
            .to_string(),
        classes,
    };
    Dataset::new(about, copy(&train)?, copy(&test)?)
}

/// 0..=16 to 0..=255, rounded to nearest.
fn full_range(value: u8) -> u8 {
    ((u32::from(value) * 255 + 8) / 16) as u8
}

/// The images of a view as a split of their own.
fn copy(view: &View) -> Result<Split> {
    let images = (0..view.len()).flat_map(|i| view.image(i)).copied().collect();
    let labels = (0..view.len()).map(|i| view.label(i)).collect();
    Split::new(view.shape(), images, labels, view.split().class_counts().len())
}
