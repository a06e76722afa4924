#![doc = include_str!("../README.md")]

mod ops;
mod tape;
mod tensor;

pub mod gradcheck;

#[cfg(test)]
mod testing;

pub use lowland_core::{DType, Error, Result, Shape};
pub use ops::{BatchNormed, Then, WithStatistics};
pub use tape::Gradients;
pub use tensor::{Device, Tensor};
