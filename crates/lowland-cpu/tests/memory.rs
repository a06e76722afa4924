//! Memory and misuse: what the backend recycles, and what it refuses.

use std::sync::Arc;

use lowland_core::measure::{Elements, Measure};
use lowland_core::op::{
    Accumulate, BatchNorm, ClipNorm, Conv2d, CrossEntropy, Fill, MatMul, MeasureTensors, Reduce,
    ReduceKind, Segment, TensorAt, TransformTensors, Unary, UnaryKind,
};
use lowland_core::stage::Scalars;
use lowland_core::{Backend, Buffer, DType, Error, Op, Real, Result, Shape, Transform};
use lowland_cpu::Cpu;

/// Fills each tensor with its first element, by way of much scratch memory.
#[derive(Debug)]
struct Flatten;

impl Transform for Flatten {
    fn name(&self) -> &'static str {
        "flatten"
    }

    fn applies_to(&self, _: &Shape) -> bool {
        true
    }

    fn scratch_len(&self, shape: &Shape) -> usize {
        shape.len()
    }

    fn apply<T: Real>(&self, tensor: &mut [T], _: &Shape, scratch: &mut [f64]) {
        scratch.fill(tensor[0].f64());
        tensor.iter_mut().zip(scratch).for_each(|(x, s)| *x = T::of(*s));
    }
}

/// The sum of a state slot.
#[derive(Debug)]
struct First;

impl Measure for First {
    fn name(&self) -> &'static str {
        "first"
    }

    fn sums(&self) -> &'static [&'static str] {
        &["first"]
    }

    fn reads(&self) -> usize {
        1
    }

    fn terms<T: Real>(&self, _: Scalars<'_>, elements: Elements<'_, T>) {
        let (_, [slot], [first]) = elements.split();
        first.iter_mut().zip(slot).for_each(|(term, x)| *term = x.f64());
    }
}

/// Something like a training step: each op's outputs live on while the next ones run.
fn step(backend: &dyn Backend) -> Result<()> {
    let image = Shape::from([4, 9, 9, 16]);
    let conv = Conv2d::new(image, Shape::from([16, 16, 3, 3]), [1, 1], [1, 1], 1)?;
    let norm = BatchNorm::training(4 * 81, 16, 1e-5)?;
    let tensors = [(0, [16, 16, 3, 3]), (3000, [5, 1000, 1, 1])];
    let tensors = tensors.map(|(offset, shape)| TensorAt { offset, shape: shape.into() });
    let all = Segment { param: 0, state: 0, len: 9000 };
    let ops = [
        Op::Conv2d(conv),
        Op::BatchNorm(norm),
        Op::Unary(Unary { kind: UnaryKind::Relu, len: image.len() }),
        Op::Reduce(Reduce::new(ReduceKind::Mean, image, &[1, 2])?),
        Op::Reduce(Reduce::new(ReduceKind::Sum, Shape::from([70_001, 3]), &[0])?),
        Op::BatchNormGrad(norm),
        Op::Conv2dGradInput(conv),
        Op::Conv2dGradWeight(conv),
        Op::MatMul(MatMul { m: 37, k: 16, n: 10, transpose_a: false, transpose_b: true }),
        Op::Transform(TransformTensors::new(Arc::new(Flatten), &tensors, 9000)?),
        Op::ClipNorm(ClipNorm::new(1.0, &tensors, 9000)?),
        Op::Measure(MeasureTensors::new(Arc::new(First), vec![], [all].into(), 9000, 9000)?),
    ];
    let mut alive = vec![];
    for op in ops {
        let operands = op.operands();
        let filled = |len| backend.filled(len, DType::F32, 0.5);
        let inputs = operands.inputs.iter().map(|operand| filled(operand.len));
        let inputs: Vec<Buffer> = inputs.collect::<Result<_>>()?;
        let outputs = operands.outputs.iter().map(|o| backend.allocate(o.len, DType::F32));
        let outputs: Vec<Buffer> = outputs.collect::<Result<_>>()?;
        let [reads, writes] = [&inputs, &outputs].map(|all| all.iter().collect::<Vec<_>>());
        backend.run(&op, &reads, &writes)?;
        alive.extend(outputs);
    }
    Ok(())
}

#[test]
fn a_warm_step_asks_the_system_for_nothing() {
    let cpu = Cpu::new(2);
    step(&cpu).unwrap();
    let warm = cpu.memory();
    assert!(warm.fresh_allocations > 0 && warm.bytes_in_use == 0, "{warm:?}");
    for _ in 0..5 {
        step(&cpu).unwrap();
        assert_eq!(cpu.memory(), warm);
    }
}

#[test]
fn buffers_outlive_their_backend_and_share_what_they_were_cut_from() {
    let cpu = Cpu::new(1);
    let backend: &dyn Backend = &cpu;
    let whole = backend.buffer_from(&[1.0f32, 2.0, 3.0, 4.0]).unwrap();
    let tail = whole.slice(2, 2).unwrap();
    backend.run(&Op::Fill(Fill { len: 2, value: 9.0 }), &[], &[&tail]).unwrap();
    assert_eq!(backend.to_vec::<f32>(&whole).unwrap(), [1.0, 2.0, 9.0, 9.0]);
    drop(whole);
    assert_eq!(backend.to_vec::<f32>(&tail).unwrap(), [9.0, 9.0]);
    assert_eq!(backend.memory().bytes_in_use, 256);
    drop(cpu);
    assert_eq!(tail.len(), 2);
}

