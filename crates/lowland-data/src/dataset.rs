//! A dataset: a training and a test split, names of classes, and how to normalise.

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::info::DatasetInfo;
use crate::packed;
use crate::split::Split;
use crate::statistics::ChannelStats;
use crate::view::View;

/// What a dataset says about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// Short identifier for configs and file names: lower-case letters, digits, `-` and `_`.
    pub name: String,
    /// Name for people: "CIFAR-10 (JPEG copy)".
    pub title: String,
    /// Where the data came from, in a few words.
    pub source: String,
    /// Names of the classes; the position is the label.
    pub classes: Vec<String>,
}

/// An image-classification dataset with a training and a test split of one image shape.
#[derive(Clone, Debug)]
pub struct Dataset {
    about: About,
    train: Arc<Split>,
    test: Arc<Split>,
    measured: ChannelStats,
    normalisation: ChannelStats,
}

impl Dataset {
    /// A dataset from two splits; it is normalised by the measured statistics of the training
    /// split.
    ///
    /// # Errors
    /// [`Error::Invalid`] when a split is empty, when the shapes differ, when the name is not an
    /// identifier, when a text has control characters, or when the number of class names is not that of
    /// the splits.
    pub fn new(about: About, train: Split, test: Split) -> Result<Dataset> {
        let measured = ChannelStats::measure(&train);
        Dataset::with_statistics(about, train, test, measured.clone(), measured)
    }

    pub(crate) fn with_statistics(
        about: About,
        train: Split,
        test: Split,
        measured: ChannelStats,
        normalisation: ChannelStats,
    ) -> Result<Dataset> {
        check_name(&about.name)?;
        check_texts(&about)?;
        for split in [&train, &test] {
            if split.is_empty() {
                return Err(Error::invalid("split size", 0, "both splits need at least one image"));
            }
            if split.class_counts().len() != about.classes.len() {
                let advice = format!("the splits have {} classes", split.class_counts().len());
                return Err(Error::invalid("classes", about.classes.len(), advice));
            }
        }
        if train.shape() != test.shape() {
            let advice = format!("the training images are {:?}", train.shape());
            return Err(Error::invalid(
                "test shape [H, W, C]",
                format!("{:?}", test.shape()),
                advice,
            ));
        }
        measured.check(train.shape()[2])?;
        normalisation.check(train.shape()[2])?;
        Ok(Dataset { about, train: Arc::new(train), test: Arc::new(test), measured, normalisation })
    }

    /// The same dataset, normalised by other constants.
    ///
    /// # Errors
    /// [`Error::Invalid`] when they are of another number of channels or a deviation is not
    /// positive.
    pub fn normalised_by(self, normalisation: ChannelStats) -> Result<Dataset> {
        normalisation.check(self.shape()[2])?;
        Ok(Dataset { normalisation, ..self })
    }

    /// Opens a packed file, or the one packed file in a folder. Sizes and every checksum are
    /// verified first.
    ///
    /// # Errors
    /// Those of [`open`](crate::open).
    pub fn open(path: impl AsRef<Path>) -> Result<Dataset> {
        packed::open(path.as_ref())
    }

    /// What the dataset says about itself.
    pub fn about(&self) -> &About {
        &self.about
    }

    /// Short identifier, as in configs.
    pub fn name(&self) -> &str {
        &self.about.name
    }

    /// Name for people.
    pub fn title(&self) -> &str {
        &self.about.title
    }

    /// Names of the classes; the position is the label.
    pub fn classes(&self) -> &[String] {
        &self.about.classes
    }

    /// Shape of one image, `[H, W, C]`.
    pub fn shape(&self) -> [usize; 3] {
        self.train.shape()
    }

    /// All training images.
    pub fn train(&self) -> View {
        View::all(Arc::clone(&self.train))
    }

    /// All test images.
    pub fn test(&self) -> View {
        View::all(Arc::clone(&self.test))
    }

    /// The training split itself.
    pub fn train_split(&self) -> &Arc<Split> {
        &self.train
    }

    /// The test split itself.
    pub fn test_split(&self) -> &Arc<Split> {
        &self.test
    }

    /// Mean and deviation of the training split, measured.
    pub fn measured(&self) -> &ChannelStats {
        &self.measured
    }

    /// Mean and deviation to normalise by: the constants everybody uses for CIFAR-10 and CIFAR-100,
    /// the measured ones for any other dataset.
    pub fn normalisation(&self) -> &ChannelStats {
        &self.normalisation
    }

    /// Everything worth printing about the dataset. Hashes all images, about a tenth of a second
    /// for CIFAR-10.
    pub fn describe(&self) -> DatasetInfo {
        DatasetInfo::of(self)
    }
}

/// Refuses texts that would do more to a terminal than be shown on it.
fn check_texts(about: &About) -> Result<()> {
    let mut texts = [&about.title, &about.source].into_iter().chain(&about.classes);
    match texts.find(|text| text.chars().any(char::is_control)) {
        None => Ok(()),
        Some(text) => {
            let advice = "names of datasets and classes have no control characters";
            Err(Error::invalid("text", format!("{text:?}"), advice))
        }
    }
}

/// Refuses names that are not a plain file name everywhere.
pub(crate) fn check_name(name: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
        let advice = "use 1 to 64 lower-case letters, digits, `-` and `_`";
        return Err(Error::invalid("dataset name", format!("`{name}`"), advice));
    }
    Ok(())
}
