//! The kernels of optimizer steps against the loops on the processor, bit for bit: parameters,
//! gradients and every state slot, in the segments and outside of them.
//!
//! Stages are arithmetic, roots, comparisons, and polynomials for elementary functions. Kernels are
//! compiled without contraction of products and sums, so nothing is left to be rounded differently.

mod stepping;
mod values;

use std::sync::Arc;

use half::bf16;
use lowland_core::op::{CrossEntropy, Segment, Step};
use lowland_core::{Backend, Buffer, Chain, Clock, DType, Error, HostRef, Op, Real, Stage, stage};
use lowland_cuda::{Bf16Arenas, Cuda};
use lowland_optim::stages::{self, Adam, MiAdam, Momentum, StepScale, Switch, WeightDecay};
use lowland_optim::{ArenaOptimizer, ArenaParam, GroupSpec, Update};
use lowland_shim::{Order, assert_clean, available};
use stepping::{Layout, prepare, random_chain};
use values::{Random, assert_same, device};

/// Steps of a chain: more than it takes for what changes on the way to change.
const STEPS: u64 = 6;

fn clock(step: u64) -> Clock {
    Clock { step, epoch: 1, progress: (step - 1) as f64 / STEPS as f64, lr: 0.05 / step as f64 }
}

/// Parameters, gradients and state slots.
#[derive(Clone)]
struct Arenas {
    params: Vec<f32>,
    grads: Vec<f32>,
    state: Vec<Vec<f32>>,
}

impl Arenas {
    /// State is 0 in the segments, as at the first step, and anything outside.
    fn new(chain: &Chain, layout: &Layout) -> Self {
        let mut random = Random::new(5);
        let params = random.values(layout.params_len);
        let mut state = vec![random.values(layout.state_len); chain.slot_count()];
        for slot in &mut state {
            for &Segment { state, len, .. } in layout.segments.iter() {
                slot[state..state + len].fill(0.0);
            }
        }
        Arenas { params, grads: Vec::new(), state }
    }

    /// A step of the loops on the processor.
    fn step(&mut self, op: &Step) {
        for &Segment { param, state, len } in op.segments.iter() {
            let (params, grads) =
                (&mut self.params[param..][..len], &mut self.grads[param..][..len]);
            let slots = self.state.iter_mut().map(|slot| &mut slot[state..][..len]);
            let mut slots: Vec<&mut [f32]> = slots.collect();
            match op.descends {
                true => op.chain.run(&op.prepared, params, grads, &mut slots),
                false => op.chain.direct(&op.prepared, params, grads, &mut slots),
            }
        }
    }
}

/// The same on a device.
struct OnDevice {
    params: Buffer,
    grads: Buffer,
    state: Vec<Buffer>,
}

impl OnDevice {
    fn new(device: &Cuda, layout: &Layout, host: &Arenas) -> Self {
        let buffer = |values: &[f32]| layout.buffer(device, values).unwrap();
        let state = host.state.iter().map(|slot| buffer(slot)).collect();
        let grads = buffer(&vec![0.0; layout.params_len]);
        OnDevice { params: buffer(&host.params), grads, state }
    }

    fn step(&self, device: &Cuda, op: &Step) {
        let (read, updated) =
            if op.descends { (&self.grads, &self.params) } else { (&self.params, &self.grads) };
        let mut outputs = vec![updated];
        outputs.extend(&self.state);
        device.run(&Op::Step(op.clone()), &[read], &outputs).unwrap();
    }
}

fn download(device: &Cuda, buffer: &Buffer) -> Vec<f32> {
    (device as &dyn Backend).to_vec(buffer).unwrap()
}

fn step_op(chain: &Arc<Chain>, layout: &Layout, step: u64, descends: bool) -> Step {
    let (prepared, segments) = (prepare(chain, &clock(step)), Arc::clone(&layout.segments));
    let (params, state) = (layout.params_len, layout.state_len);
    let op = Step::new(Arc::clone(chain), prepared, segments, params, state).unwrap();
    if descends { op } else { op.leaving_directions() }
}

/// Steps a chain on the device and on the host, and compares all there is after each step.
fn check(chain: Chain, order: Order, descends: bool) {
    let chain = Arc::new(chain);
    let device = device(order);
    for (l, layout) in Layout::all().iter().enumerate() {
        let mut host = Arenas::new(&chain, layout);
        let arenas = OnDevice::new(&device, layout, &host);
        let mut random = Random::new(17);
        for step in 1..=STEPS {
            host.grads = random.hard_values(layout.params_len);
            device.upload(HostRef::F32(&host.grads), &arenas.grads).unwrap();
            let op = step_op(&chain, layout, step, descends);
            host.step(&op);
            arenas.step(&device, &op);
            let what =
                |arena: &str| format!("{chain:?}, layout {l}, {order:?}, step {step}, {arena}");
            assert_same(&download(&device, &arenas.params), &host.params, &what("parameters"));
            assert_same(&download(&device, &arenas.grads), &host.grads, &what("gradients"));
            for (k, (got, want)) in arenas.state.iter().zip(&host.state).enumerate() {
                assert_same(&download(&device, got), want, &what(&format!("slot {k}")));
            }
        }
    }
}

