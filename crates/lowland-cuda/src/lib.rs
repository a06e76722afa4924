#![doc = include_str!("../README.md")]

mod args;
mod cuda;
mod functor;
mod gpu;
mod labels;
mod launcher;
mod mixed;
mod ops;
mod storage;
mod strided;
mod tables;
mod tiles;

pub mod driver;

pub use cuda::Cuda;
pub use gpu::{OpenError, Options, nvrtc};
pub use mixed::Bf16Arenas;
