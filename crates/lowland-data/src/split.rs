//! One split of a dataset: images as one contiguous block of bytes, and their labels.

use crate::error::{Error, Result};
use crate::mapped::MappedRange;

/// Images `[N, H, W, C]` as u8 in one block, labels `[N]` as u16.
#[derive(Debug)]
pub struct Split {
    shape: [usize; 3],
    pixels: Pixels,
    labels: Vec<u16>,
    class_counts: Vec<usize>,
}

/// Where the block of pixels lives.
#[derive(Debug)]
pub(crate) enum Pixels {
    /// In memory.
    Owned(Vec<u8>),
    /// In a mapped packed file: read by the system when touched, and given back under memory
    /// pressure.
    Mapped(MappedRange),
}

impl Pixels {
    fn bytes(&self) -> &[u8] {
        match self {
            Pixels::Owned(bytes) => bytes,
            Pixels::Mapped(range) => range.bytes(),
        }
    }
}

impl Split {
    /// A split from images `[N, H, W, C]` (row-major, `shape` is `[H, W, C]`) and N labels below
    /// `classes`.
    ///
    /// # Errors
    /// [`Error::Invalid`] when a size is 0, when there are not exactly N images, when N does not
    /// fit u32, or when a label is out of range.
    pub fn new(
        shape: [usize; 3],
        images: Vec<u8>,
        labels: Vec<u16>,
        classes: usize,
    ) -> Result<Split> {
        Split::from_pixels(shape, Pixels::Owned(images), labels, classes)
    }

    pub(crate) fn from_pixels(
        shape: [usize; 3],
        pixels: Pixels,
        labels: Vec<u16>,
        classes: usize,
    ) -> Result<Split> {
        let elements = image_len(shape)?;
        let bytes = pixels.bytes().len();
        if elements.checked_mul(labels.len()) != Some(bytes) || u32::try_from(labels.len()).is_err()
        {
            let advice =
                format!("{} labels of {elements}-byte images need as many images", labels.len());
            return Err(Error::invalid("images (bytes)", bytes, advice));
        }
        let mut class_counts = vec![0; classes];
        for (i, &label) in labels.iter().enumerate() {
            let count = class_counts.get_mut(usize::from(label)).ok_or_else(|| {
                Error::invalid(
                    "label",
                    label,
                    format!("image {i} must have a label below {classes}"),
                )
            })?;
            *count += 1;
        }
        Ok(Split { shape, pixels, labels, class_counts })
    }

    /// Number of images, N.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// True when there are no images.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Shape of one image, `[H, W, C]`.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// Bytes of one image, `H * W * C`.
    pub fn image_len(&self) -> usize {
        self.shape.iter().product()
    }

    /// All images, `[N, H, W, C]`.
    pub fn images(&self) -> &[u8] {
        self.pixels.bytes()
    }

    /// All labels, `[N]`.
    pub fn labels(&self) -> &[u16] {
        &self.labels
    }

    /// Image `i`, `[H, W, C]`.
    ///
    /// # Panics
    /// When `i` is not below [`len`](Split::len), as a slice does.
    pub fn image(&self, i: usize) -> &[u8] {
        let n = self.image_len();
        &self.images()[i * n..][..n]
    }

    /// Label of image `i`.
    ///
    /// # Panics
    /// When `i` is not below [`len`](Split::len).
    pub fn label(&self, i: usize) -> u16 {
        self.labels[i]
    }

    /// Number of images of each class.
    pub fn class_counts(&self) -> &[usize] {
        &self.class_counts
    }
}

/// `H * W * C`, refused when it is 0 or overflows.
pub(crate) fn image_len(shape: [usize; 3]) -> Result<usize> {
    let len = shape.iter().try_fold(1usize, |product, &n| product.checked_mul(n));
    match len {
        Some(len) if len > 0 => Ok(len),
        _ => Err(Error::invalid(
            "shape [H, W, C]",
            format!("{shape:?}"),
            "every size must be at least 1",
        )),
    }
}
