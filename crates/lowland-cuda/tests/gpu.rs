//! The backend on a GPU: the suite that every backend passes, parity with the CPU, and what only real
//! hardware can get wrong.
//!
//! Without a GPU each test prints SKIP with the reason, and passes. On a machine that should have one,
//! `LOWLAND_REQUIRE_CUDA=1` makes that a failure.

#[path = "../examples/units/recipes.rs"]
mod recipes;

use std::sync::Arc;

use half::bf16;
use lowland_conformance::{Steps, cases, check_with};
use lowland_core::op::{Conv2d, Fill, Segment, Step};
use lowland_core::{Backend, Buffer, Clock, DType, Error, HostRef, Op, Shape};
use lowland_cpu::{Cpu, Isa};
use lowland_cuda::{Bf16Arenas, Cuda, OpenError};
use lowland_optim::{ArenaOptimizer, ArenaParam, GroupSpec, Recipe};

/// Whether a test can go on with what was opened.
///
/// # Errors
/// Why not, where a device is required.
fn or_skip<T>(opened: Result<T, OpenError>, required: bool) -> Result<Option<T>, String> {
    match opened {
        Ok(device) => Ok(Some(device)),
        Err(reason) if required => Err(format!("LOWLAND_REQUIRE_CUDA is set, and {reason}")),
        Err(reason) => {
            println!("SKIP: {reason}");
            Ok(None)
        }
    }
}

/// The first GPU, or nothing where the test is to be skipped.
fn gpu() -> Option<Arc<Cuda>> {
    let required = std::env::var("LOWLAND_REQUIRE_CUDA").is_ok_and(|value| value == "1");
    or_skip(Cuda::open(0), required).unwrap().map(Arc::new)
}

#[test]
fn a_missing_device_skips_unless_one_is_required() {
    let missing = || Err::<i32, _>(OpenError::NoDevice { index: 0, count: 0 });
    assert_eq!(or_skip(missing(), false), Ok(None));
    let error = or_skip(missing(), true).unwrap_err();
    assert!(error.starts_with("LOWLAND_REQUIRE_CUDA is set, and there is no device cuda:0"));
    assert_eq!(or_skip(Ok(1), true), Ok(Some(1)));
    assert_eq!(or_skip(Ok(1), false), Ok(Some(1)));
}

#[test]
fn the_gpu_conforms() {
    let Some(gpu) = gpu() else { return };
    let report = check_with(&*gpu, &cases::all(), Steps::Rounding);
    assert!(report.passed(), "{report}");
    println!("{}: {report}", gpu.architecture());
}

/// Numbers of every size that training meets.
fn values(len: usize, seed: u64) -> Vec<f32> {
    // Knuth's MMIX generator; its high bits are good enough.
    let (factor, term) = (6_364_136_223_846_793_005_u64, 1_442_695_040_888_963_407);
    let mut state = seed;
    let mut unit = || {
        state = state.wrapping_mul(factor).wrapping_add(term);
        (state >> 40) as f32 / (1_u64 << 24) as f32 - 0.5
    };
    let sizes = [1.0, 1e-3, 1e3, 0.0, 1e-30];
    (0..len).map(|i| unit() * sizes[i % sizes.len()]).collect()
}

