//! Declaring parameters and statistics by name, then allocating and initialising all of them.

use std::collections::HashSet;
use std::sync::Arc;

use lowland_core::{Buffer, DType, Error, Result, Shape};
use lowland_tensor::Device;

use super::{Param, ParamEntry, ParamStore, Role, Stat, StatEntry};
use crate::{Fusion, Init, Values};

struct DeclaredParam {
    name: Arc<str>,
    shape: Shape,
    role: Role,
    init: Init,
}

struct DeclaredStat {
    name: Arc<str>,
    shape: Shape,
    value: f64,
}

/// An arena while its slices are being placed.
struct Layout {
    len: usize,
    dtype: DType,
}

impl Layout {
    fn place(&mut self, shape: &Shape) -> usize {
        let offset = self.len;
        // Lengths saturate: an arena beyond any memory is then refused by the device.
        let len = shape.len().min(isize::MAX as usize);
        self.len = offset.saturating_add(Buffer::aligned_len(len, self.dtype));
        offset
    }
}

/// Collects what a model's layers declare; [`StoreBuilder::build`] makes the [`ParamStore`].
#[derive(Default)]
pub struct StoreBuilder {
    params: Vec<DeclaredParam>,
    stats: Vec<DeclaredStat>,
}

/// A prefix under which layers declare their parameters, such as `blocks.0.conv1`.
pub struct Scope<'a> {
    builder: &'a mut StoreBuilder,
    prefix: String,
}

impl StoreBuilder {
    /// A builder without parameters.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The scope without a prefix.
    pub fn root(&mut self) -> Scope<'_> {
        Scope { builder: self, prefix: String::new() }
    }

    /// The number of trainable numbers declared so far.
    #[must_use]
    pub fn count(&self) -> usize {
        self.params.iter().fold(0, |n: usize, param| n.saturating_add(param.shape.len()))
    }

    /// Allocates the arenas and draws the initial values; see [`Init`] for where they come from.
    ///
    /// # Errors
    /// [`Error::Invalid`] where a name was declared twice or the type is not a float;
    /// [`Error::OutOfMemory`].
    pub fn build(self, device: &Device, dtype: DType, seed: u64) -> Result<ParamStore> {
        if !dtype.is_float() {
            let message = format!("parameters must be f32 or f64, not {dtype}");
            return Err(Error::invalid("parameter store", message));
        }
        self.check_names()?;
        let mut layout = Layout { len: 0, dtype };
        let entries: Vec<ParamEntry> = self
            .params
            .iter()
            .map(|&DeclaredParam { ref name, shape, role, .. }| ParamEntry {
                name: name.clone(),
                role,
                shape,
                offset: layout.place(&shape),
            })
            .collect();
        let params_len = layout.len;
        let mut layout = Layout { len: 0, dtype };
        let stat_entries: Vec<StatEntry> = self
            .stats
            .iter()
            .map(|&DeclaredStat { ref name, shape, .. }| StatEntry {
                name: name.clone(),
                shape,
                offset: layout.place(&shape),
            })
            .collect();
        let stats_len = layout.len;

        // Device memory first: a model that is far too large fails here, before the host tries.
        let params = device.allocate(params_len, dtype)?;
        let grads = device.allocate(params_len, dtype)?;
        let stats = device.allocate(stats_len, dtype)?;

        let mut values = Values::zeros(params_len, dtype)?;
        for (entry, declared) in entries.iter().zip(&self.params) {
            let initial = declared.init.values(seed, &declared.name, &declared.shape);
            values.write(entry.offset, &Values::F64(initial));
        }
        values.upload(&**device, &params)?;
        let mut values = Values::zeros(stats_len, dtype)?;
        for (entry, declared) in stat_entries.iter().zip(&self.stats) {
            let initial = vec![declared.value; declared.shape.len()];
            values.write(entry.offset, &Values::F64(initial));
        }
        values.upload(&**device, &stats)?;

        let fusion = Fusion::of(&**device, dtype);
        let device = device.clone();
        let store =
            ParamStore { device, dtype, entries, stat_entries, params, grads, stats, fusion };
        store.zero_grad()?;
        Ok(store)
    }

    fn check_names(&self) -> Result<()> {
        let params = self.params.iter().map(|param| &param.name);
        let mut seen = HashSet::new();
        match params.chain(self.stats.iter().map(|stat| &stat.name)).find(|n| !seen.insert(*n)) {
            Some(name) => Err(Error::invalid(
                "parameter store",
                format!("`{name}` was declared twice; give each layer a scope of its own"),
            )),
            None => Ok(()),
        }
    }
}

impl Scope<'_> {
    /// The scope of a part, such as `conv1` of `blocks.0`.
    pub fn scope(&mut self, part: &str) -> Scope<'_> {
        let prefix = self.full_name(part);
        Scope { builder: &mut *self.builder, prefix }
    }

    /// The same scope once more, for a part that puts several names into it.
    pub fn reborrow(&mut self) -> Scope<'_> {
        Scope { builder: &mut *self.builder, prefix: self.prefix.clone() }
    }

    /// Declares a trainable tensor.
    pub fn param(&mut self, name: &str, shape: Shape, role: Role, init: Init) -> Param {
        let name: Arc<str> = self.full_name(name).into();
        let params = &mut self.builder.params;
        params.push(DeclaredParam { name: name.clone(), shape, role, init });
        Param { index: params.len() - 1, name, shape }
    }

    /// Declares a running statistic that starts at `value`.
    pub fn stat(&mut self, name: &str, shape: Shape, value: f64) -> Stat {
        let name: Arc<str> = self.full_name(name).into();
        let stats = &mut self.builder.stats;
        stats.push(DeclaredStat { name: name.clone(), shape, value });
        Stat { index: stats.len() - 1, name, shape }
    }

    fn full_name(&self, part: &str) -> String {
        if self.prefix.is_empty() { part.to_owned() } else { format!("{}.{part}", self.prefix) }
    }
}
