//! What a list of methods tells of metrics.

use crate::docs::{Entry, Hyper, Kind};

/// What a list of methods tells of it.
pub(crate) const H0: Entry = Entry {
    kind: Kind::Metric,
    name: "h0",
    title: "re-weighted L2 along channels",
    definition: "<u, v> = mean(u) mean(v) + lambda mean((u - mean(u)) (v - mean(v)))\n\
                 g <- mean(g) + (g - mean(g)) / lambda",
    hyper: &[
        Hyper::new("lambda", "lambda", "", "weight of the deviation from the mean"),
        Hyper::new("axis", "", r#""output""#, "axis of the weight: output, input, height or width"),
        Hyper::new("linear", "", "false", "whether weights of linear layers are smoothed too"),
    ],
    state: &[],
    bytes: "8, of the chosen weights",
    source: "Lao et al., Channel-Directed Gradients for Optimization of Convolutional Neural Networks, 2020, arXiv 2008.10766",
};

/// What a list of methods tells of it.
pub(crate) const H1: Entry = Entry {
    kind: Kind::Metric,
    name: "h1",
    title: "Sobolev along channels, split by the mean",
    definition: "<u, v> = mean(u) mean(v) + lambda integral(u' v')\n\
                 g <- mean(g) + x / lambda with -x'' = g - mean(g), mean(x) = 0",
    hyper: &[
        Hyper::new("lambda", "lambda", "", "weight of the derivative"),
        Hyper::new("ends", "", r#""periodic""#, "periodic or neumann"),
        Hyper::new("axis", "", r#""output""#, "axis of the weight: output, input, height or width"),
        Hyper::new("linear", "", "false", "whether weights of linear layers are smoothed too"),
    ],
    state: &[],
    bytes: "8, of the chosen weights",
    source: "Lao et al., Channel-Directed Gradients for Optimization of Convolutional Neural Networks, 2020, arXiv 2008.10766",
};

/// What a list of methods tells of it.
pub(crate) const SOBOLEV: Entry = Entry {
    kind: Kind::Metric,
    name: "sobolev",
    title: "classical Sobolev along channels",
    definition: "<u, v> = mean(u v) + lambda integral(u' v')\n\
                 g <- (1 - lambda d^2/dx^2)^-1 g",
    hyper: &[
        Hyper::new("lambda", "lambda", "", "weight of the derivative"),
        Hyper::new("ends", "", r#""periodic""#, "periodic or neumann"),
        Hyper::new("axis", "", r#""output""#, "axis of the weight: output, input, height or width"),
        Hyper::new("linear", "", "false", "whether weights of linear layers are smoothed too"),
    ],
    state: &[],
    bytes: "8, of the chosen weights",
    source: "Lao et al., Channel-Directed Gradients for Optimization of Convolutional Neural Networks, 2020, arXiv 2008.10766",
};
