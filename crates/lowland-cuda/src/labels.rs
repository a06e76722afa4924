//! The labels that are in device memory, once more on the host.
//!
//! An op that takes labels refuses those that are no class before it writes anything. To ask the
//! device would be to wait for all that was handed over, twice in each step of a training. But no op
//! writes labels: they come by uploads alone, so the host knows them. That costs it four bytes a row.
//!
//! Arenas of bf16 have the type of labels. Once a step has met one, the host lets go of what it noted
//! of that memory, and notes no more.

use std::ops::Range;
use std::sync::Mutex;

use crate::launcher::lock;

/// What was uploaded into memory for labels. Of elements that never were, memory has no specified
/// contents; here they are 0. Nothing where the memory is for numbers.
#[derive(Debug)]
pub(crate) struct Labels(Mutex<Option<Vec<u32>>>);

impl Default for Labels {
    fn default() -> Self {
        Labels(Mutex::new(Some(Vec::new())))
    }
}

impl Labels {
    /// Notes labels that were uploaded from an element on.
    pub(crate) fn note(&self, start: usize, labels: &[u32]) {
        let mut all = lock(&self.0);
        let Some(all) = all.as_mut() else {
            return;
        };
        let end = start + labels.len();
        if all.len() < end {
            all.resize(end, 0);
        }
        all[start..end].copy_from_slice(labels);
    }

    /// Says that the memory is for numbers, which ops write.
    pub(crate) fn give_up(&self) {
        *lock(&self.0) = None;
    }

    /// Calls a function with the labels in a range; `None` where the memory is for numbers.
    pub(crate) fn with<T>(&self, range: Range<usize>, f: impl FnOnce(&[u32]) -> T) -> Option<T> {
        let mut all = lock(&self.0);
        let all = all.as_mut()?;
        if all.len() < range.end {
            all.resize(range.end, 0);
        }
        Some(f(&all[range]))
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
        assert_eq!(labels.with(1..6, <[u32]>::to_vec), Some(vec![0, 7, 1, 9, 0]));
    }

    #[test]
    fn memory_for_numbers_is_not_noted() {
        let labels = Labels::default();
        labels.note(0, &[1, 2]);
        labels.give_up();
        labels.note(0, &[3]);
        assert_eq!(labels.with(0..1, <[u32]>::to_vec), None);
    }
}
