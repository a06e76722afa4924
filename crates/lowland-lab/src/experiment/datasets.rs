//! Runs of one experiment learn from the same data.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::PathBuf;

use super::planned::Planned;
use crate::run::DataInfo;
use crate::{Error, Result};

/// The datasets of an experiment, by name: the run that was looked at first, and its checksum.
#[derive(Debug, Default)]
pub(super) struct Datasets(HashMap<String, (PathBuf, String)>);

impl Datasets {
    /// Compares what a run learns or has learnt from with the runs before.
    ///
    /// # Errors
    /// [`Error::OtherData`] where the dataset of that name is another.
    pub(super) fn check(&mut self, planned: &Planned, data: &DataInfo) -> Result<()> {
        match self.0.entry(planned.plan.config().data.dataset.clone()) {
            Entry::Vacant(entry) => {
                entry.insert((planned.folder.clone(), data.checksum.clone()));
                Ok(())
            }
            Entry::Occupied(entry) if entry.get().1 == data.checksum => Ok(()),
            Entry::Occupied(entry) => Err(Error::OtherData {
                dataset: entry.key().clone(),
                first: entry.get().0.clone(),
                second: planned.folder.clone(),
            }),
        }
    }
}
