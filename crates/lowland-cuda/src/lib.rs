#![doc = include_str!("../README.md")]

mod args;
mod cuda;
mod gpu;
mod launcher;
mod ops;
mod storage;

pub mod driver;

pub use cuda::Cuda;
pub use gpu::{OpenError, Options, nvrtc};
