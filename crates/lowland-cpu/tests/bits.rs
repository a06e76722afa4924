//! The bits of results: the same for any number of threads, and for every instruction set where an
//! op has one loop for all.

use std::sync::Arc;

use lowland_core::measure::{Elements, Measure};
use lowland_core::op::{
    Accumulate, BatchNorm, Binary, BinaryKind, Broadcast, ClipNorm, Conv2d, CrossEntropy, Epilogue,
    Fill, Kind, MatMul, MeasureTensors, Operand, Permute, Pool2d, PoolKind, Reduce, ReduceKind,
    ScaledSum, Segment, Slice, Softmax, Step, TensorAt, TransformTensors, Unary, UnaryKind,
};
use lowland_core::stage::{Block, Clock, Scalars, Stage};
use lowland_core::{Backend, Buffer, Chain, Element, Op, Real, Shape, Transform};
use lowland_cpu::{Cpu, Isa};

/// Momentum, so that a step has state.
#[derive(Debug)]
struct Momentum;

impl Stage for Momentum {
    fn name(&self) -> &'static str {
        "momentum"
    }

    fn slots(&self) -> Vec<String> {
        vec!["buffer".into()]
    }

    fn apply_block<T: Real>(&self, _: Scalars<'_>, block: Block<'_, T>) {
        let [buffer] = block.state.slots();
        for (d, buffer) in block.direction.iter_mut().zip(buffer) {
            *buffer = T::of(0.9) * *buffer + *d;
            *d = *buffer;
        }
    }
}

/// Runs up the sum of each row, so that a transform has blocks, scratch memory and rounding.
#[derive(Debug)]
struct RunningSum;

impl Transform for RunningSum {
    fn name(&self) -> &'static str {
        "running_sum"
    }

    fn applies_to(&self, shape: &Shape) -> bool {
        shape.rank() == 2
    }

    fn blocks(&self, shape: &Shape) -> usize {
        shape[0]
    }

    fn scratch_len(&self, _: &Shape) -> usize {
        1
    }

    fn apply<T: Real>(&self, rows: &mut [T], shape: &Shape, scratch: &mut [f64]) {
        for row in rows.chunks_mut(shape[1]) {
            scratch[0] = 0.0;
            for x in row {
                scratch[0] += 0.3 * x.f64();
                *x = T::of(scratch[0]);
            }
        }
    }
}

/// The sum of the squares of the directions.
#[derive(Debug)]
struct Squares;

impl Measure for Squares {
    fn name(&self) -> &'static str {
        "squares"
    }

    fn sums(&self) -> &'static [&'static str] {
        &["squares"]
    }

    fn terms<T: Real>(&self, _: Scalars<'_>, elements: Elements<'_, T>) {
        let (direction, [], [squares]) = elements.split();
        squares.iter_mut().zip(direction).for_each(|(square, d)| *square = d.f64() * d.f64());
    }
}

/// Every op, long enough for several tasks, of sizes that no task size divides. Those whose kernels
/// differ between instruction sets are marked.
fn ops() -> Vec<(Op, bool)> {
    let len = 70_003;
    let image = Shape::from([5, 23, 21, 19]);
    let mut ops: Vec<(Op, bool)> = vec![];
    let mut add = |op| ops.push((op, false));
    add(Op::Fill(Fill { len, value: 0.1 }));
    add(Op::Accumulate(Accumulate { len, a: 0.3, b: 0.7 }));
    add(Op::ScaledSum(ScaledSum::new(len, &[0.3, -1.7, 0.9]).unwrap()));
    for kind in UnaryKind::ALL {
        add(Op::Unary(Unary { kind, len }));
        add(Op::UnaryGrad(Unary { kind, len }));
    }
    for kind in BinaryKind::ALL {
        for other in [image, Shape::from([19]), Shape::from([5, 1, 21, 1]), Shape::scalar()] {
            add(Op::Binary(Binary::new(kind, other, image).unwrap()));
        }
    }
    add(Op::Broadcast(Broadcast::new(Shape::from([23, 1, 19]), image, 0.3).unwrap()));
    for kind in ReduceKind::ALL {
        for axes in [&[0, 1, 2, 3][..], &[0, 1, 2], &[1, 2], &[3], &[0], &[0, 2], &[1, 3]] {
            let reduce = Reduce::new(kind, image, axes).unwrap();
            add(Op::Reduce(reduce));
            if kind == ReduceKind::Max {
                add(Op::ReduceMaxGrad(reduce));
            }
        }
        let tall = Shape::from([90_001, 3]);
        add(Op::Reduce(Reduce::new(kind, tall, &[0]).unwrap()));
    }
    for kind in PoolKind::ALL {
        let pool = Pool2d::new(kind, image, [3, 3], [2, 2], [1, 1]).unwrap();
        add(Op::Pool2d(pool));
        add(Op::Pool2dGrad(pool));
    }
    for (rows, channels) in [(9_001, 16), (3_001, 33), (257, 300)] {
        for epilogue in Epilogue::ALL {
            let norm = BatchNorm::training(rows, channels, 1e-5).unwrap().with_epilogue(epilogue);
            add(Op::BatchNorm(norm));
            add(Op::BatchNormGrad(norm));
            add(Op::BatchNormInference(norm));
            add(Op::BatchNormInferenceGrad(norm));
        }
    }
    for log in [false, true] {
        let softmax = Softmax { rows: 3_333, columns: 13, log };
        add(Op::Softmax(softmax));
        add(Op::SoftmaxGrad(softmax));
    }
    let loss = CrossEntropy::new(777, 10, 0.1).unwrap();
    add(Op::CrossEntropy(loss));
    add(Op::CrossEntropyGrad(loss));
    let block = Shape::from([5, 11, 21, 17]);
    let slice = Slice::new(image, block, &[0, 1, 0, 2], &[1, 2, 1, 1]).unwrap();
    add(Op::Slice(slice));
    add(Op::Embed(slice));
    add(Op::Permute(Permute::new(image, &[0, 3, 1, 2]).unwrap()));
    let Op::Step(descending) = step(len) else { unreachable!("the op of a step") };
    add(Op::Step(descending.clone().leaving_directions()));
    add(Op::Step(descending));
    let tensors = [
        TensorAt { offset: 40_000, shape: [3, 10_000].into() },
        TensorAt { offset: 7, shape: [1_999, 19].into() },
    ];
    add(Op::Transform(TransformTensors::new(Arc::new(RunningSum), &tensors, len).unwrap()));
    add(Op::ClipNorm(ClipNorm::new(1.0, &tensors, len).unwrap()));
    let segments =
        [Segment { param: 100, state: 64, len: len - 300 }, Segment { param: 0, state: 0, len: 7 }];
    let squares = MeasureTensors::new(Arc::new(Squares), vec![], segments.into(), len, 0);
    add(Op::Measure(squares.unwrap()));
    ops.push((
        Op::MatMul(MatMul { m: 301, k: 67, n: 53, transpose_a: true, transpose_b: false }),
        true,
    ));
    let x = Shape::from([9, 13, 11, 16]);
    let conv = Conv2d::new(x, Shape::from([16, 16, 3, 3]), [1, 1], [1, 1], 1).unwrap();
    ops.extend(
        [
            Op::Conv2d(conv),
            Op::Conv2dStatistics(conv),
            Op::Conv2dGradInput(conv),
            Op::Conv2dGradWeight(conv),
        ]
        .map(|op| (op, true)),
    );
    ops
}

