//! What training makes small.

use lowland_core::Result;
use lowland_tensor::Tensor;

/// The mean cross-entropy of logits against labels.
///
/// With label smoothing e (Szegedy et al. 2016, section 7) over C classes, the target of each image
/// is (1 - e) · onehot + e / C.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CrossEntropy {
    /// How much of the target is spread over all classes, in 0..1.
    pub label_smoothing: f64,
}

impl CrossEntropy {
    /// The loss of logits `[N, C]` against labels `[N]` of [`DType::U32`](lowland_core::DType::U32),
    /// a single number.
    ///
    /// # Errors
    /// [`Error::Label`](lowland_core::Error::Label) where a label is not below C,
    /// [`Error::Invalid`](lowland_core::Error::Invalid) where the smoothing is not in 0..1.
    pub fn forward(&self, logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
        logits.cross_entropy(labels, self.label_smoothing)
    }
}
