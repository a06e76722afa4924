#![doc = include_str!("../README.md")]

mod args;
mod cuda;
mod gpu;
mod labels;
mod launcher;
mod ops;
mod storage;
mod strided;
mod tiles;

pub mod driver;

pub use cuda::Cuda;
pub use gpu::{OpenError, Options, nvrtc};
