//! The optimizer on arenas against the one on slices, bit for bit.

mod host;

use std::sync::Arc;

use host::Host;
use lowland_core::{Backend, Buffer, Chain, Clock, DType};
use lowland_cpu::Cpu;
use lowland_optim::{
    Adam, ArenaOptimizer, ArenaParam, GroupSpec, MiAdam, Optimizer, OptimizerState, Sgd, StepScale,
    Switch,
};

fn param(name: &str, offset: usize, len: usize) -> ArenaParam {
    ArenaParam { name: name.into(), offset, shape: [len].into() }
}

/// Neighbours with and without a gap, of two groups that take turns, in no order.
fn table() -> Vec<ArenaParam> {
    vec![
        param("conv.weight", 0, 64),
        param("fc.weight", 192, 130),
        param("bn.weight", 64, 16),
        param("bn.bias", 128, 16),
        param("conv2.weight", 80, 5),
        param("fc.bias", 330, 10),
    ]
}

const ARENA_LEN: usize = 384;

fn groups() -> Vec<GroupSpec> {
    let (switch, step_scale) = (Switch::Epoch(3), StepScale::UnitGain);
    let miadam = MiAdam { order: 2, switch, step_scale, weight_decay: 0.01, ..MiAdam::default() };
    let sgd = Sgd { momentum: 0.9, ..Sgd::default() };
    let no_decay = |name: &str| name.ends_with("bias") || name.starts_with("bn.");
    vec![
        GroupSpec::matching("no decay", no_decay, sgd.chain().unwrap()).with_lr_factor(0.5),
        GroupSpec::all("rest", miadam.chain().unwrap()),
    ]
}

/// Values of an arena: padding is NaN, so that whoever touches it shows.
fn arena(f: impl Fn(usize) -> f32) -> Vec<f32> {
    let inside =
        |i: usize| table().iter().any(|p| (p.offset..p.offset + p.shape.len()).contains(&i));
    (0..ARENA_LEN).map(|i| if inside(i) { f(i) } else { f32::NAN }).collect()
}

fn clock(t: u64) -> Clock {
    Clock { step: t, epoch: 1 + t / 4, progress: t as f64 / 30.0, lr: 0.1 / t as f64 }
}

fn grads(t: u64) -> Vec<f32> {
    arena(|i| ((i as f32 + 1.0) * t as f32).sin())
}

fn host() -> Arc<dyn Backend> {
    Arc::new(Host::default())
}

/// Every backend that steps arenas.
fn backends() -> Vec<Arc<dyn Backend>> {
    vec![host(), Arc::new(Cpu::new(1)), Arc::new(Cpu::new(2))]
}

struct OnArenas {
    backend: Arc<dyn Backend>,
    optimizer: ArenaOptimizer,
    params: Buffer,
}

impl OnArenas {
    fn new(backend: Arc<dyn Backend>) -> Self {
        let params = backend.buffer_from(&arena(|i| (i as f32).cos())).unwrap();
        let optimizer =
            ArenaOptimizer::new(Arc::clone(&backend), DType::F32, ARENA_LEN, table(), groups())
                .unwrap();
        OnArenas { backend, optimizer, params }
    }

    fn run(&mut self, steps: std::ops::Range<u64>) {
        for t in steps {
            let grads = self.backend.buffer_from(&grads(t)).unwrap();
            self.optimizer.step(&clock(t), &self.params, &grads).unwrap();
        }
    }

    fn values(&self) -> Vec<f32> {
        self.backend.to_vec(&self.params).unwrap()
    }
}

