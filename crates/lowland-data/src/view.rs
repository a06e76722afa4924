//! Views of a split by index: subsets, validation splits and other labels without copying an image.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::random::{CounterRng, Purpose};
use crate::split::Split;

/// How many images to draw.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Amount {
    /// A fraction of all images, between 0 and 1, rounded to the nearest count.
    Fraction(f64),
    /// A number of images.
    Count(usize),
}

/// A list of images of one split, with the split's labels or others. Clones are cheap and share
/// everything.
#[derive(Clone, Debug)]
pub struct View {
    split: Arc<Split>,
    indices: Arc<[u32]>,
    /// Labels in place of the split's, one for each image of the split.
    labels: Option<Arc<[u16]>>,
}

impl View {
    /// All images of a split, in its order.
    pub fn all(split: Arc<Split>) -> View {
        // A split holds at most u32::MAX images, so that its indices fit.
        let indices = (0..split.len() as u32).collect();
        View { split, indices, labels: None }
    }

    /// The given images of a split, in the given order; an image may appear more than once.
    ///
    /// # Errors
    /// [`Error::Invalid`] when an index is outside the split.
    pub fn new(split: Arc<Split>, indices: Vec<u32>) -> Result<View> {
        if let Some(&bad) = indices.iter().find(|&&i| i as usize >= split.len()) {
            return Err(Error::invalid(
                "index",
                bad,
                format!("the split has {} images", split.len()),
            ));
        }
        Ok(View { split, indices: indices.into(), labels: None })
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.indices.len()
    }

    /// True when there are no images.
    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }

    /// Shape of one image, `[H, W, C]`.
    pub fn shape(&self) -> [usize; 3] {
        self.split.shape()
    }

    /// The indices into the split, in the order of the view.
    pub fn indices(&self) -> &[u32] {
        &self.indices
    }

    /// The split behind the view.
    pub fn split(&self) -> &Arc<Split> {
        &self.split
    }

    /// Image `i` of the view, `[H, W, C]`.
    ///
    /// # Panics
    /// When `i` is not below [`len`](View::len), as a slice does.
    pub fn image(&self, i: usize) -> &[u8] {
        self.split.image(self.indices[i] as usize)
    }

    /// Label of image `i` of the view. Where labels were replaced, the split behind the view still
    /// has the true one.
    ///
    /// # Panics
    /// When `i` is not below [`len`](View::len).
    pub fn label(&self, i: usize) -> u16 {
        self.split_labels()[self.indices[i] as usize]
    }

    /// The labels that this view gives to the images of the split, in the order of the split.
    pub(crate) fn split_labels(&self) -> &[u16] {
        self.labels.as_deref().unwrap_or(self.split.labels())
    }

    /// The same images with other labels: one for each image of the split, each a class.
    pub(crate) fn relabelled(&self, labels: Arc<[u16]>) -> View {
        View { labels: Some(labels), ..self.clone() }
    }

    /// Number of images of each class in the view.
    pub fn class_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.split.class_counts().len()];
        for i in 0..self.len() {
            counts[usize::from(self.label(i))] += 1;
        }
        counts
    }

    /// Draws `amount` images, stratified: each class keeps its share to within one image.
    /// The result depends on the view and the seed alone and keeps the view's order.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the amount is 0 or more than there is.
    pub fn subset(&self, amount: Amount, seed: u64) -> Result<View> {
        let n = self.resolve(amount, self.len())?;
        Ok(self.stratified(n, seed, Purpose::Subset).0)
    }

    /// Splits into (training, validation) with `amount` images in the second, stratified per class:
    /// disjoint, together the whole view, both in the view's order, and a function of the view and
    /// the seed alone. Where labels were [replaced](View::with_label_noise), the true ones decide
    /// which images are drawn, and the validation images have them.
    ///
    /// # Errors
    /// [`Error::Invalid`] when one of the two would be empty.
    pub fn split_validation(&self, amount: Amount, seed: u64) -> Result<(View, View)> {
        let n = self.resolve(amount, self.len().saturating_sub(1))?;
        let truth = View { labels: None, ..self.clone() };
        let (validation, training) = truth.stratified(n, seed, Purpose::Validation);
        Ok((View { labels: self.labels.clone(), ..training }, validation))
    }

    /// Turns an amount into a count between 1 and `most`.
    fn resolve(&self, amount: Amount, most: usize) -> Result<usize> {
        let (count, value) = match amount {
            Amount::Count(n) => (n, n.to_string()),
            // NaN and negative fractions become 0 and are refused below.
            Amount::Fraction(f) => ((f * self.len() as f64).round() as usize, f.to_string()),
        };
        if count == 0 || count > most {
            let advice = format!("of {} images, 1 to {most} can be taken", self.len());
            return Err(Error::invalid("amount", value, advice));
        }
        Ok(count)
    }

    /// Draws `n` images by class and returns (drawn, others).
    fn stratified(&self, n: usize, seed: u64, purpose: Purpose) -> (View, View) {
        let mut by_class = vec![Vec::new(); self.split.class_counts().len()];
        for position in 0..self.len() as u32 {
            by_class[usize::from(self.label(position as usize))].push(position);
        }
        let counts: Vec<usize> = by_class.iter().map(Vec::len).collect();
        let mut drawn = vec![false; self.len()];
        for (class, (positions, quota)) in by_class.iter_mut().zip(quotas(&counts, n)).enumerate() {
            CounterRng::new(seed, purpose, 0, class as u64).shuffle(positions);
            for &position in &positions[..quota] {
                drawn[position as usize] = true;
            }
        }
        let select = |wanted: bool| View {
            split: Arc::clone(&self.split),
            labels: self.labels.clone(),
            indices: (self
                .indices
                .iter()
                .zip(&drawn)
                .filter(|(_, d)| **d == wanted)
                .map(|(i, _)| *i))
            .collect(),
        };
        (select(true), select(false))
    }
}

/// Shares `n` among classes in proportion to their counts by largest remainders (ties go to the
/// lower class), so that the quotas add up to exactly `n` and none is more than its class holds.
fn quotas(counts: &[usize], n: usize) -> Vec<usize> {
    let total: u128 = counts.iter().map(|&c| c as u128).sum::<u128>().max(1);
    let share = |count: usize| (count as u128 * n as u128 / total) as usize;
    let mut quotas: Vec<usize> = counts.iter().map(|&c| share(c)).collect();
    let mut order: Vec<usize> = (0..counts.len()).collect();
    order.sort_by_key(|&class| std::cmp::Reverse(counts[class] as u128 * n as u128 % total));
    let missing = n - quotas.iter().sum::<usize>();
    for &class in &order[..missing] {
        quotas[class] += 1;
    }
    quotas
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn quotas_are_exact_and_fair(counts in prop::collection::vec(0usize..50, 1..12), share in 0.0f64..=1.0) {
            let total: usize = counts.iter().sum();
            let n = (share * total as f64) as usize;
            let quotas = quotas(&counts, n);
            prop_assert_eq!(quotas.iter().sum::<usize>(), n);
            for (&quota, &count) in quotas.iter().zip(&counts) {
                prop_assert!(quota <= count);
                let exact = count as f64 * n as f64 / total.max(1) as f64;
                prop_assert!((quota as f64 - exact).abs() < 1.0);
            }
        }
    }
}
