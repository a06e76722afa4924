//! Images without meaning.

use std::sync::Arc;

use lowland_data::{Result, Split, View};

/// This many images of CIFAR's size, in ten classes.
///
/// # Errors
/// None: the sizes fit.
pub fn images(count: usize) -> Result<View> {
    let pixels: Vec<u8> = (0..count * 32 * 32 * 3).map(|i| (i * 2_654_435_761) as u8).collect();
    let labels: Vec<u16> = (0..count).map(|i| (i % 10) as u16).collect();
    Ok(View::all(Arc::new(Split::new([32, 32, 3], pixels, labels, 10)?)))
}
