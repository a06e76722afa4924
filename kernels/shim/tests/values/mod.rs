//! Values that are hard on arithmetic, compared bit for bit.

use std::sync::Arc;

use lowland_cuda::Cuda;
use lowland_shim::{Order, Shim};

/// The device with threads in this order.
pub fn device(order: Order) -> Cuda {
    Cuda::on(Arc::new(Shim::new().order(order)))
}

/// Numbers that look random and are always the same.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next one, from 0 to `below - 1`.
    pub fn below(&mut self, below: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % below as u64) as usize
    }

    /// From -1 to 1.
    pub fn unit(&mut self) -> f32 {
        self.below(1 << 24) as f32 / (1 << 23) as f32 - 1.0
    }

    /// Ordinary numbers.
    pub fn values(&mut self, len: usize) -> Vec<f32> {
        (0..len).map(|_| self.unit()).collect()
    }

    /// Numbers of which many are tiny, denormal, zeros, huge, or none.
    pub fn hard_values(&mut self, len: usize) -> Vec<f32> {
        const HARD: [f32; 14] = [
            0.0,
            -0.0,
            1e-30,
            -1e-30,
            1e-40,
            -3e-45,
            1e30,
            -1e30,
            3e38,
            1.0,
            -1.0,
            1e-8,
            f32::INFINITY,
            f32::NAN,
        ];
        let mut value = || match self.below(3) {
            0 => HARD[self.below(HARD.len())],
            _ => self.unit() * 10f32.powi(self.below(9) as i32 - 6),
        };
        (0..len).map(|_| value()).collect()
    }
}

/// The bits of a number; one number for all that are none.
pub fn bits(x: f32) -> u32 {
    if x.is_nan() { u32::MAX } else { x.to_bits() }
}

/// Asserts that arenas are the same in every bit.
pub fn assert_same(got: &[f32], want: &[f32], what: &str) {
    assert_eq!(got.len(), want.len(), "{what}");
    let mut pairs = got.iter().zip(want).enumerate();
    if let Some((i, (got, want))) = pairs.find(|(_, (got, want))| bits(**got) != bits(**want)) {
        panic!(
            "{what}: element {i} is {got:e} ({:#x}), not {want:e} ({:#x})",
            got.to_bits(),
            want.to_bits()
        );
    }
}
