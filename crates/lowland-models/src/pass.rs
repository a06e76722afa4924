//! How one forward pass runs: with which numbers, which statistics, and whether it is recorded.

use lowland_core::Result;
use lowland_tensor::Tensor;

use crate::{Gates, Param, ParamStore, Stat};

/// Which statistics a normalisation uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statistics {
    /// Those of the batch, which then move the running ones.
    Batch,
    /// Those of the batch; the running ones stay as they are.
    BatchFrozen,
    /// The running ones, as constants.
    Running,
}

/// What ReLUs do.
#[derive(Clone, Copy, Debug)]
enum Relus<'a> {
    /// What they are.
    Free,
    /// The same, and what they let through is recorded.
    Recorded(&'a Gates),
    /// They let through what another pass did.
    Gated(&'a Gates),
}

/// The context of one forward pass.
///
/// | pass | normalises by | running statistics | parameters' gradients |
/// |---|---|---|---|
/// | [`Pass::train`] | the batch | updated | recorded |
/// | [`Pass::train`] + [`frozen_stats`](Pass::frozen_stats) | the batch | left alone | recorded |
/// | [`Pass::eval`] | running statistics | left alone | none |
/// | [`Pass::eval`] + [`with_gradients`](Pass::with_gradients) | running statistics | left alone | recorded |
///
/// Each can be told what its ReLUs do: see [`Gates`].
#[derive(Clone, Copy, Debug)]
pub struct Pass<'a> {
    store: &'a ParamStore,
    statistics: Statistics,
    records: bool,
    relus: Relus<'a>,
}

impl<'a> Pass<'a> {
    /// A training pass with the numbers of a store. Its backward pass adds to the store's
    /// gradients.
    #[must_use]
    pub fn train(store: &'a ParamStore) -> Self {
        Pass { store, statistics: Statistics::Batch, records: true, relus: Relus::Free }
    }

    /// A pass by running statistics that neither records nor changes anything.
    #[must_use]
    pub fn eval(store: &'a ParamStore) -> Self {
        Pass { store, statistics: Statistics::Running, records: false, relus: Relus::Free }
    }

    /// Leaves running statistics as they are: for passes beyond the first on the same batch.
    #[must_use]
    pub fn frozen_stats(mut self) -> Self {
        if self.statistics == Statistics::Batch {
            self.statistics = Statistics::BatchFrozen;
        }
        self
    }

    /// Records the gradients of parameters, as [`Pass::train`] does.
    #[must_use]
    pub fn with_gradients(mut self) -> Self {
        self.records = true;
        self
    }

    /// Records what ReLUs let through into gates, in place of what they hold. For one forward pass.
    #[must_use]
    pub fn recording(mut self, gates: &'a Gates) -> Self {
        gates.clear();
        self.relus = Relus::Recorded(gates);
        self
    }

    /// Lets ReLUs let through what they did in the pass that recorded the gates, which was one of the same
    /// module on the same images. For one forward pass.
    #[must_use]
    pub fn gated(mut self, gates: &'a Gates) -> Self {
        gates.start();
        self.relus = Relus::Gated(gates);
        self
    }

    /// Whether ReLUs are gated, so that none may be part of another op.
    #[must_use]
    pub fn is_gated(&self) -> bool {
        matches!(self.relus, Relus::Gated(_))
    }

    /// `max(x, 0)`, or what this pass has in its place. Modules call this where they have a ReLU.
    ///
    /// # Errors
    /// [`Error::Invalid`](lowland_core::Error::Invalid) where the gates hold no more; else as
    /// [`Tensor::relu`].
    pub fn relu(&self, x: &Tensor) -> Result<Tensor> {
        match self.relus {
            Relus::Free => x.relu(),
            Relus::Recorded(_) => Ok(self.after_relu(x.relu()?)),
            Relus::Gated(gates) => gates.apply(x),
        }
    }

    /// Tells of the output of a ReLU that was part of another op.
    pub(crate) fn after_relu(&self, y: Tensor) -> Tensor {
        if let Relus::Recorded(gates) = self.relus {
            gates.record(&y);
        }
        y
    }

    /// The store whose numbers are used.
    #[must_use]
    pub fn store(&self) -> &'a ParamStore {
        self.store
    }

    /// Which statistics normalisations use.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.statistics
    }

    /// The values of a parameter. Where this pass records, the backward pass adds the parameter's
    /// gradient to the store.
    ///
    /// # Errors
    /// [`Error::Invalid`](lowland_core::Error::Invalid) where the store has no such parameter.
    pub fn param(&self, param: &Param) -> Result<Tensor> {
        let store = self.store;
        let value = Tensor::from_buffer(store.device(), param.shape(), store.param_slice(param)?)?;
        if self.records { value.tracked_into(store.grad_slice(param)?) } else { Ok(value) }
    }

    /// The values of a running statistic. Its buffer is the store's own memory.
    ///
    /// # Errors
    /// [`Error::Invalid`](lowland_core::Error::Invalid) where the store has no such statistic.
    pub fn stat(&self, stat: &Stat) -> Result<Tensor> {
        Tensor::from_buffer(self.store.device(), stat.shape(), self.store.stat_slice(stat)?)
    }
}
