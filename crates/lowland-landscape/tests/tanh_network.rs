//! The curvature of a small smooth network against its exact Hessian.

mod common;
#[path = "common/hyper_dual.rs"]
mod hyper_dual;

use std::sync::Arc;

use common::{Matrix, distance, norm, numbers};
use hyper_dual::HyperDual;
use lowland_cpu::Cpu;
use lowland_landscape::{
    Batch, End, Hessian, NetworkLoss, Normalisation, Objective, Operator, Search, eigenpairs,
    parameters, quadrature, trace,
};
use lowland_models::layers::Linear;
use lowland_models::{CrossEntropy, Module, ParamStore, Pass, StoreBuilder};
use lowland_tensor::{DType, Device, Result, Tensor};

const INPUTS: usize = 3;
const HIDDEN: usize = 4;
const CLASSES: usize = 3;
const COUNT: usize = HIDDEN * (INPUTS + 1) + CLASSES * (HIDDEN + 1);
/// Of two batches.
const SIZES: [usize; 2] = [5, 2];

#[derive(Debug)]
struct Mlp {
    hidden: Linear,
    logits: Linear,
}

impl Module for Mlp {
    fn forward(&self, x: &Tensor, pass: &Pass<'_>) -> Result<Tensor> {
        self.logits.forward(&self.hidden.forward(x, pass)?.tanh()?, pass)
    }
}

fn network(dtype: DType) -> (Mlp, ParamStore, Vec<Batch>) {
    let device: Device = Arc::new(Cpu::new(2));
    let mut builder = StoreBuilder::new();
    let mut root = builder.root();
    let hidden = Linear::new(root.scope("hidden"), INPUTS, HIDDEN).unwrap();
    let logits = Linear::new(root.scope("logits"), HIDDEN, CLASSES).unwrap();
    let store = builder.build(&device, dtype, 3).unwrap();
    let mut start = 0;
    let batches = SIZES.map(|size| {
        let values = &images()[start * INPUTS..(start + size) * INPUTS];
        let images = match dtype {
            DType::F64 => Tensor::from_slice(&device, [size, INPUTS], values),
            _ => {
                let values: Vec<f32> = values.iter().map(|v| *v as f32).collect();
                Tensor::from_slice(&device, [size, INPUTS], &values)
            }
        };
        let labels: Vec<u32> = (start..start + size).map(label).collect();
        start += size;
        let labels = Tensor::from_slice(&device, [size], &labels).unwrap();
        Batch { images: images.unwrap(), labels }
    });
    (Mlp { hidden, logits }, store, batches.to_vec())
}

/// Exact in `f32`, so that both types see the same images.
fn images() -> Vec<f64> {
    let count = SIZES.iter().sum::<usize>() * INPUTS;
    numbers(count, 1).iter().map(|v| f64::from((2.0 * v) as f32)).collect()
}

fn label(image: usize) -> u32 {
    (image * 2 % CLASSES) as u32
}

/// `W x + b`, row by row, from parameters that start at `start`.
fn affine(w: &[HyperDual], start: &mut usize, x: &[HyperDual], outputs: usize) -> Vec<HyperDual> {
    let (weight, bias) = w[*start..].split_at(outputs * x.len());
    *start += outputs * (x.len() + 1);
    (0..outputs)
        .map(|o| {
            let row = &weight[o * x.len()..][..x.len()];
            row.iter().zip(x).fold(bias[o], |sum, (w, x)| sum + *w * *x)
        })
        .collect()
}

/// The mean cross-entropy, written out.
fn loss(w: &[HyperDual]) -> HyperDual {
    let images = images();
    let count = SIZES.iter().sum::<usize>();
    let mut sum = HyperDual::default();
    for (i, image) in images.chunks(INPUTS).enumerate() {
        let x: Vec<HyperDual> = image.iter().map(|v| HyperDual::constant(*v)).collect();
        let mut start = 0;
        let hidden: Vec<HyperDual> =
            affine(w, &mut start, &x, HIDDEN).into_iter().map(HyperDual::tanh).collect();
        let logits = affine(w, &mut start, &hidden, CLASSES);
        let all = logits.iter().fold(HyperDual::default(), |sum, z| sum + z.exp());
        sum = sum + all.ln() + HyperDual::constant(-1.0) * logits[label(i) as usize];
    }
    sum * HyperDual::constant(1.0 / count as f64)
}