#[test]
fn every_stage_has_a_functor() {
    for stage in stages::examples() {
        let file = format!("stages/{}.cuh", stage.name());
        assert!(lowland_kernels::source(&file).is_some(), "write kernels/{file}");
    }
}

#[test]
fn every_stage_gives_the_same_bits() {
    if !available("every_stage_gives_the_same_bits") {
        return;
    }
    for (i, stage) in stages::examples().into_iter().enumerate() {
        let order = Order::ALL[i % Order::ALL.len()];
        check([stage].into_iter().collect(), order, true);
    }
}

#[test]
fn chains_at_random_give_the_same_bits() {
    if !available("chains_at_random_give_the_same_bits") {
        return;
    }
    let (stages, mut random) = (stages::examples(), Random::new(29));
    for i in 0..18 {
        let chain = random_chain(&mut random, &stages);
        check(chain, Order::ALL[i % Order::ALL.len()], i % 3 > 0);
    }
    for descends in [true, false] {
        check(Chain::new(), Order::Forward, descends);
    }
}

#[test]
fn every_order_of_threads_gives_the_same_bits() {
    if !available("every_order_of_threads_gives_the_same_bits") {
        return;
    }
    for order in Order::ALL {
        for descends in [true, false] {
            check(miadam(), order, descends);
        }
    }
}

/// Weight decay, and MIAdam of order 3 that switches after three steps.
fn miadam() -> Chain {
    Chain::new().then(WeightDecay { weight_decay: 0.1 }).then(MiAdam {
        order: 3,
        kappa: 0.5,
        switch: Switch::Step(4),
        step_scale: StepScale::UnitGain,
        betas: [0.9, 0.99],
        eps: 1e-8,
        amsgrad: false,
    })
}

#[test]
fn a_warm_step_asks_for_nothing() {
    if !available("a_warm_step_asks_for_nothing") {
        return;
    }
    let (chain, device) = (Arc::new(miadam()), device(Order::Forward));
    let layout = &Layout::all()[0];
    let arenas = OnDevice::new(&device, layout, &Arenas::new(&chain, layout));
    arenas.step(&device, &step_op(&chain, layout, 1, true));
    let before = device.memory();
    for step in 2..5 {
        arenas.step(&device, &step_op(&chain, layout, step, true));
    }
    assert_eq!(device.memory(), before);
}

#[test]
fn what_has_no_functor_is_refused_with_the_file_to_write() {
    #[derive(Debug)]
    struct Novel;

    impl Stage for Novel {
        fn name(&self) -> &'static str {
            "novel"
        }

        fn apply_block<T: Real>(&self, _: stage::Scalars<'_>, _: stage::Block<'_, T>) {}
    }

    let (chain, device) = (Chain::new().then(Adam::default()).then(Novel), device(Order::Forward));
    let chain = Arc::new(chain);
    let layout = &Layout::all()[0];
    let op = Op::Step(step_op(&chain, layout, 1, true));
    assert!(!device.supports(&op, DType::F32));
    let arenas = OnDevice::new(&device, layout, &Arenas::new(&chain, layout));
    let outputs = [&arenas.params, &arenas.state[0], &arenas.state[1]];
    let error = device.run(&op, &[&arenas.grads], &outputs).unwrap_err();
    assert!(matches!(error, Error::Unsupported { .. }));
    assert_eq!(
        error.to_string(),
        "the shim backend cannot run optimizer step of [adam, novel] (write kernels/stages/novel.cuh) on f32"
    );
    let params = vec![ArenaParam { name: "w".into(), offset: 0, shape: [4].into() }];
    let groups = vec![GroupSpec::all("all", Update::new().then(Novel))];
    let optimizer = ArenaOptimizer::new(Arc::new(device), DType::F32, 4, params, groups);
    let error = optimizer.unwrap_err().to_string();
    assert!(error.contains("step of [novel] (write kernels/stages/novel.cuh)"), "{error}");
}

/// bf16 numbers as a buffer holds them.
fn pairs(numbers: &[bf16]) -> Vec<u32> {
    let pair = |pair: &[bf16]| {
        u32::from(pair[0].to_bits()) | pair.get(1).map_or(0, |x| u32::from(x.to_bits()) << 16)
    };
    numbers.chunks(2).map(pair).collect()
}

