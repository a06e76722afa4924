//! What a list of methods tells of activations.

use crate::docs::{Entry, Hyper, Kind};

const SOURCE: &str = "Activated Gradients for Deep Neural Networks, TNNLS, arXiv 2107.04228";
const HYPER: &[Hyper] = &[
    Hyper::new("alpha", "alpha", "0.3", "factor of the value"),
    Hyper::new("beta", "beta", "4.5", "factor of the argument"),
];

/// What a list of methods tells of it.
pub(crate) const ATAN: Entry = Entry {
    kind: Kind::Activation,
    name: "atan",
    title: "arctangent of gradients",
    definition: "G(x) = alpha atan(beta x)",
    hyper: HYPER,
    state: &[],
    bytes: "nothing: fused with its neighbours",
    source: SOURCE,
};

/// What a list of methods tells of it.
pub(crate) const TANH: Entry = Entry {
    kind: Kind::Activation,
    name: "tanh",
    title: "hyperbolic tangent of gradients",
    definition: "G(x) = alpha tanh(beta x)",
    hyper: HYPER,
    state: &[],
    bytes: "nothing: fused with its neighbours",
    source: SOURCE,
};

/// What a list of methods tells of it.
pub(crate) const LOG: Entry = Entry {
    kind: Kind::Activation,
    name: "log",
    title: "logarithm of gradients",
    definition: "G(x) = alpha sign(x) ln(1 + beta |x|)",
    hyper: HYPER,
    state: &[],
    bytes: "nothing: fused with its neighbours",
    source: SOURCE,
};

/// What a list of methods tells of it.
pub(crate) const ADAPTIVE_ATAN: Entry = Entry {
    kind: Kind::Activation,
    name: "adaptive_atan",
    title: "arctangent that follows the maximum of each tensor",
    definition: "a = 2 max(x) / (pi shrink), max(x) the signed maximum of the tensor\n\
                 G(x) = a atan(gamma x / a); x where a is 0 or not finite",
    hyper: &[
        Hyper::new("shrink", "shrink", "", "by how much the maximum is divided"),
        Hyper::new("gamma", "gamma", "", "slope at 0"),
    ],
    state: &[],
    bytes: "12, and 20 for the stages before it where it is placed on the direction",
    source: SOURCE,
};
