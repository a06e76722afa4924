//! The numbers of a model, in arenas.

mod builder;
mod finite;
mod snapshot;

use std::sync::Arc;

use lowland_core::op::{Fill, Op};
use lowland_core::{Buffer, DType, Error, Result, Shape};
use lowland_tensor::Device;

pub use builder::{Scope, StoreBuilder};
pub use finite::{Arena, NonFinite};
pub use snapshot::Snapshot;

use crate::{Fusion, Values};

/// What a parameter is for, so that optimizers can treat kinds of parameters differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Role {
    /// The weight of a convolution, `[O, I, kh, kw]`.
    ConvWeight,
    /// The weight of a linear layer, `[O, I]`.
    LinearWeight,
    /// The bias of a convolution or a linear layer, `[O]`.
    Bias,
    /// The scale of a normalisation, `[C]`.
    NormWeight,
    /// The shift of a normalisation, `[C]`.
    NormBias,
    /// A trainable number in the combination of a block's states, `[1]`.
    Coefficient,
}

/// A handle on a trainable tensor. The numbers are in a [`ParamStore`].
#[derive(Clone, Debug)]
pub struct Param {
    index: usize,
    name: Arc<str>,
    shape: Shape,
}

/// A handle on a running statistic. The numbers are in a [`ParamStore`].
#[derive(Clone, Debug)]
pub struct Stat {
    index: usize,
    name: Arc<str>,
    shape: Shape,
}

macro_rules! handle {
    ($name:ident) => {
        impl $name {
            /// Its name in the state dict.
            #[must_use]
            pub fn name(&self) -> &str {
                &self.name
            }

            /// Its shape.
            #[must_use]
            pub fn shape(&self) -> Shape {
                self.shape
            }
        }
    };
}
handle!(Param);
handle!(Stat);

/// One parameter of a store.
#[derive(Clone, Debug, PartialEq)]
pub struct ParamEntry {
    /// Its name in the state dict.
    pub name: Arc<str>,
    /// What it is for.
    pub role: Role,
    /// Its shape.
    pub shape: Shape,
    /// Its first element in the arenas of parameters and gradients.
    pub offset: usize,
}

/// One running statistic of a store.
#[derive(Clone, Debug, PartialEq)]
pub struct StatEntry {
    /// Its name in the state dict.
    pub name: Arc<str>,
    /// Its shape.
    pub shape: Shape,
    /// Its first element in the arena of statistics.
    pub offset: usize,
}

/// The numbers of a model: parameters, their gradients, and running statistics.
///
/// Each of the three is one arena, so that an optimizer step, an average or a checkpoint touches a
/// few contiguous ranges. The arena of gradients is laid out as that of parameters. Slices start at
/// multiples of [`ALIGNMENT_BYTES`](lowland_core::ALIGNMENT_BYTES), and the gaps between them hold
/// zeros.
///
/// A [`Module`](crate::Module) is structure alone and reads its numbers from the store that its
/// [`Pass`](crate::Pass) carries: another store of the same structure evaluates the same module at
/// another point.
#[derive(Debug)]
pub struct ParamStore {
    device: Device,
    dtype: DType,
    entries: Vec<ParamEntry>,
    stat_entries: Vec<StatEntry>,
    params: Buffer,
    grads: Buffer,
    stats: Buffer,
    fusion: Fusion,
}

impl ParamStore {
    /// Where the numbers are.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The type of all numbers.
    #[must_use]
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Which layers run as one op: all that the device has, unless it was said otherwise.
    #[must_use]
    pub fn fusion(&self) -> Fusion {
        self.fusion
    }

    /// The same store, whose layers run as this says.
    #[must_use]
    pub fn with_fusion(self, fusion: Fusion) -> Self {
        ParamStore { fusion, ..self }
    }

    /// The arena of parameters.
    #[must_use]
    pub fn params(&self) -> &Buffer {
        &self.params
    }

    /// The arena of gradients. Backward passes add to it; see [`ParamStore::zero_grad`].
    #[must_use]
    pub fn grads(&self) -> &Buffer {
        &self.grads
    }

    /// The arena of running statistics.
    #[must_use]
    pub fn stats(&self) -> &Buffer {
        &self.stats
    }

    /// All parameters, in the order in which the layers were made.
    #[must_use]
    pub fn entries(&self) -> &[ParamEntry] {
        &self.entries
    }

    /// All running statistics, in the order in which the layers were made.
    #[must_use]
    pub fn stat_entries(&self) -> &[StatEntry] {
        &self.stat_entries
    }

    /// The number of trainable numbers, without the gaps of the arena.
    #[must_use]
    pub fn count(&self) -> usize {
        self.entries.iter().map(|entry| entry.shape.len()).sum()
    }

    /// The handle on the parameter with this name.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<Param> {
        let index = self.entries.iter().position(|entry| &*entry.name == name)?;
        let entry = &self.entries[index];
        Some(Param { index, name: entry.name.clone(), shape: entry.shape })
    }

    /// Sets all gradients to 0.
    ///
    /// # Errors
    /// As [`Backend::run`](lowland_core::Backend::run).
    pub fn zero_grad(&self) -> Result<()> {
        let len = self.grads.len();
        self.device.run(&Op::Fill(Fill { len, value: 0.0 }), &[], &[&self.grads])
    }

    /// A host copy of a parameter's values.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the store has no such parameter.
    pub fn value_of(&self, param: &Param) -> Result<Vec<f64>> {
        Ok(Values::download(&*self.device, &self.param_slice(param)?)?.to_f64())
    }

    /// A host copy of a parameter's gradient.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the store has no such parameter.
    pub fn grad_of(&self, param: &Param) -> Result<Vec<f64>> {
        Ok(Values::download(&*self.device, &self.grad_slice(param)?)?.to_f64())
    }

    /// The parameter's slice of the arena of parameters.
    pub(crate) fn param_slice(&self, param: &Param) -> Result<Buffer> {
        self.params.slice(self.entry(param)?.offset, param.shape.len())
    }

    /// The parameter's slice of the arena of gradients.
    pub(crate) fn grad_slice(&self, param: &Param) -> Result<Buffer> {
        self.grads.slice(self.entry(param)?.offset, param.shape.len())
    }

    /// The statistic's slice of the arena of statistics.
    pub(crate) fn stat_slice(&self, stat: &Stat) -> Result<Buffer> {
        match self.stat_entries.get(stat.index) {
            Some(entry) if entry.shape == stat.shape && entry.name == stat.name => {
                self.stats.slice(entry.offset, stat.shape.len())
            }
            _ => Err(foreign(&stat.name, stat.shape)),
        }
    }

    fn entry(&self, param: &Param) -> Result<&ParamEntry> {
        match self.entries.get(param.index) {
            Some(entry) if entry.shape == param.shape && entry.name == param.name => Ok(entry),
            _ => Err(foreign(&param.name, param.shape)),
        }
    }
}

fn foreign(name: &str, shape: Shape) -> Error {
    let message = format!(
        "there is no `{name}` of shape {shape} in its place; \
         use a store that was built with the same structure as the module"
    );
    Error::invalid("parameter store", message)
}
