//! Layers: a structure, its parameters' handles, and one forward pass each.

mod batch_norm2d;
mod conv2d;
mod conv_norm;
mod linear;

pub use batch_norm2d::BatchNorm2d;
pub use conv_norm::ConvNorm;
pub use conv2d::{Conv2d, Conv2dSpec};
pub use linear::Linear;
