//! Optimizer steps: plain descent, and chains of stages with and without state, over segments in
//! any order, with and without neighbours, about the lengths of blocks, to the end and up to the directions.

use std::sync::Arc;

use lowland_core::op::{Segment, Step};
use lowland_core::stage::{Block, Clock, Scalars, Stage};
use lowland_core::{Chain, Op, Real};

use super::{Case, Random, Tolerance};

/// A stage that needs the parameters and a scalar: `d <- d + decay p`.
#[derive(Debug)]
struct Decay(f64);

impl Stage for Decay {
    fn name(&self) -> &'static str {
        "decay"
    }

    fn scalars(&self, _: &Clock) -> Vec<f64> {
        vec![self.0]
    }

    fn apply_block<T: Real>(&self, scalars: Scalars<'_>, block: Block<'_, T>) {
        let [decay] = scalars.get::<T, 1>();
        for (d, &p) in block.direction.iter_mut().zip(block.params) {
            *d += decay * p;
        }
    }
}

/// A stage with two slots and a scalar of the step: `mean <- mean + d / step`,
/// `largest <- max(largest, |d|)`, `d <- mean / (largest + 1)`.
#[derive(Debug)]
struct Scaled;

impl Stage for Scaled {
    fn name(&self) -> &'static str {
        "scaled"
    }

    fn slots(&self) -> Vec<String> {
        vec!["mean".into(), "largest".into()]
    }

    fn scalars(&self, clock: &Clock) -> Vec<f64> {
        vec![1.0 / clock.step as f64]
    }

    fn apply_block<T: Real>(&self, scalars: Scalars<'_>, block: Block<'_, T>) {
        let [rate] = scalars.get::<T, 1>();
        let [mean, largest] = block.state.slots();
        for ((d, mean), largest) in block.direction.iter_mut().zip(mean).zip(largest) {
            *mean += *d * rate;
            *largest = largest.max(d.abs());
            *d = *mean / (*largest + T::one());
        }
    }
}

fn segment(param: usize, state: usize, len: usize) -> Segment {
    Segment { param, state, len }
}

pub(super) fn cases(random: &mut Random) -> Vec<Case> {
    let whole = |len| (len, len, vec![segment(0, 0, len)]);
    let layouts = [
        (0, 0, vec![]),
        (10, 4, vec![]),
        (3, 3, vec![segment(1, 1, 0)]),
        whole(0),
        whole(1),
        whole(33),
        whole(511),
        whole(512),
        whole(513),
        whole(70_001),
        (700, 640, vec![segment(64, 128, 10), segment(640, 0, 60), segment(0, 70, 1)]),
        (2000, 2000, vec![segment(5, 1000, 600), segment(605, 400, 600), segment(1999, 3, 1)]),
        (40_000, 40_000, vec![segment(20_001, 19_000, 19_000), segment(3, 100, 17_777)]),
    ];
    let chains: [fn() -> Chain; 4] = [
        Chain::new,
        || Chain::new().then(Decay(0.3)),
        || Chain::new().then(Scaled),
        || Chain::new().then(Decay(0.01)).then(Scaled).then(Decay(-0.2)).then(Scaled),
    ];
    let mut cases = Vec::new();
    for chain in chains {
        for (params, state, segments) in &layouts {
            let chain = Arc::new(chain());
            let prepared = chain.prepare(&Clock::at_step(3, 0.1));
            let op = Step::new(chain, prepared, segments.as_slice().into(), *params, *state);
            let op = op.expect("segments inside the arenas");
            for op in [op.clone(), op.leaving_directions()].map(Op::Step) {
                let before = op.operands().outputs.iter().map(|o| random.floats(o.len)).collect();
                let case = Case { before, ..Case::random(op, random) };
                cases.push(case.within(Tolerance::Exact));
            }
        }
    }
    cases
}
