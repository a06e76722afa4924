//! Arenas to step in, and chains.

use std::sync::Arc;

use lowland_core::chain::Prepared;
use lowland_core::op::Segment;
use lowland_core::{Backend, Buffer, Chain, Clock, DType, DynStage, HostRef, Result};
use lowland_cuda::Cuda;
use lowland_optim::stages::{Adai, Swats};
use lowland_optim::{Measured, Totals};

use crate::values::Random;

/// What lies where: segments, and by how many elements each arena starts off an aligned address.
pub struct Layout {
    pub segments: Arc<[Segment]>,
    pub params_len: usize,
    pub state_len: usize,
    pub off: usize,
}

impl Layout {
    /// Two groups' worth of segments: long ones of several chunks, short ones, gaps between them, in
    /// places where vectors can be read and where they cannot.
    pub fn all() -> Vec<Layout> {
        let segment = |param, state, len| Segment { param, state, len };
        let aligned = [segment(64, 0, 9000), segment(9088, 9024, 64), segment(9152, 9088, 3)];
        let crossed =
            [segment(7, 90, 33), segment(60, 4, 41), segment(120, 131, 4099), segment(44, 50, 0)];
        let layout = |segments: &[Segment], params_len, state_len, off| Layout {
            segments: segments.into(),
            params_len,
            state_len,
            off,
        };
        vec![
            layout(&aligned, 9200, 9100, 0),
            layout(&crossed, 4300, 4240, 0),
            layout(&crossed, 4300, 4240, 1),
        ]
    }

    /// A buffer of these values that starts `off` elements behind an aligned address.
    pub fn buffer(&self, device: &Cuda, values: &[f32]) -> Result<Buffer> {
        let whole = device.allocate(values.len() + self.off, DType::F32)?;
        let buffer = whole.slice(self.off, values.len())?;
        device.upload(HostRef::F32(values), &buffer)?;
        Ok(buffer)
    }
}

/// The scalars of a chain; those of stages that are told sums over all parameters, for some sums.
pub fn prepare(chain: &Chain, clock: &Clock) -> Prepared {
    let mut prepared = chain.prepare(clock);
    for (stage, scalars) in chain.stages().iter().zip(&mut prepared.scalars) {
        match stage.name() {
            "adai" => {
                let totals = Totals { sums: vec![120.0], elements: 1000 };
                *scalars = Adai::default().step_scalars(clock, &totals, &[]);
            }
            "swats" => {
                let switched = if clock.step > 3 { 0.05 } else { 0.0 };
                let memory = [0.0, 0.0, switched];
                *scalars = Swats::default().step_scalars(clock, &Totals::default(), &memory);
            }
            _ => {}
        }
    }
    prepared
}

/// A chain of up to four stages, which together have no more state than a kernel takes.
pub fn random_chain(random: &mut Random, stages: &[Arc<dyn DynStage>]) -> Chain {
    let count = 1 + random.below(4);
    loop {
        let pick = |_| Arc::clone(&stages[random.below(stages.len())]);
        let chain: Chain = (0..count).map(pick).collect();
        if chain.slot_count() <= 16 {
            return chain;
        }
    }
}