fn step(len: usize) -> Op {
    let chain = Arc::new(Chain::new().then(Momentum));
    let prepared = chain.prepare(&Clock::at_step(1, 0.1));
    let segments = [
        Segment { param: 0, state: 0, len: 7 },
        Segment { param: 100, state: 64, len: len - 300 },
        Segment { param: len - 100, state: len - 99, len: 99 },
    ];
    Op::Step(Step::new(chain, prepared, segments.into(), len, len).unwrap())
}

/// What an op makes of numbers that are the same in every call.
fn outputs<T: Real + Element>(cpu: &Cpu, op: &Op) -> Vec<Vec<u64>> {
    let backend: &dyn Backend = cpu;
    let operands = op.operands();
    let mut seed = 0u64;
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        seed >> 33
    };
    let mut buffer = |operand: &Operand| match operand.kind {
        Kind::Label => {
            let labels: Vec<u32> = (0..operand.len).map(|_| (next() % 10) as u32).collect();
            backend.buffer_from(&labels).unwrap()
        }
        Kind::Float => {
            let least = if operand.name == "var" { 0.1 } else { -1.0 };
            let value = |random: u64| T::of(least + random as f64 / f64::from(1 << 30));
            let values: Vec<T> = (0..operand.len).map(|_| value(next())).collect();
            backend.buffer_from(&values).unwrap()
        }
    };
    let inputs: Vec<Buffer> = operands.inputs.iter().map(&mut buffer).collect();
    let outputs: Vec<Buffer> = operands.outputs.iter().map(&mut buffer).collect();
    let [reads, writes] = [&inputs, &outputs].map(|all| all.iter().collect::<Vec<_>>());
    backend.run(op, &reads, &writes).unwrap();
    let bits = |buffer: &Buffer| -> Vec<u64> {
        backend.to_vec::<T>(buffer).unwrap().into_iter().map(|x| x.f64().to_bits()).collect()
    };
    outputs.iter().map(bits).collect()
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    let alone = Cpu::new(1);
    for threads in [2, 3, 8] {
        let cpu = Cpu::new(threads);
        for (op, _) in ops() {
            let name = || format!("{threads} threads: {op:?}");
            assert!(outputs::<f32>(&alone, &op) == outputs::<f32>(&cpu, &op), "f32, {}", name());
            assert!(outputs::<f64>(&alone, &op) == outputs::<f64>(&cpu, &op), "f64, {}", name());
        }
    }
}

#[test]
fn one_loop_gives_the_same_bits_on_every_instruction_set() {
    let portable = Cpu::with_isa(1, Isa::Portable).unwrap();
    for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
        let cpu = Cpu::with_isa(1, isa).unwrap();
        for (op, _) in ops().into_iter().filter(|(_, differs)| !differs) {
            assert!(outputs::<f32>(&portable, &op) == outputs::<f32>(&cpu, &op), "{isa:?}: {op:?}");
            assert!(outputs::<f64>(&portable, &op) == outputs::<f64>(&cpu, &op), "{isa:?}: {op:?}");
        }
    }
}
