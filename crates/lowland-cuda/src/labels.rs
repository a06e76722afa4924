//! The labels that are in device memory, once more on the host.
//!
//! An op that takes labels refuses those that are no class before it writes anything. To ask the
//! device would be to wait for all that was handed over, twice in each step of a training. But no op
//! writes labels: they come by uploads alone, so the host knows them. That costs it four bytes a row.

use std::ops::Range;
use std::sync::Mutex;

use crate::launcher::lock;

/// What was uploaded into memory for labels. Of elements that never were, memory has no specified
/// contents; here they are 0.
#[derive(Debug, Default)]
pub(crate) struct Labels(Mutex<Vec<u32>>);

impl Labels {
    /// Notes labels that were uploaded from an element on.
    pub(crate) fn note(&self, start: usize, labels: &[u32]) {
        let mut all = lock(&self.0);
        let end = start + labels.len();
        if all.len() < end {
            all.resize(end, 0);
        }
        all[start..end].copy_from_slice(labels);
    }

    /// Calls a function with the labels in a range.
    pub(crate) fn with<T>(&self, range: Range<usize>, f: impl FnOnce(&[u32]) -> T) -> T {
        let mut all = lock(&self.0);
        if all.len() < range.end {
            all.resize(range.end, 0);
        }
        f(&all[range])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_what_was_uploaded_last() {
        let labels = Labels::default();
        labels.note(2, &[7, 8, 9]);
        labels.note(3, &[1]);
        assert_eq!(labels.with(1..6, <[u32]>::to_vec), [0, 7, 1, 9, 0]);
    }
}
