//! Batch-norm statistics estimated from batches.

use lowland_core::op::{Fill, Op};
use lowland_models::layers::BatchNorm2d;
use lowland_models::{Module, ParamStore, Pass, Values};

use crate::packed::upload;
use crate::{Batch, Result};

/// Sets the running statistics of a store to the mean of those of the batches, each counted by its
/// images: the means, and the unbiased variances. What a layer sees is normalised by the batch.
///
/// A layer moves a running statistic from 0 to momentum times the batch's, so that one pass from zero
/// yields the batch's.
pub(crate) fn estimate(module: &dyn Module, store: &ParamStore, batches: &[Batch]) -> Result<()> {
    let images: usize = batches.iter().map(Batch::len).sum();
    let len = store.stats().len();
    let mut sums = vec![0.0; len];
    for batch in batches {
        let zero = Op::Fill(Fill { len, value: 0.0 });
        store.device().run(&zero, &[], &[store.stats()])?;
        module.forward(&batch.images, &Pass::train(store))?;
        let moved = Values::download(&**store.device(), store.stats())?.to_f64();
        let share = batch.len() as f64 / images as f64 / BatchNorm2d::MOMENTUM;
        crate::vector::add_scaled(&mut sums, share, &moved);
    }
    upload(store, sums, store.stats())
}
