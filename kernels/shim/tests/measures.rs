//! The kernels of measures against the loops on the processor, and the optimizers that are told sums
//! of them.

mod values;

use std::sync::Arc;

use lowland_core::op::{MeasureTensors, Segment};
use lowland_core::{Backend, Buffer, Clock, DType, DynMeasure, Op, Shape};
use lowland_cpu::Cpu;
use lowland_optim::stages::{self, Adai, Swats};
use lowland_optim::{ArenaOptimizer, ArenaParam, GroupSpec, Update};
use lowland_shim::{Order, available};
use values::{Random, assert_same, device};

#[test]
fn every_measure_has_a_functor() {
    for measure in stages::measures() {
        let file = format!("measures/{}.cuh", measure.name());
        assert!(lowland_kernels::source(&file).is_some(), "write kernels/{file}");
    }
}

/// The sums of a measure over tensors of these directions and states.
fn sums(
    backend: &dyn Backend,
    measure: &Arc<dyn DynMeasure>,
    tensors: &[(Vec<f32>, Vec<Vec<f32>>)],
    gap: usize,
) -> Vec<f64> {
    let mut segments = Vec::new();
    let mut arenas = vec![vec![f32::NAN; gap]; 1 + measure.reads()];
    for (directions, state) in tensors {
        let len = directions.len();
        segments.push(Segment { param: arenas[0].len(), state: arenas[0].len(), len });
        for (arena, values) in arenas.iter_mut().zip([directions].into_iter().chain(state)) {
            arena.extend(values);
            arena.resize(arena.len() + gap, f32::NAN);
        }
    }
    let len = arenas[0].len();
    let scalars = measure.scalars(&Clock::at_step(3, 0.01));
    let op = MeasureTensors::new(Arc::clone(measure), scalars, segments.into(), len, len).unwrap();
    let arenas: Vec<Buffer> = arenas.iter().map(|a| backend.buffer_from(a).unwrap()).collect();
    let inputs: Vec<&Buffer> = arenas.iter().collect();
    let outputs = [(); 2].map(|()| backend.allocate(measure.sums().len(), DType::F32).unwrap());
    backend.run(&Op::Measure(op), &inputs, &[&outputs[0], &outputs[1]]).unwrap();
    let [sums, rests] = outputs.map(|buffer| backend.to_vec::<f32>(&buffer).unwrap());
    sums.into_iter().zip(rests).map(|(sum, rest)| MeasureTensors::join([sum, rest])).collect()
}

#[test]
fn sums_are_those_of_the_processor_wherever_tensors_lie() {
    if !available("sums_are_those_of_the_processor_wherever_tensors_lie") {
        return;
    }
    let mut random = Random::new(11);
    let mut ordinary = |len| -> Vec<f32> {
        let values = random.hard_values(len).into_iter();
        values.map(|x| if x.abs() < 1e10 { x } else { 1.0 }).collect()
    };
    let cpu = Cpu::new(1);
    for measure in stages::measures() {
        let mut tensor = |len| {
            let state =
                (0..measure.reads()).map(|_| ordinary(len).iter().map(|x| x.abs()).collect());
            let state = state.collect::<Vec<Vec<f32>>>();
            (ordinary(len), state)
        };
        let mut tensors = [9000, 1, 4097, 70].map(&mut tensor);
        let want = sums(&cpu, &measure, &tensors, 0);
        for order in Order::ALL {
            let device = device(order);
            let first = sums(&device, &measure, &tensors, 1);
            for (got, want) in first.iter().zip(&want) {
                assert!(
                    (got - want).abs() <= 1e-13 * want.abs(),
                    "{measure:?}: {got:e}, not {want:e}"
                );
            }
            tensors.rotate_left(1);
            assert_eq!(sums(&device, &measure, &tensors, 3), first, "{measure:?}, {order:?}");
        }
    }
}

/// Parameters of two tensors after some steps.
fn trained(backend: Arc<dyn Backend>, update: Update) -> Vec<f32> {
    let param = |name: &str, offset, shape: &[usize]| ArenaParam {
        name: name.into(),
        offset,
        shape: Shape::new(shape),
    };
    let params = vec![param("a", 0, &[70, 3]), param("b", 256, &[9])];
    let len = 300;
    let groups = vec![GroupSpec::all("all", update)];
    let mut optimizer =
        ArenaOptimizer::new(Arc::clone(&backend), DType::F32, len, params, groups).unwrap();
    let mut random = Random::new(7);
    let params = backend.buffer_from(&random.values(len)).unwrap();
    for step in 1..=8 {
        let grads = backend.buffer_from(&random.values(len)).unwrap();
        optimizer.step(&Clock::at_step(step, 0.05), &params, &grads).unwrap();
    }
    backend.to_vec(&params).unwrap()
}

#[test]
fn optimizers_that_measure_train_as_on_the_processor() {
    if !available("optimizers_that_measure_train_as_on_the_processor") {
        return;
    }
    // A tolerance so wide that the switch to SGD comes at the first step at which it can.
    let swats = || Update::new().measured(Swats { tolerance: 1e3, ..Swats::default() });
    let adai = || Update::new().measured(Adai::default());
    for (name, update) in [("adai", adai as fn() -> Update), ("swats", swats)] {
        let want = trained(Arc::new(Cpu::new(1)), update());
        let got = trained(Arc::new(device(Order::Forward)), update());
        // The sums are the same to many more digits than the scalars of `f32` that come of them.
        assert_same(&got, &want, name);
    }
}
