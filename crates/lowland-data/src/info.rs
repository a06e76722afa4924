//! A description of a dataset for people and programs.

use serde::{Deserialize, Serialize};

use crate::dataset::Dataset;
use crate::packed::Layout;
use crate::statistics::ChannelStats;

/// One split in a [`DatasetInfo`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitInfo {
    /// "train" or "test".
    pub name: String,
    /// Number of images.
    pub images: usize,
    /// Number of images of each class.
    pub class_counts: Vec<usize>,
    /// BLAKE3 of the block of images, hexadecimal.
    pub images_blake3: String,
    /// BLAKE3 of the labels as little-endian u16, hexadecimal.
    pub labels_blake3: String,
}

/// Everything worth printing about a dataset; serialises to JSON as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DatasetInfo {
    /// Short identifier.
    pub name: String,
    /// Name for people.
    pub title: String,
    /// Where the data came from.
    pub source: String,
    /// Shape of one image, `[H, W, C]`.
    pub shape: [usize; 3],
    /// Names of the classes; the position is the label.
    pub classes: Vec<String>,
    /// The training split, then the test split.
    pub splits: Vec<SplitInfo>,
    /// Mean and deviation of the training split, measured.
    pub measured: ChannelStats,
    /// Mean and deviation the dataset is normalised by.
    pub normalisation: ChannelStats,
    /// Size of the packed file, bytes.
    pub bytes: u64,
    /// BLAKE3 of the packed file's header, hexadecimal. The header holds the checksum of every
    /// section, so that two datasets with this number in common are equal in every image, label and
    /// name.
    pub checksum: String,
}

impl DatasetInfo {
    pub(crate) fn of(dataset: &Dataset) -> DatasetInfo {
        let layout = Layout::of(dataset);
        let splits = [("train", dataset.train_split()), ("test", dataset.test_split())];
        let splits = splits.into_iter().zip(layout.sections().chunks_exact(2)).map(
            |((name, split), sections)| SplitInfo {
                name: name.to_string(),
                images: split.len(),
                class_counts: split.class_counts().to_vec(),
                images_blake3: sections[0].blake3.clone(),
                labels_blake3: sections[1].blake3.clone(),
            },
        );
        DatasetInfo {
            name: dataset.name().to_string(),
            title: dataset.title().to_string(),
            source: dataset.about().source.clone(),
            shape: dataset.shape(),
            classes: dataset.classes().to_vec(),
            splits: splits.collect(),
            measured: dataset.measured().clone(),
            normalisation: dataset.normalisation().clone(),
            bytes: layout.file_len(),
            checksum: layout.checksum(),
        }
    }
}
