//! The kernels of tensor transforms and of clipping by norm against the loops on the processor.
//!
//! Transforms give the same bits: their sums are in the same order. Clipping sums squares in another
//! order, in f64, so the norm may be off by a unit in the last place of f32, and gradients with it.

mod values;

use std::sync::Arc;

use lowland_core::op::{ClipNorm, Op, TensorAt, TransformTensors};
use lowland_core::transform::Functor;
use lowland_core::{Backend, DType, DynTransform, Error, Real, Shape, Transform};
use lowland_cpu::Cpu;
use lowland_cuda::Cuda;
use lowland_optim::transforms::{self, AdaptiveAtan};
use lowland_shim::{Order, assert_clean, available};
use values::{Random, assert_same, device};

/// Tensors of one arena: convolutions and matrices of many columns and of few, a large vector, a scalar.
const SHAPES: [&[usize]; 9] = [
    &[40, 13, 3, 3],
    &[2, 1, 1, 1],
    &[5, 3, 2, 7],
    &[33, 17],
    &[3, 700],
    &[1, 4, 4, 4],
    &[9001],
    &[1],
    &[2, 2],
];

/// The tensors with gaps between them, out of order, and the length of the arena.
fn tensors(applies_to: impl Fn(&Shape) -> bool) -> (Vec<TensorAt>, usize) {
    let (mut tensors, mut end) = (Vec::new(), 3);
    for (i, dims) in SHAPES.iter().enumerate() {
        let shape = Shape::new(dims);
        if applies_to(&shape) {
            tensors.push(TensorAt { offset: end, shape });
        }
        end += shape.len() + [0, 5, 64, 1][i % 4];
    }
    tensors.reverse();
    (tensors, end)
}

/// The transform of the loops on the processor.
fn on_host(transform: &dyn DynTransform, tensors: &[TensorAt], arena: &mut [f32]) {
    for TensorAt { offset, shape } in tensors {
        let tensor = &mut arena[*offset..][..shape.len()];
        let mut scratch = vec![0.0; transform.scratch_len(shape)];
        f32::apply_transform(transform, tensor, shape, &mut scratch);
    }
}

fn run(device: &Cuda, op: Op, arena: &[f32]) -> Vec<f32> {
    let backend: &dyn Backend = device;
    let buffer = backend.buffer_from(arena).unwrap();
    backend.run(&op, &[], &[&buffer]).unwrap();
    backend.to_vec(&buffer).unwrap()
}

/// Compares a transform of tensors with these values in the arena.
fn check(transform: &Arc<dyn DynTransform>, order: Order, values: impl Fn(usize) -> Vec<f32>) {
    let (tensors, len) = tensors(|shape| transform.applies_to(shape));
    let arena = values(len);
    let op = TransformTensors::new(Arc::clone(transform), &tensors, len).unwrap();
    let got = run(&device(order), Op::Transform(op), &arena);
    let mut want = arena.clone();
    on_host(&**transform, &tensors, &mut want);
    assert!(!tensors.is_empty() && got != arena, "{transform:?} does something");
    assert_same(&got, &want, &format!("{transform:?}, {order:?}"));
}

#[test]
fn every_transform_has_a_functor() {
    for transform in transforms::examples() {
        let Functor { name, .. } = transform.functor().unwrap();
        let file = format!("transforms/{name}.cuh");
        assert!(lowland_kernels::source(&file).is_some(), "write kernels/{file}");
    }
}

#[test]
fn every_transform_gives_the_same_bits() {
    if !available("every_transform_gives_the_same_bits") {
        return;
    }
    for (i, transform) in transforms::examples().iter().enumerate() {
        let order = Order::ALL[i % Order::ALL.len()];
        check(transform, order, |len| Random::new(3).values(len));
        let finite = |len| -> Vec<f32> {
            let values = Random::new(4).hard_values(len);
            values.into_iter().map(|x| if x.is_finite() { x } else { 1.0 }).collect()
        };
        check(transform, order, finite);
    }
}

#[test]
fn every_order_of_threads_gives_the_same_bits() {
    if !available("every_order_of_threads_gives_the_same_bits") {
        return;
    }
    let all = transforms::examples();
    for order in Order::ALL {
        for transform in [&all[0], all.last().unwrap()] {
            check(transform, order, |len| Random::new(5).values(len));
        }
    }
}

#[test]
fn a_tensor_without_a_finite_maximum_stays() {
    if !available("a_tensor_without_a_finite_maximum_stays") {
        return;
    }
    let atan: Arc<dyn DynTransform> = Arc::new(AdaptiveAtan { shrink: 1.5, gamma: 2.0 });
    let nan = f32::NAN;
    let arena =
        [0.0, -1.0, f32::INFINITY, 2.0, nan, nan, 3.0, nan, -2.0, -4.0, -f32::INFINITY, 1e-45];
    let tensors: Vec<TensorAt> =
        (0..6).map(|i| TensorAt { offset: 2 * i, shape: Shape::from([2]) }).collect();
    let op = TransformTensors::new(Arc::clone(&atan), &tensors, arena.len()).unwrap();
    let got = run(&device(Order::Forward), Op::Transform(op), &arena);
    let mut want = arena;
    on_host(&*atan, &tensors, &mut want);
    assert_same(&got, &want, "maxima that are 0, infinite, none, or negative");
    assert_same(&got[..6], &arena[..6], "these three");
    assert!(got[6].is_finite() && got[7].is_nan() && got[8] != arena[8]);
}

