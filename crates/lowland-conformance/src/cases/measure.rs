//! Sums over elements: with state and without, of nothing and of much, over tensors in any order with
//! and without neighbours, and with infinities and numbers that are none.

use std::sync::Arc;

use lowland_core::measure::{Elements, Measure};
use lowland_core::op::{MeasureTensors, Segment};
use lowland_core::stage::{Clock, Scalars};
use lowland_core::{DynMeasure, Op, Real};

use super::{Case, Random, Tolerance};

/// The sum of the directions.
#[derive(Debug)]
struct Plain;

impl Measure for Plain {
    fn name(&self) -> &'static str {
        "plain"
    }

    fn sums(&self) -> &'static [&'static str] {
        &["directions"]
    }

    fn terms<T: Real>(&self, _: Scalars<'_>, elements: Elements<'_, T>) {
        let (direction, [], [sum]) = elements.split();
        sum.iter_mut().zip(direction).for_each(|(term, d)| *term = d.f64());
    }
}

/// Three sums of two slots with a scalar: of `d^2`, of `d a`, and of `scale (a + b)`.
#[derive(Debug)]
struct Products;

impl Measure for Products {
    fn name(&self) -> &'static str {
        "products"
    }

    fn sums(&self) -> &'static [&'static str] {
        &["squares", "products", "state"]
    }

    fn reads(&self) -> usize {
        2
    }

    fn scalars(&self, clock: &Clock) -> Vec<f64> {
        vec![clock.lr]
    }

    fn terms<T: Real>(&self, scalars: Scalars<'_>, elements: Elements<'_, T>) {
        let [scale] = scalars.get::<f64, 1>();
        let (direction, [a, b], [squares, products, state]) = elements.split();
        for (i, d) in direction.iter().enumerate() {
            squares[i] = d.f64() * d.f64();
            products[i] = d.f64() * a[i].f64();
            state[i] = scale * (a[i].f64() + b[i].f64());
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
        whole(513),
        whole(MeasureTensors::PIECE + 1),
        whole(70_001),
        (700, 640, vec![segment(64, 128, 10), segment(640, 0, 60), segment(0, 70, 1)]),
        (40_000, 40_000, vec![segment(20_001, 19_000, 19_000), segment(3, 100, 17_777)]),
    ];
    let mut cases = Vec::new();
    for measure in [Arc::new(Plain) as Arc<dyn DynMeasure>, Arc::new(Products)] {
        for (params, state, segments) in &layouts {
            let elements = segments.iter().map(|segment| segment.len).sum();
            let op = op(&measure, segments, *params, *state);
            let case = Case::random(op, random).terms(elements);
            // A sum is known to far more than its type holds, but not to its last bit.
            let rests = Tolerance::Largest { terms: 1, floor: 1e-6 * elements as f64 };
            cases.push(Case { tolerances: vec![case.tolerances[0], rests], ..case });
        }
    }
    // Powers of two, so that a sum is right or wrong, and its rest too.
    let mut exact = vec![0.0; 20_000];
    for (i, x) in exact.iter_mut().enumerate() {
        *x = if i % 5 == 0 { 1024.0 } else { 0.125 };
    }
    let measure: Arc<dyn DynMeasure> = Arc::new(Plain);
    let op_of = |len| op(&measure, &[segment(0, 0, len)], len, 0);
    let case = Case::new(op_of(exact.len()), vec![exact.into()]);
    cases.push(case.within(Tolerance::Exact).note("a sum of more bits than f32 has"));
    for special in [f64::NAN, f64::INFINITY] {
        let case = Case::new(op_of(4), vec![vec![1.0, special, 0.0, -2.0].into()]);
        cases.push(case.note("NaNs and infinities"));
    }
    cases
}

fn op(measure: &Arc<dyn DynMeasure>, segments: &[Segment], params: usize, state: usize) -> Op {
    let scalars = measure.scalars(&Clock::at_step(3, 0.7));
    let op = MeasureTensors::new(Arc::clone(measure), scalars, segments.into(), params, state);
    Op::Measure(op.expect("segments inside the arenas"))
}
