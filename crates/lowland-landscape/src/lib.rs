#![doc = include_str!("../README.md")]

mod density;
mod directions;
mod eigen;
mod error;
mod hessian;
mod lanczos;
mod network;
mod objective;
mod packed;
mod random;
mod sharpness;
mod statistics;
mod surface;
mod trace;
mod tridiagonal;
mod vector;

pub use density::{Density, Quadrature, quadrature};
pub use directions::filter_normalised;
pub use eigen::{Eigenpairs, End, Search, eigenpairs};
pub use error::{Error, Result};
pub use hessian::{Hessian, Operator};
pub use network::{Batch, NetworkLoss, Normalisation};
pub use objective::{Function, Objective};
pub use packed::parameters;
pub use sharpness::{Ascent, Sharpness, sharpness};
pub use surface::{Surface, interpolate, line, plane};
pub use trace::{Trace, trace};