#[test]
fn a_step_on_bf16_is_one_on_master_weights() {
    if !available("a_step_on_bf16_is_one_on_master_weights") {
        return;
    }
    let chains = [
        Chain::new(),
        Chain::new().then(Momentum { momentum: 0.9, dampening: 0.0, nesterov: false }),
        Chain::new().then(WeightDecay { weight_decay: 0.1 }).then(Adam::default()),
        miadam(),
    ];
    for (i, chain) in chains.into_iter().enumerate() {
        let (chain, order) = (Arc::new(chain), Order::ALL[i % Order::ALL.len()]);
        let device = device(order);
        let backend: &dyn Backend = &device;
        for (l, layout) in Layout::all().iter().enumerate() {
            let mut host = Arenas::new(&chain, layout);
            let arenas = OnDevice::new(&device, layout, &host);
            let mut rounded = vec![bf16::from_f32(7.0); layout.params_len];
            let params = backend.buffer_from(&pairs(&rounded)).unwrap();
            let mut random = Random::new(23);
            for step in 1..=STEPS {
                let grads = random.hard_values(layout.params_len);
                let grads: Vec<bf16> = grads.into_iter().map(bf16::from_f32).collect();
                host.grads = grads.iter().map(|g| g.to_f32()).collect();
                let grads = backend.buffer_from(&pairs(&grads)).unwrap();
                let op = step_op(&chain, layout, step, true);
                host.step(&op);
                for &Segment { param, len, .. } in op.segments.iter() {
                    let range = param..param + len;
                    let masters = host.params[range.clone()].iter();
                    let nearest = masters.map(|&p| bf16::from_f32(p));
                    rounded[range].iter_mut().zip(nearest).for_each(|(to, p)| *to = p);
                }
                let state: Vec<&Buffer> = arenas.state.iter().collect();
                let (master, state) = (&arenas.params, &state[..]);
                let buffers = Bf16Arenas { params: &params, grads: &grads, master, state };
                device.step_bf16(&op, &buffers).unwrap();
                let what = format!("{chain:?}, layout {l}, {order:?}, step {step}");
                assert_same(&download(&device, master), &host.params, &what);
                for (got, want) in state.iter().zip(&host.state) {
                    assert_same(&download(&device, got), want, &what);
                }
                let got: Vec<bf16> = backend
                    .to_vec::<u32>(&params)
                    .unwrap()
                    .into_iter()
                    .flat_map(|pair| [pair as u16, (pair >> 16) as u16].map(bf16::from_bits))
                    .collect();
                for (i, (got, want)) in got.iter().zip(&rounded).enumerate() {
                    let same = got.to_bits() == want.to_bits() || got.is_nan() && want.is_nan();
                    assert!(same, "{what}: parameter {i} is {got:?}, not {want:?}");
                }
            }
        }
    }
}

#[test]
fn buffers_of_a_step_on_bf16_are_checked() {
    let (device, layout) = (device(Order::Forward), &Layout::all()[0]);
    let chain =
        Arc::new(Chain::new().then(Momentum { momentum: 0.9, dampening: 0.0, nesterov: false }));
    let op = step_op(&chain, layout, 1, true);
    let allocate = |len, dtype| device.allocate(len, dtype).unwrap();
    let pairs = layout.params_len.div_ceil(2);
    let [params, grads] = [(); 2].map(|()| allocate(pairs, DType::U32));
    let master = allocate(layout.params_len, DType::F32);
    let slot = allocate(layout.state_len, DType::F32);
    let message = |op: &Step, grads, master, state: &[&Buffer]| {
        let arenas = Bf16Arenas { params: &params, grads, master, state };
        device.step_bf16(op, &arenas).unwrap_err().to_string()
    };
    let wrong = message(&op, &grads, &master, &[]);
    assert_eq!(wrong, "optimizer step on bf16: needs 1 state slots, got 0");
    let wrong = message(&op, &master, &master, &[&slot]);
    assert!(
        wrong.contains("operand `grads` needs 4600 elements of u32 (two bf16 each)"),
        "{wrong}"
    );
    let wrong = message(&op, &params, &master, &[&slot]);
    assert!(wrong.contains("`grads` overlaps `params`"), "{wrong}");
    let wrong = message(&op.clone().leaving_directions(), &grads, &master, &[&slot]);
    assert!(wrong.contains("it must descend"), "{wrong}");
}

#[test]
fn an_arena_of_bf16_is_for_labels_no_more() {
    if !available("an_arena_of_bf16_is_for_labels_no_more") {
        return;
    }
    let (device, layout) = (device(Order::Forward), &Layout::all()[0]);
    let op = step_op(&Arc::new(Chain::new()), layout, 1, true);
    let floats = |len| (&device as &dyn Backend).filled(len, DType::F32, 0.0).unwrap();
    let pairs = layout.params_len.div_ceil(2);
    let zeros = vec![0_u32; pairs];
    let [params, grads] = [(); 2].map(|()| device.allocate(pairs, DType::U32).unwrap());
    for arena in [&params, &grads] {
        device.upload(HostRef::U32(&zeros), arena).unwrap();
    }
    let [logits, loss] = [6, 1].map(floats);
    let cross_entropy = Op::CrossEntropy(CrossEntropy::new(2, 3, 0.0).unwrap());
    let labels = params.slice(0, 2).unwrap();
    let loss_of = || device.run(&cross_entropy, &[&logits, &labels], &[&loss]);
    loss_of().unwrap();
    let master = floats(layout.params_len);
    let arenas = Bf16Arenas { params: &params, grads: &grads, master: &master, state: &[] };
    device.step_bf16(&op, &arenas).unwrap();
    let refused = loss_of().unwrap_err().to_string();
    assert!(refused.contains("memory that a step has used for bf16"), "{refused}");
}

#[test]
fn the_sanitizers_find_nothing() {
    assert_clean("every_stage_gives_the_same_bits");
}