/// The parameters after ten steps of a recipe, on two tensors, one of them of an odd length.
fn descend(backend: &Arc<dyn Backend>, recipe: &Recipe) -> Vec<f32> {
    let param = |name: &str, offset, shape: &[usize]| ArenaParam {
        name: name.into(),
        offset,
        shape: Shape::new(shape),
    };
    let table = vec![param("conv", 0, &[32, 16, 3, 3]), param("bias", 4608, &[37])];
    let len = 4672;
    let groups = vec![GroupSpec::all("all", recipe.update().unwrap())];
    let optimizer = ArenaOptimizer::new(Arc::clone(backend), DType::F32, len, table, groups);
    let mut optimizer = optimizer.unwrap();
    if let Some(bound) = recipe.clip_norm() {
        optimizer = optimizer.with_clip_norm(bound).unwrap();
    }
    let params = backend.buffer_from(&values(len, 1)).unwrap();
    for step in 1..=10 {
        let grads = backend.buffer_from(&values(len, 1 + step)).unwrap();
        let progress = (step - 1) as f64 / 10.0;
        optimizer.step(&Clock { step, epoch: 1, progress, lr: 0.01 }, &params, &grads).unwrap();
    }
    backend.to_vec(&params).unwrap()
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn optimizers_follow_the_cpu() {
    let Some(gpu) = gpu() else { return };
    let gpu: Arc<dyn Backend> = gpu;
    let cpu: Arc<dyn Backend> = Arc::new(Cpu::with_isa(2, Isa::Portable).unwrap());
    for (name, recipe) in recipes::all().unwrap() {
        let (got, want) = (descend(&gpu, &recipe), descend(&cpu, &recipe));
        assert_eq!(bits(&got), bits(&descend(&gpu, &recipe)), "{name}: not the same bits twice");
        // A norm over the model may round otherwise. So may sums that are measured, but in digits that
        // the scalars that come of them do not have; all else is the same bits.
        if recipe.clip_norm().is_some() {
            for (i, (got, want)) in got.iter().zip(&want).enumerate() {
                let allowed = 1e-5 * want.abs().max(1e-3);
                assert!((got - want).abs() <= allowed, "{name}: {got}, not {want}, at {i}");
            }
        } else {
            assert_eq!(bits(&got), bits(&want), "{name}");
        }
    }
}

/// A buffer of bf16: two numbers in each element, the first in the lower half.
fn pairs(backend: &dyn Backend, numbers: &[bf16]) -> Buffer {
    let half = |number: Option<&bf16>| number.map_or(0, |number| u32::from(number.to_bits()));
    let pairs = numbers.chunks(2).map(|pair| half(pair.first()) | half(pair.get(1)) << 16);
    backend.buffer_from(&pairs.collect::<Vec<u32>>()).unwrap()
}

#[test]
fn steps_on_bf16_are_those_of_master_weights() {
    let Some(device) = gpu() else { return };
    let cpu = Cpu::with_isa(2, Isa::Portable).unwrap();
    let (gpu, cpu): (&dyn Backend, &dyn Backend) = (&*device, &cpu);
    // More than one block has, and an odd number.
    let len = 5001;
    for chain in recipes::on_bf16().unwrap() {
        let chain = Arc::new(chain);
        // The weights, and behind them the state.
        let arenas = |backend: &dyn Backend| -> Vec<Buffer> {
            let weights = backend.buffer_from(&values(len, 1)).unwrap();
            let state = (0..chain.slot_count()).map(|_| backend.filled(len, DType::F32, 0.0));
            [Ok(weights)].into_iter().chain(state).collect::<Result<_, _>>().unwrap()
        };
        let (on_gpu, on_cpu) = (arenas(gpu), arenas(cpu));
        let on_gpu: Vec<&Buffer> = on_gpu.iter().collect();
        let on_cpu: Vec<&Buffer> = on_cpu.iter().collect();
        let params = pairs(gpu, &vec![bf16::ZERO; len]);
        for step in 1..=10 {
            let grads: Vec<bf16> = values(len, 1 + step).into_iter().map(bf16::from_f32).collect();
            let prepared = chain.prepare(&Clock::at_step(step, 0.01));
            let segments = [Segment { param: 0, state: 0, len }];
            let op = Step::new(Arc::clone(&chain), prepared, segments.into(), len, len).unwrap();
            let halves = pairs(gpu, &grads);
            let (master, state) = (on_gpu[0], &on_gpu[1..]);
            let arenas = Bf16Arenas { params: &params, grads: &halves, master, state };
            device.step_bf16(&op, &arenas).unwrap();
            let grads: Vec<f32> = grads.into_iter().map(bf16::to_f32).collect();
            let grads = cpu.buffer_from(&grads).unwrap();
            cpu.run(&Op::Step(op), &[&grads], &on_cpu).unwrap();
        }
        for (i, (got, want)) in on_gpu.into_iter().zip(&on_cpu).enumerate() {
            let (got, want) = (gpu.to_vec(got).unwrap(), cpu.to_vec(want).unwrap());
            assert_eq!(bits(&got), bits(&want), "{chain:?}: weights and state, {i}");
        }
        let weights: Vec<f32> = cpu.to_vec(on_cpu[0]).unwrap();
        let nearest: Vec<bf16> = weights.into_iter().map(bf16::from_f32).collect();
        let nearest: Vec<u32> = cpu.to_vec(&pairs(cpu, &nearest)).unwrap();
        assert_eq!(gpu.to_vec::<u32>(&params).unwrap(), nearest, "{chain:?}: parameters");
    }
}

/// The three passes of a convolution.
fn convolve(backend: &dyn Backend, conv: &Conv2d) -> [Vec<f32>; 3] {
    let buffer = |shape: Shape, seed| {
        let values = values(shape.len(), seed).into_iter().map(|value| value.clamp(-1.0, 1.0));
        backend.buffer_from(&values.collect::<Vec<f32>>()).unwrap()
    };
    let (x, w, dy) = (buffer(conv.x(), 1), buffer(conv.w(), 2), buffer(conv.y(), 3));
    let run = |op: Op, inputs: [&Buffer; 2], len: usize| {
        let out = backend.allocate(len, DType::F32).unwrap();
        backend.run(&op, &inputs, &[&out]).unwrap();
        backend.to_vec(&out).unwrap()
    };
    [
        run(Op::Conv2d(*conv), [&x, &w], conv.y().len()),
        run(Op::Conv2dGradInput(*conv), [&dy, &w], conv.x().len()),
        run(Op::Conv2dGradWeight(*conv), [&x, &dy], conv.w().len()),
    ]
}

#[test]
fn convolutions_of_networks_follow_the_cpu_and_repeat_their_bits() {
    let Some(gpu) = gpu() else { return };
    let cpu = Cpu::with_isa(2, Isa::Portable).unwrap();
    let conv = |x: [usize; 4], w: [usize; 4], stride, padding, groups| {
        let (x, w) = (Shape::from(x), Shape::from(w));
        Conv2d::new(x, w, [stride; 2], [padding; 2], groups).unwrap()
    };
    for conv in [
        conv([32, 32, 32, 3], [16, 3, 3, 3], 1, 1, 1),
        conv([32, 32, 32, 16], [16, 16, 3, 3], 1, 1, 1),
        conv([32, 32, 32, 16], [32, 16, 3, 3], 2, 1, 1),
        conv([32, 16, 16, 32], [64, 32, 1, 1], 2, 0, 1),
        conv([32, 8, 8, 64], [64, 64, 3, 3], 1, 1, 1),
        conv([8, 16, 16, 64], [64, 16, 3, 3], 1, 1, 4),
    ] {
        let (got, want) = (convolve(&*gpu, &conv), convolve(&cpu, &conv));
        let again = convolve(&*gpu, &conv);
        for (pass, name) in ["forward", "grad input", "grad weight"].iter().enumerate() {
            assert!(got[pass] == again[pass], "{name} of {conv:?}: not the same bits twice");
            let largest = want[pass].iter().fold(0.0_f32, |most, value| most.max(value.abs()));
            for (got, want) in got[pass].iter().zip(&want[pass]) {
                // Sums of f32 over at most 32 Ki terms; factors of TF32 would be ten times as far off.
                assert!(
                    (got - want).abs() <= 2e-5 * largest,
                    "{name} of {conv:?}: {got}, not {want}"
                );
            }
        }
    }
}

#[test]
fn uploads_of_any_length_arrive_and_leave_the_callers_memory_free() {
    let Some(gpu) = gpu() else { return };
    let backend: &dyn Backend = &*gpu;
    // One float, a half of the staging memory and a little more, both halves many times over.
    for len in [1, 1000, 4 << 20, (4 << 20) + 1, (40 << 20) + 3] {
        let value = |i: usize| (i % (1 << 24)) as f32;
        let mut host: Vec<f32> = (0..len).map(value).collect();
        let buffer = backend.allocate(len, DType::F32).unwrap();
        backend.upload(HostRef::F32(&host), &buffer).unwrap();
        host.fill(-1.0);
        let back: Vec<f32> = backend.to_vec(&buffer).unwrap();
        assert!(back.iter().enumerate().all(|(i, &found)| found == value(i)), "{len}");
    }
}

#[test]
fn copies_and_kernels_keep_their_order() {
    let Some(gpu) = gpu() else { return };
    let backend: &dyn Backend = &*gpu;
    let len = 3 << 20;
    let buffer = backend.allocate(len, DType::F32).unwrap();
    for round in 0..20_u8 {
        backend.upload(HostRef::F32(&vec![-1.0; len]), &buffer).unwrap();
        let fill = Op::Fill(Fill { len, value: f64::from(round) });
        backend.run(&fill, &[], &[&buffer]).unwrap();
        if round % 5 == 0 {
            let found: Vec<f32> = backend.to_vec(&buffer).unwrap();
            assert!(found.iter().all(|&found| found == f32::from(round)), "round {round}");
        }
    }
    backend.sync().unwrap();
}

#[test]
fn too_much_memory_is_an_error_that_says_what_is_free() {
    let Some(gpu) = gpu() else { return };
    let error = gpu.allocate(1 << 46, DType::F32).unwrap_err();
    assert!(matches!(error, Error::OutOfMemory { .. }), "{error}");
    assert!(error.to_string().contains(" GiB free)"), "{error}");
    assert!(gpu.allocate(1 << 10, DType::F32).is_ok(), "and the device goes on");
}
