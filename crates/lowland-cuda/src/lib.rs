#![doc = include_str!("../README.md")]

mod args;
mod cuda;
mod launcher;
mod ops;
mod storage;

pub mod driver;

pub use cuda::Cuda;