#[test]
fn more_memory_than_there_is_is_an_error() {
    let cpu = Cpu::new(1);
    for (len, dtype) in [
        (usize::MAX / 16, DType::F32),
        (usize::MAX / 16, DType::F64),
        (usize::MAX, DType::U32),
        (1 << 58, DType::F32),
    ] {
        let error = cpu.allocate(len, dtype).unwrap_err();
        let bytes = len.saturating_mul(dtype.size());
        assert!(
            matches!(&error, Error::OutOfMemory { backend, bytes: b } if backend == "cpu" && *b == bytes),
            "{error:?}"
        );
    }
    assert_eq!(cpu.memory().fresh_allocations, 0);
    cpu.allocate(10, DType::F32).unwrap();
}

#[test]
fn buffers_of_another_backend_are_refused() {
    let (cpu, other) = (Cpu::new(1), Cpu::new(1));
    let own = cpu.allocate(3, DType::F32).unwrap();
    let foreign = other.allocate(3, DType::F32).unwrap();
    let op = Op::Accumulate(Accumulate { len: 3, a: 1.0, b: 0.0 });
    let refused = |result: Result<()>, name: &str| {
        let error = result.unwrap_err();
        assert!(
            matches!(&error, Error::ForeignBuffer { op, backend } if *op == name && backend == "cpu"),
            "{error:?}"
        );
    };
    refused(cpu.run(&op, &[&foreign], &[&own]), "accumulate");
    refused(cpu.run(&op, &[&own], &[&foreign]), "accumulate");
    let backend: &dyn Backend = &cpu;
    refused(backend.to_vec::<f32>(&foreign).map(|_| ()), "download");
    refused(backend.upload(lowland_core::HostRef::F32(&[0.0; 3]), &foreign), "upload");
}

#[test]
fn operands_that_overlap_or_do_not_fit_are_refused() {
    let cpu = Cpu::new(1);
    let backend: &dyn Backend = &cpu;
    let whole = backend.buffer_from(&[1.0f32, 2.0, 3.0, 4.0]).unwrap();
    let (head, middle) = (whole.slice(0, 2).unwrap(), whole.slice(1, 2).unwrap());
    let op = Op::Accumulate(Accumulate { len: 2, a: 1.0, b: 0.0 });
    assert!(matches!(backend.run(&op, &[&head], &[&middle]), Err(Error::Overlap { .. })));
    assert!(matches!(backend.run(&op, &[&head], &[&whole]), Err(Error::Operand { .. })));
    assert!(matches!(backend.run(&op, &[], &[&middle]), Err(Error::Arity { .. })));
    let error = backend.upload(lowland_core::HostRef::F64(&[0.0; 4]), &whole).unwrap_err();
    assert_eq!(error.to_string(), "upload: operand `host` needs 4 elements of f32, got 4 of f64");
    assert_eq!(backend.to_vec::<f32>(&whole).unwrap(), [1.0, 2.0, 3.0, 4.0]);
}

#[test]
fn a_label_that_is_no_class_leaves_the_outputs_alone() {
    let cpu = Cpu::new(2);
    let backend: &dyn Backend = &cpu;
    let op = CrossEntropy::new(2, 3, 0.0).unwrap();
    let logits = backend.buffer_from(&[0.0f32; 6]).unwrap();
    let labels = backend.buffer_from(&[2u32, 3]).unwrap();
    let loss = backend.buffer_from(&[7.0f32]).unwrap();
    let dlogits = backend.buffer_from(&[7.0f32; 6]).unwrap();
    let calls = [
        backend.run(&Op::CrossEntropy(op), &[&logits, &labels], &[&loss]),
        backend.run(&Op::CrossEntropyGrad(op), &[&logits, &labels, &loss], &[&dlogits]),
    ];
    for call in calls {
        let error = call.unwrap_err();
        assert!(matches!(error, Error::Label { row: 1, label: 3, classes: 3, .. }), "{error:?}");
    }
    assert_eq!(backend.to_vec::<f32>(&loss).unwrap(), [7.0]);
    assert_eq!(backend.to_vec::<f32>(&dlogits).unwrap(), [7.0; 6]);
}

#[test]
fn calls_from_many_threads_take_turns() {
    let cpu = Cpu::new(2);
    let backend: &dyn Backend = &cpu;
    let len = 50_000;
    let sum = backend.filled(len, DType::F32, 0.0).unwrap();
    let one = backend.filled(len, DType::F32, 1.0).unwrap();
    let op = Op::Accumulate(Accumulate { len, a: 1.0, b: 1.0 });
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..10).for_each(|_| backend.run(&op, &[&one], &[&sum]).unwrap()));
        }
    });
    assert!(backend.to_vec::<f32>(&sum).unwrap().iter().all(|&x| x == 80.0));
}