/// The loss, its gradient and its Hessian.
fn exact(at: &[f64]) -> (f64, Vec<f64>, Matrix) {
    let entry = |i: usize, j: usize| {
        let mut w: Vec<HyperDual> = at.iter().map(|v| HyperDual::constant(*v)).collect();
        w[i].a = 1.0;
        w[j].b = 1.0;
        loss(&w)
    };
    let gradient = (0..at.len()).map(|i| entry(i, i).a).collect();
    let row = |i| (0..at.len()).map(|j| entry(i, j).ab).collect();
    (entry(0, 0).v, gradient, Matrix((0..at.len()).map(row).collect()))
}

#[test]
fn products_are_those_of_the_exact_hessian() {
    for (dtype, bounds) in [(DType::F64, [1e-15, 2e-15, 5e-10]), (DType::F32, [2e-7, 5e-7, 5e-3])] {
        let (module, store, batches) = network(dtype);
        let w = parameters(&store).unwrap();
        assert_eq!(w.len(), COUNT);
        let (value, gradient, matrix) = exact(&w);
        for normalisation in [Normalisation::Batch, Normalisation::Running] {
            let loss = CrossEntropy::default();
            let mut f = NetworkLoss::new(&module, &store, &batches, loss, normalisation).unwrap();
            let (got, slope) = f.gradient(&w).unwrap();
            let errors = [(got - value).abs(), distance(&slope, &gradient) / norm(&gradient)];
            assert!(errors[0] < bounds[0] && errors[1] < bounds[1], "{dtype}: {errors:?}");
            assert!((f.loss(&w).unwrap() - value).abs() < bounds[0]);
            let mut hessian = Hessian::new(&mut f, &w).unwrap();
            for seed in 0..5 {
                let v: Vec<f64> = numbers(COUNT, 10 + seed).iter().map(|v| v * 30.0).collect();
                let want = matrix.times(&v);
                let error = distance(&hessian.apply(&v).unwrap(), &want) / norm(&want);
                assert!(error < bounds[2], "{dtype}: {error}");
            }
        }
    }
}

#[test]
fn eigenvalues_trace_and_moments_are_those_of_the_exact_hessian() {
    for (dtype, bound) in [(DType::F64, 5e-10), (DType::F32, 3e-4)] {
        let (module, store, batches) = network(dtype);
        let w = parameters(&store).unwrap();
        let (_, _, matrix) = exact(&w);
        let loss = CrossEntropy::default();
        let mut f =
            NetworkLoss::new(&module, &store, &batches, loss, Normalisation::Running).unwrap();
        let mut hessian = Hessian::new(&mut f, &w).unwrap();
        let want = matrix.clone().eigenvalues();
        let search = Search { end: End::Top, count: 5, steps: COUNT, tolerance: 0.0, seed: 0 };
        let top = eigenpairs(&mut hessian, &search).unwrap();
        let error = distance(&top.values, &want[..5]);
        assert!(error < bound, "{dtype}: {:?} {want:?}", top.values);
        let bottom = Search { end: End::Bottom, count: 1, ..search };
        let bottom = eigenpairs(&mut hessian, &bottom).unwrap().values[0];
        assert!((bottom - want[COUNT - 1]).abs() < bound, "{bottom}");

        // The same probes on the exact matrix.
        let (got, want) = (trace(&mut hessian, 20, 4), trace(&mut matrix.clone(), 20, 4));
        let (got, want) = (got.unwrap(), want.unwrap());
        assert!((got.mean - want.mean).abs() < 10.0 * bound, "{got:?} {want:?}");
        assert!((got.standard_error - want.standard_error).abs() < 10.0 * bound);
        let (got, want) =
            (quadrature(&mut hessian, 3, 8, 4), quadrature(&mut matrix.clone(), 3, 8, 4));
        let (got, want) = (got.unwrap(), want.unwrap());
        for power in 1..4 {
            let error = got.mean_of(|x| x.powi(power)) - want.mean_of(|x| x.powi(power));
            assert!(error.abs() < bound, "{dtype}, moment {power}: {error}");
        }
    }
}
