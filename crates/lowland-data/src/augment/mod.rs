//! Augmentations: each is a small pure function of an image and a few random numbers, in a file of
//! its own.
//!
//! To add one, write a file with a struct that implements [`Augment`], and name it in the two lines
//! below. [`Cutout`] is the exception: it comes after normalisation.

mod crop;
mod cutout;
mod flip;

use std::fmt;
use std::sync::Arc;

pub use crop::RandomCrop;
pub use cutout::Cutout;
pub use flip::HorizontalFlip;

use crate::error::Result;
use crate::random::CounterRng;

/// A random change of one image, on bytes, before normalisation.
///
/// The random numbers come from [`CounterRng::new`]`(seed, Purpose::Augment, epoch, sample)` with
/// the sample's index in its split, and the augmentations of a list draw from it one after the
/// other. An augmentation should draw the same number of times for every image.
pub trait Augment: fmt::Debug + Send + Sync {
    /// Refuses images of a shape `[H, W, C]` that it cannot change.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid).
    fn check(&self, shape: [usize; 3]) -> Result<()>;

    /// Reads `image` and writes every byte of `out`, both `[H, W, C]` of the given shape.
    fn apply(&self, shape: [usize; 3], image: &[u8], out: &mut [u8], rng: &mut CounterRng);
}

/// One augmentation of a list; cheap to clone.
pub type Augmentation = Arc<dyn Augment>;

/// The usual augmentations of CIFAR training: random crop with padding 4, then horizontal flip.
pub fn standard() -> Vec<Augmentation> {
    vec![Arc::new(RandomCrop { padding: 4 }), Arc::new(HorizontalFlip)]
}

/// Applies a list of augmentations, with two buffers that are used in turn.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    from: Vec<u8>,
    to: Vec<u8>,
}

impl Scratch {
    /// The augmented image: `image` itself when the list is empty.
    pub fn apply<'a>(
        &'a mut self,
        augmentations: &[Augmentation],
        shape: [usize; 3],
        image: &'a [u8],
        rng: &mut CounterRng,
    ) -> &'a [u8] {
        let Some((first, others)) = augmentations.split_first() else { return image };
        self.from.resize(image.len(), 0);
        self.to.resize(image.len(), 0);
        first.apply(shape, image, &mut self.from, rng);
        for augmentation in others {
            augmentation.apply(shape, &self.from, &mut self.to, rng);
            std::mem::swap(&mut self.from, &mut self.to);
        }
        &self.from
    }
}
