#![doc = include_str!("../README.md")]

mod access;
mod columns;
mod context;
mod cpu;
mod memory;
mod pool;
mod run;
mod scalar;
mod simd;
mod storage;
mod strided;
mod threads;

mod accumulate;
mod batch_norm;
mod binary;
mod broadcast;
mod clip_norm;
mod conv2d;
mod cross_entropy;
mod fill;
mod matmul;
mod measure;
mod permute;
mod pool2d;
mod reduce;
mod scaled_sum;
mod slice;
mod small_matmul;
mod softmax;
mod statistics;
mod step;
mod transform;
mod unary;

#[cfg(test)]
mod testing;

pub use conv2d::Isa;
pub use cpu::Cpu;

/// The backend's name.
const NAME: &str = "cpu";

/// Elements that one task of an element-wise op takes: 64 KiB of `f32`, so that handing out tasks
/// costs nothing beside them, and small tensors still make a few.
const CHUNK: usize = 16 * 1024;