/// The same on slices: parameters and state.
fn on_slices(steps: u64) -> (Vec<f32>, OptimizerState<f32>) {
    let mut values = arena(|i| (i as f32).cos());
    let mut optimizer = Optimizer::from_groups(groups()).unwrap();
    for t in 1..=steps {
        let grads = grads(t);
        let mut pieces: Vec<(ArenaParam, Vec<f32>)> = table()
            .into_iter()
            .map(|p| (p.clone(), values[p.offset..p.offset + p.shape.len()].to_vec()))
            .collect();
        let mut rows: Vec<(&str, &mut [f32], &[f32])> = Vec::new();
        for (p, piece) in &mut pieces {
            rows.push((&p.name, piece, &grads[p.offset..p.offset + p.shape.len()]));
        }
        optimizer.step(&clock(t), &mut rows).unwrap();
        for (p, piece) in pieces {
            values[p.offset..p.offset + p.shape.len()].copy_from_slice(&piece);
        }
    }
    (values, optimizer.state())
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}

#[test]
fn arenas_and_slices_agree_bit_for_bit() {
    let (values, state) = on_slices(20);
    for backend in backends() {
        let mut on_arenas = OnArenas::new(backend);
        on_arenas.run(1..21);
        assert_eq!(bits(&on_arenas.values()), bits(&values), "{:?}", on_arenas.backend);
        assert_eq!(on_arenas.optimizer.state_dict::<f32>().unwrap(), state);
        assert_eq!(on_arenas.optimizer.steps(), 20);
    }
    assert!((values[0] - 1.0).abs() > 1e-3, "it moved: {}", values[0]);
}

#[test]
fn a_state_goes_from_slices_to_arenas_and_on() {
    let (values_before, state_before) = on_slices(7);
    let (values, state) = on_slices(20);
    for backend in backends() {
        let mut on_arenas = OnArenas::new(backend);
        on_arenas.params = on_arenas.backend.buffer_from(&values_before).unwrap();
        on_arenas.optimizer.load_state_dict(&state_before).unwrap();
        on_arenas.run(8..21);
        assert_eq!(bits(&on_arenas.values()), bits(&values), "{:?}", on_arenas.backend);
        assert_eq!(on_arenas.optimizer.state_dict::<f32>().unwrap(), state);
    }
}

#[test]
fn one_op_a_group_and_neighbours_are_one_segment() {
    let host = Arc::new(Host::default());
    let backend: Arc<dyn Backend> = host.clone();
    let optimizer = ArenaOptimizer::new(backend, DType::F32, ARENA_LEN, table(), groups()).unwrap();
    let explained = optimizer.explain();
    let lines: Vec<&str> = explained.lines().collect();
    assert!(lines[0].starts_with(
        "group `no decay` (3 parameters, 42 elements in 3 segments, lr times 0.5): one pass, 20 bytes"
    ));
    assert!(
        lines[1].starts_with("group `rest` (3 parameters, 199 elements in 3 segments): one pass")
    );
    assert_eq!(*host.ops.lock().unwrap(), ["fill"; 5]);

    // Without groups in between, conv.weight, bn.weight and conv2.weight lie end to end.
    let one = vec![GroupSpec::all("all", Sgd::default().chain().unwrap())];
    let mut optimizer =
        ArenaOptimizer::new(host.clone(), DType::F32, ARENA_LEN, table(), one).unwrap();
    assert!(optimizer.explain().contains("6 parameters, 241 elements in 4 segments"));
    host.ops.lock().unwrap().clear();
    let backend: &dyn Backend = &*host;
    let (params, grads) =
        (backend.buffer_from(&grads(1)).unwrap(), backend.buffer_from(&grads(2)).unwrap());
    optimizer.step(&clock(1), &params, &grads).unwrap();
    assert_eq!(*host.ops.lock().unwrap(), ["optimizer step"]);
}

