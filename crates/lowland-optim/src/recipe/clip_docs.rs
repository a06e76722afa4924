//! What a list of methods tells of clipping.

use crate::docs::{Entry, Kind};

/// What a list of methods tells of it.
pub(crate) const NORM: Entry = Entry {
    kind: Kind::Clipping,
    name: "norm",
    title: "clipping of all gradients by their norm",
    definition: "g <- g min(1, max_norm / (norm + 1e-6)), norm over all parameters",
    hyper: &[],
    state: &[],
    bytes: "4, and 8 where the norm is larger",
    source: "Pascanu et al., ICML 2013; torch.nn.utils.clip_grad_norm_",
};

/// What a list of methods tells of it.
pub(crate) const VALUE: Entry = Entry {
    kind: Kind::Clipping,
    name: "value",
    title: "clipping of each element",
    definition: "g <- min(max(g, -limit), limit)",
    hyper: &[],
    state: &[],
    bytes: "nothing: fused with its neighbours",
    source: "torch.nn.utils.clip_grad_value_",
};
