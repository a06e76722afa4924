#![doc = include_str!("../README.md")]

mod array;
mod backend;
mod buffer;
mod dtype;
mod error;
mod real;
mod shape;

pub mod chain;
pub mod measure;
pub mod op;
pub mod pool;
pub mod stage;
pub mod transform;
pub mod vector;

pub use array::{ArrayExt, array_slice, array_slice_mut};
pub use backend::{Backend, MemoryStats};
pub use buffer::{ALIGNMENT_BYTES, Buffer, Storage};
pub use chain::Chain;
pub use dtype::{DType, Element, HostMut, HostRef};
pub use error::{Error, Result};
pub use measure::{DynMeasure, Measure};
pub use op::Op;
pub use real::Real;
pub use shape::Shape;
pub use stage::{Block, Clock, DynStage, Stage};
pub use transform::{DynTransform, Transform};