#[test]
fn tables_that_cannot_be_are_refused() {
    let refused = |params: Vec<ArenaParam>, groups: Vec<GroupSpec>, dtype| {
        let host: Arc<dyn Backend> = Arc::new(Host::default());
        ArenaOptimizer::new(host, dtype, 100, params, groups).unwrap_err().to_string()
    };
    let all = || vec![GroupSpec::all("all", Adam::default().chain().unwrap())];
    let names = |name: &str| vec![GroupSpec::names("some", [name], Chain::new())];
    assert_eq!(
        refused(vec![param("a", 0, 10), param("b", 9, 3)], all(), DType::F32),
        "parameter `a`: overlaps `b` in the arena"
    );
    assert_eq!(
        refused(vec![param("a", 91, 10)], all(), DType::F32),
        "parameter `a`: 10 elements at 91 leave the arena of 100"
    );
    assert!(
        refused(vec![param("a", usize::MAX, 10)], all(), DType::F32).contains("leave the arena")
    );
    assert_eq!(
        refused(vec![param("a", 0, 1), param("a", 1, 1)], all(), DType::F32),
        "parameter `a`: comes twice in the table; each needs a name of its own"
    );
    assert_eq!(
        refused(vec![param("a", 0, 1)], names("A"), DType::F32),
        "group `some`: lists `A`, but there is no parameter of this name"
    );
    assert_eq!(
        refused(vec![param("a", 0, 1), param("b", 1, 1)], names("a"), DType::F32),
        "parameter `b` is in none of the groups [`some`]; add one that selects it"
    );
    assert_eq!(
        refused(vec![param("a", 0, 1)], all(), DType::F64),
        "the host backend cannot run optimizer step of [adam] on f64"
    );
}

#[test]
fn states_that_do_not_fit_are_refused_and_nothing_changes() {
    let mut on_arenas = OnArenas::new(host());
    on_arenas.run(1..4);
    let good = on_arenas.optimizer.state_dict::<f32>().unwrap();
    let mut refused = |change: &dyn Fn(&mut OptimizerState<f32>)| {
        let mut state = good.clone();
        change(&mut state);
        let message = on_arenas.optimizer.load_state_dict(&state).unwrap_err().to_string();
        assert_eq!(on_arenas.optimizer.state_dict::<f32>().unwrap(), good);
        message
    };
    let message = refused(&|s| {
        s.params.remove("bn.bias");
        s.params.remove("conv.weight");
        s.params.insert("x".into(), Default::default());
        let bias = s.params.get_mut("fc.bias").unwrap();
        bias.steps = 9;
        bias.slots.values_mut().for_each(|v| v.truncate(3));
    });
    assert_eq!(
        message,
        "the saved state is not of these parameters: 2 missing (`conv.weight`, `bn.bias`); 1 of no \
         parameter (`x`); 2 different (`fc.bias` has 3 elements in the slot `momentum.momentum_buffer`, \
         not 10, `fc.bias` has taken 9 steps, `fc.weight` 3: in an arena all take every step together)"
    );
    let message = refused(&|s| s.params.clear());
    assert!(message.contains("6 missing"), "{message}");
}

#[test]
fn hyper_parameters_change_and_a_wrong_clock_changes_nothing() {
    let mut on_arenas = OnArenas::new(host());
    on_arenas.run(1..3);
    let before = (bits(&on_arenas.values()), on_arenas.optimizer.state_dict::<f32>().unwrap());
    let grads = on_arenas.backend.buffer_from(&grads(3)).unwrap();
    let clock = Clock { lr: f64::INFINITY, ..clock(3) };
    let error =
        on_arenas.optimizer.step(&clock, &on_arenas.params, &grads).unwrap_err().to_string();
    assert_eq!(
        error,
        "group `no decay`: the learning rate of step 3 is inf, which is not finite in f32"
    );
    assert_eq!(
        before,
        (bits(&on_arenas.values()), on_arenas.optimizer.state_dict::<f32>().unwrap())
    );

    let still = Sgd { momentum: 0.5, ..Sgd::default() }.chain().unwrap();
    on_arenas.optimizer.set_update("no decay", still).unwrap();
    let (values, buffer) =
        (on_arenas.values(), before.1.params["bn.bias"].slots["momentum.momentum_buffer"][0]);
    on_arenas.run(3..4);
    let step = self::clock(3).lr * 0.5;
    let want = values[128] - step as f32 * (0.5 * buffer + self::grads(3)[128]);
    assert_eq!(on_arenas.values()[128], want);
    assert!(on_arenas.optimizer.set_update("rest", Chain::new()).is_err());
}
