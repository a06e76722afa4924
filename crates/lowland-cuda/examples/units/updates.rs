//! Optimizers that are run: of every kind.

use std::error::Error;
use std::sync::Arc;

use lowland_core::op::{Segment, Step};
use lowland_core::{Backend, Buffer, Chain, Clock, DType, Shape};
use lowland_cuda::{Bf16Arenas, Cuda};
use lowland_optim::{ArenaOptimizer, ArenaParam, GroupSpec, Recipe};

use super::recipes;

/// Steps of a small network's parameters by each recipe, and steps on bf16.
pub fn run_all(cuda: &Arc<Cuda>) -> Result<(), Box<dyn Error>> {
    let backend: Arc<dyn Backend> = Arc::<Cuda>::clone(cuda);
    for (name, recipe) in recipes::all()? {
        steps(&backend, &recipe).map_err(|error| format!("{name}: {error}"))?;
    }
    for chain in recipes::on_bf16()? {
        bf16_step(cuda, chain)?;
    }
    Ok(())
}

fn steps(backend: &Arc<dyn Backend>, recipe: &Recipe) -> Result<(), Box<dyn Error>> {
    let param = |name: &str, offset, shape: &[usize]| ArenaParam {
        name: name.into(),
        offset,
        shape: Shape::new(shape),
    };
    let params = vec![param("conv", 0, &[16, 8, 3, 3]), param("bias", 1152, &[16])];
    let len = 1216;
    let groups = vec![GroupSpec::all("all", recipe.update()?)];
    let mut optimizer = ArenaOptimizer::new(Arc::clone(backend), DType::F32, len, params, groups)?;
    if let Some(bound) = recipe.clip_norm() {
        optimizer = optimizer.with_clip_norm(bound)?;
    }
    let [params, grads] = [backend.allocate(len, DType::F32)?, backend.allocate(len, DType::F32)?];
    // Enough steps for the rectification of RAdam to begin, and for a switch of MIAdam to pass.
    for step in 1..=10 {
        let progress = (step - 1) as f64 / 10.0;
        optimizer.step(&Clock { step, epoch: 1, progress, lr: 0.1 }, &params, &grads)?;
    }
    Ok(())
}

fn bf16_step(cuda: &Cuda, chain: Chain) -> lowland_core::Result<()> {
    let (len, slots) = (1000, chain.slot_count());
    let chain = Arc::new(chain);
    let prepared = chain.prepare(&Clock::at_step(1, 0.1));
    let segments = [Segment { param: 0, state: 0, len }];
    let op = Step::new(chain, prepared, segments.into(), len, len)?;
    let [params, grads] =
        [cuda.allocate(len / 2, DType::U32)?, cuda.allocate(len / 2, DType::U32)?];
    let master = cuda.allocate(len, DType::F32)?;
    let state: Vec<Buffer> =
        (0..slots).map(|_| cuda.allocate(len, DType::F32)).collect::<lowland_core::Result<_>>()?;
    let state: Vec<&Buffer> = state.iter().collect();
    let arenas = Bf16Arenas { params: &params, grads: &grads, master: &master, state: &state };
    cuda.step_bf16(&op, &arenas)
}
