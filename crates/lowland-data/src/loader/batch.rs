//! A batch, and the pool its buffers return to.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// The memory of one batch.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    /// `[B, H, W, C]`.
    pub images: Vec<f32>,
    /// `[B]`.
    pub labels: Vec<u32>,
    /// `[B]`.
    pub indices: Vec<u32>,
}

/// Buffers that are not in use.
#[derive(Debug, Default)]
pub(super) struct Pool(Mutex<Vec<Buffers>>);

impl Pool {
    /// Used buffers if there are any, else new ones.
    pub fn take(&self) -> Buffers {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    /// Keeps buffers for later.
    pub fn give(&self, buffers: Buffers) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(buffers);
    }
}

/// Normalised images with their labels. Dropping a batch gives its memory back to the loader.
pub struct Batch {
    buffers: Buffers,
    shape: [usize; 3],
    pool: Arc<Pool>,
}

impl Batch {
    pub(super) fn new(buffers: Buffers, shape: [usize; 3], pool: Arc<Pool>) -> Batch {
        Batch { buffers, shape, pool }
    }

    /// Number of images, B.
    pub fn len(&self) -> usize {
        self.buffers.labels.len()
    }

    /// False: a batch has at least one image.
    pub fn is_empty(&self) -> bool {
        self.buffers.labels.is_empty()
    }

    /// `[B, H, W, C]`.
    pub fn shape(&self) -> [usize; 4] {
        let [h, w, c] = self.shape;
        [self.len(), h, w, c]
    }

    /// The images, `[B, H, W, C]`.
    pub fn images(&self) -> &[f32] {
        &self.buffers.images
    }

    /// The labels, `[B]`.
    pub fn labels(&self) -> &[u32] {
        &self.buffers.labels
    }

    /// Each image's index in its split, `[B]`.
    pub fn indices(&self) -> &[u32] {
        &self.buffers.indices
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        self.pool.give(std::mem::take(&mut self.buffers));
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("shape", &self.shape())
            .field("labels", &self.labels())
            .finish_non_exhaustive()
    }
}