#[test]
fn a_warm_transform_asks_for_nothing() {
    if !available("a_warm_transform_asks_for_nothing") {
        return;
    }
    let device = device(Order::Forward);
    let backend: &dyn Backend = &device;
    for transform in transforms::examples().into_iter().skip(1).take(5) {
        let (tensors, len) = tensors(|shape| transform.applies_to(shape));
        let op = Op::Transform(TransformTensors::new(transform, &tensors, len).unwrap());
        let arena = backend.filled(len, DType::F32, 0.5).unwrap();
        backend.run(&op, &[], &[&arena]).unwrap();
        let before = backend.memory();
        backend.run(&op, &[], &[&arena]).unwrap();
        assert_eq!(backend.memory(), before);
    }
}

#[test]
fn what_has_no_functor_is_refused() {
    #[derive(Debug)]
    struct Novel;

    impl Transform for Novel {
        fn name(&self) -> &'static str {
            "novel"
        }

        fn applies_to(&self, _: &Shape) -> bool {
            true
        }

        fn apply<T: Real>(&self, _: &mut [T], _: &Shape, _: &mut [f64]) {}
    }

    let device = device(Order::Forward);
    let backend: &dyn Backend = &device;
    let op = Op::Transform(TransformTensors::new(Arc::new(Novel), &[], 4).unwrap());
    assert!(!backend.supports(&op, DType::F32));
    let arena = backend.allocate(4, DType::F32).unwrap();
    let error = backend.run(&op, &[], &[&arena]).unwrap_err();
    assert!(matches!(error, Error::Unsupported { .. }));
    assert!(error.to_string().contains("tensor transform `novel` (it has no functor"), "{error}");
}

/// The gradients and the norm after clipping, on any backend.
fn clipped(backend: &dyn Backend, op: &ClipNorm, grads: &[f32]) -> (Vec<f32>, f32) {
    let grads = backend.buffer_from(grads).unwrap();
    let norm = backend.allocate(1, DType::F32).unwrap();
    backend.run(&Op::ClipNorm(op.clone()), &[], &[&grads, &norm]).unwrap();
    (backend.to_vec(&grads).unwrap(), backend.to_vec(&norm).unwrap()[0])
}

/// How many numbers of f32 lie between two of the same sign.
fn ulps(a: f32, b: f32) -> u32 {
    if a.is_nan() && b.is_nan() { 0 } else { a.to_bits().abs_diff(b.to_bits()) }
}

#[test]
fn gradients_are_clipped_as_on_the_processor() {
    if !available("gradients_are_clipped_as_on_the_processor") {
        return;
    }
    let (tensors, len) = tensors(|_| true);
    let cpu = Cpu::new(1);
    let finite = |seed, scale: f32| -> Vec<f32> {
        Random::new(seed).values(len).into_iter().map(|x| x * scale).collect()
    };
    let mut infinite = finite(1, 1.0);
    infinite[500] = f32::INFINITY;
    let mut none = finite(1, 1.0);
    none[700] = f32::NAN;
    let grads = [finite(1, 1.0), finite(2, 1e-30), finite(3, 1e25), vec![0.0; len], infinite, none];
    for order in Order::ALL {
        let device = device(order);
        for (i, grads) in grads.iter().enumerate() {
            for max_norm in [0.5, 1e9] {
                let op = ClipNorm::new(max_norm, &tensors, len).unwrap();
                let (got, norm) = clipped(&device, &op, grads);
                let (want, want_norm) = clipped(&cpu, &op, grads);
                let what = format!("gradients {i}, bound {max_norm}, {order:?}");
                assert!(ulps(norm, want_norm) <= 1, "{what}: {norm:e}, not {want_norm:e}");
                let pairs = got.iter().zip(&want).enumerate();
                for (k, (got, want)) in pairs {
                    assert!(ulps(*got, *want) <= 1, "{what}: {k} is {got:e}, not {want:e}");
                }
                if norm < max_norm as f32 {
                    assert_same(&got, grads, &what);
                }
            }
        }
    }
    let nothing = ClipNorm::new(1.0, &[], 3).unwrap();
    assert_eq!(clipped(&device(Order::Forward), &nothing, &[9.0; 3]), (vec![9.0; 3], 0.0));
}

#[test]
fn the_norm_does_not_depend_on_where_tensors_lie() {
    if !available("the_norm_does_not_depend_on_where_tensors_lie") {
        return;
    }
    let device = device(Order::Forward);
    let values = |i: usize, len| {
        let values = Random::new(i as u64).hard_values(len).into_iter();
        values.map(|x| if x.abs() < 1e35 { x } else { 0.0 }).collect::<Vec<f32>>()
    };
    let lens = [9000, 1, 4097, 63, 12_288, 500];
    let norm = |order: [usize; 6], gap: usize| {
        let (mut arena, mut tensors) = (vec![f32::NAN; gap], Vec::new());
        for i in order {
            tensors.push(TensorAt { offset: arena.len(), shape: Shape::from([lens[i]]) });
            arena.extend(values(i, lens[i]));
            arena.resize(arena.len() + gap, f32::NAN);
        }
        clipped(&device, &ClipNorm::new(1.0, &tensors, arena.len()).unwrap(), &arena).1
    };
    let first = norm([0, 1, 2, 3, 4, 5], 0);
    assert!(first.is_finite() && first > 1e30);
    assert_eq!(norm([5, 3, 1, 0, 2, 4], 1).to_bits(), first.to_bits());
    assert_eq!(norm([4, 0, 5, 2, 3, 1], 4).to_bits(), first.to_bits());
}

#[test]
fn the_sanitizers_find_nothing() {
    assert_clean("every_transform_gives_the_same_bits");
}
