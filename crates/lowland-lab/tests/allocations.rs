//! What a warm training step asks of the system: nothing large.
//!
//! Unsafe, because counting requests means to be the allocator. It hands everything on to the
//! system's.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use lowland_core::{Clock, DType};
use lowland_cpu::Cpu;
use lowland_lab::{Groups, Images, Trainer};
use lowland_models::{CrossEntropy, Model, ModelConfig};
use lowland_optim::deformation::DeformationConfig;
use lowland_optim::{ArenaOptimizer, ArenaParam, GroupSpec, Recipe, Sgd};
use lowland_tensor::{Device, Tensor};

/// No request of a warm step may be larger: the smallest activation is larger than this.
const LIMIT_BYTES: usize = 4096;

static COUNTING: AtomicBool = AtomicBool::new(false);
static REQUESTS: AtomicUsize = AtomicUsize::new(0);
static LARGEST: AtomicUsize = AtomicUsize::new(0);

struct Counting;

fn count(bytes: usize) {
    if COUNTING.load(Ordering::Relaxed) {
        REQUESTS.fetch_add(1, Ordering::Relaxed);
        LARGEST.fetch_max(bytes, Ordering::Relaxed);
    }
}

// SAFETY: every method hands its arguments on to the system's allocator, which keeps the contract.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller's promises are those that the system's allocator wants.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        count(bytes);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, bytes) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Runs `f`; the number of requests and the bytes of the largest.
fn requests(f: impl FnOnce()) -> (usize, usize) {
    REQUESTS.store(0, Ordering::Relaxed);
    LARGEST.store(0, Ordering::Relaxed);
    COUNTING.store(true, Ordering::Relaxed);
    f();
    COUNTING.store(false, Ordering::Relaxed);
    (REQUESTS.load(Ordering::Relaxed), LARGEST.load(Ordering::Relaxed))
}

fn optimizer(model: &Model) -> ArenaOptimizer {
    let store = &model.store;
    let param = |entry: &lowland_models::ParamEntry| ArenaParam {
        name: entry.name.to_string(),
        offset: entry.offset,
        shape: entry.shape,
    };
    let params = store.entries().iter().map(param).collect();
    let sgd = Sgd { momentum: 0.9, weight_decay: 1e-4, ..Sgd::default() };
    let groups = vec![GroupSpec::all("all", sgd.chain().unwrap())];
    let (device, len) = (store.device().clone(), store.params().len());
    ArenaOptimizer::new(device, DType::F32, len, params, groups).unwrap()
}

/// Every method at once on a small ZeroSNet, and the norm of its gradients clipped.
fn all_methods(device: &Device) -> Trainer {
    let recipe = r#"
        learning_rate = 0.001
        clip = { norm = 5.0 }
        miadam = { order = 2, step_scale = "unit-gain" }
        channel_directed = { metric = "h1", lambda = 0.1 }
        activation = { atan = { alpha = 0.1, beta = 20.0 } }
    "#;
    let recipe: Recipe = toml::from_str(recipe).unwrap();
    let deformation: DeformationConfig =
        toml::from_str("normalise = true\natan_power = { a = 10.0, b = 1.0, g = 1.0, z = 1.0 }")
            .unwrap();
    let widths = Some(vec![8, 16, 32]);
    let config = ModelConfig { widths, ..ModelConfig::named("zerosnet20") };
    let model = config.build([32, 32, 3], 10, device, DType::F32, 0).unwrap();
    let trainer = Trainer::new(model, Groups::One(recipe.update().unwrap()), 0.0).unwrap();
    let mut trainer = trainer.with_clip_norm(recipe.clip_norm().unwrap()).unwrap();
    trainer.deform(deformation.build(10.0, Some(2.3)).unwrap(), 10);
    trainer
}

// The only test of this file: the counter sees all threads of the process.
#[test]
fn a_warm_training_step_asks_the_system_for_nothing_large() {
    let (count, largest) = requests(|| drop(std::hint::black_box(vec![1u8; 5000])));
    assert!(count == 1 && largest == 5000, "the counter counts: {count}, {largest}");
    for threads in [1, 2] {
        let device: Device = Arc::new(Cpu::new(threads));
        let config = ModelConfig::named("resnet20");
        let model = config.build([32, 32, 3], 10, &device, DType::F32, 0).unwrap();
        let mut optimizer = optimizer(&model);
        let batch = 16;
        let pixels: Vec<f32> = (0..batch * 32 * 32 * 3).map(|i| (i as f32 * 0.37).sin()).collect();
        let labels: Vec<u32> = (0..batch as u32).map(|i| i % 10).collect();
        let step = |step: u64| {
            let images = Tensor::from_slice(&device, [batch, 32, 32, 3], &pixels).unwrap();
            let labels = Tensor::from_slice(&device, [batch], &labels).unwrap();
            model.store.zero_grad().unwrap();
            let logits = model.train(&images).unwrap();
            let loss = CrossEntropy::default().forward(&logits, &labels).unwrap();
            assert!(loss.item().unwrap().is_finite());
            loss.backward().unwrap();
            let store = &model.store;
            let clock = Clock::at_step(step, 0.01);
            optimizer.step(&clock, store.params(), store.grads()).unwrap();
        };
        assert_warm_steps_are_small("resnet20", threads, step);
        let mut trainer = all_methods(&device);
        let batch = Images { shape: [batch, 32, 32, 3], pixels: &pixels, labels: &labels };
        assert_warm_steps_are_small("all methods", threads, |step| {
            let scored = trainer.step(&batch, &Clock::at_step(step, 0.001)).unwrap();
            assert!(scored.slope.is_some_and(|slope| slope > 1.0), "{scored:?}");
        });
    }
}

/// Steps twice, and counts what three more steps ask for.
fn assert_warm_steps_are_small(name: &str, threads: usize, mut step: impl FnMut(u64)) {
    step(1);
    step(2);
    for number in 3..6 {
        let (count, largest) = requests(|| step(number));
        assert!(count > 0, "handles and lists are requests too");
        assert!(
            largest <= LIMIT_BYTES,
            "{name}: step {number} on {threads} threads asked for {largest} bytes at once"
        );
    }
}
