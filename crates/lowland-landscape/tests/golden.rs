//! The Hessian of a network with ReLUs and batch normalisation, against second-order automatic
//! differentiation: PyTorch's, in f64. What is stored is described in golden/README.md.

mod common;

use std::path::Path;
use std::sync::Arc;

use common::{distance, norm};
use lowland_cpu::Cpu;
use lowland_landscape::{
    Batch, End, Function, Hessian, NetworkLoss, Normalisation, Objective, Operator, Search,
    eigenpairs, parameters, trace,
};
use lowland_models::{CrossEntropy, Model, ModelConfig, StateDict};
use lowland_tensor::{DType, Device, Tensor};

/// The stored network, its images, and everything that is stored.
struct Stored {
    all: StateDict,
    model: Model,
    batches: [Batch; 1],
}

const BOTH: [(Normalisation, &str); 2] =
    [(Normalisation::Batch, "batch"), (Normalisation::Running, "running")];

impl Stored {
    fn read(dtype: DType) -> Stored {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden");
        let all = StateDict::read(folder.join("hessian.safetensors")).unwrap();
        let device: Device = Arc::new(Cpu::new(2));
        let config = ModelConfig {
            shortcut: Some(lowland_models::zoo::Shortcut::B),
            widths: Some(vec![3, 4]),
            blocks: Some(vec![1, 1]),
            ..ModelConfig::named("resnet20")
        };
        let model = config.build([8, 8, 3], 5, &device, dtype, 0).unwrap();
        let mut weights = StateDict::default();
        for (name, tensor) in &all.tensors {
            if let Some(name) = name.strip_prefix("weight.") {
                weights.tensors.insert(name.into(), tensor.clone());
            }
        }
        model.store.load_state_dict(&weights, true).unwrap();
        let values = |name: &str| all.tensors[name].values.to_f64();
        let shape = [6, 8, 8, 3];
        let images = values("images");
        let images = match dtype {
            DType::F64 => Tensor::from_slice(&device, shape, &images).unwrap(),
            _ => {
                let images: Vec<f32> = images.iter().map(|v| *v as f32).collect();
                Tensor::from_slice(&device, shape, &images).unwrap()
            }
        };
        let labels: Vec<u32> = values("labels").iter().map(|v| *v as u32).collect();
        let labels = Tensor::from_slice(&device, [6], &labels).unwrap();
        Stored { all, model, batches: [Batch { images, labels }] }
    }

    fn loss(&self, by: Normalisation) -> NetworkLoss<'_> {
        let Model { module, store, .. } = &self.model;
        NetworkLoss::new(&**module, store, &self.batches, CrossEntropy::default(), by).unwrap()
    }

    fn values(&self, name: &str) -> Vec<f64> {
        self.all.tensors[name].values.to_f64()
    }

    /// The stored product, in the order of the parameters.
    fn product(&self, statistics: &str) -> Vec<f64> {
        let entries = self.model.store.entries().iter();
        entries.flat_map(|e| self.values(&format!("{statistics}.product.{}", e.name))).collect()
    }

    /// The vector of that product.
    fn wave(&self) -> Vec<f64> {
        let of = |len: usize| (0..len).map(|i| (0.1 * i as f64 + 0.3).cos());
        self.model.store.entries().iter().flat_map(|e| of(e.shape.len())).collect()
    }
}

#[test]
fn golden_products_eigenvalues_and_trace() {
    // Eigenvalues to a part of the largest.
    for (dtype, product_bound, bound) in [(DType::F64, 1e-8, 1e-7), (DType::F32, 5e-3, 5e-3)] {
        let stored = Stored::read(dtype);
        let w = parameters(&stored.model.store).unwrap();
        for (by, name) in BOTH {
            let mut f = stored.loss(by);
            let mut hessian = Hessian::new(&mut f, &w).unwrap();
            let (got, want) = (hessian.apply(&stored.wave()).unwrap(), stored.product(name));
            let error = distance(&got, &want) / norm(&want);
            assert!(error < product_bound, "{dtype}, {name}: a product is {error} off");

            let want = stored.values(&format!("{name}.eigenvalues"));
            let search = Search { end: End::Top, count: 3, steps: 60, tolerance: 1e-6, seed: 0 };
            let top = eigenpairs(&mut hessian, &search).unwrap();
            let bottom = Search { end: End::Bottom, count: 1, ..search };
            let bottom = eigenpairs(&mut hessian, &bottom).unwrap();
            let least = want[want.len() - 1];
            let pairs = top.values.iter().zip(&want[..3]).chain([(&bottom.values[0], &least)]);
            for (got, value) in pairs {
                let error = (got - value).abs() / want[0];
                assert!(error < bound, "{dtype}, {name}: {got} is not {value}");
            }
            let found = trace(&mut hessian, 100, 0).unwrap();
            let exact: f64 = want.iter().sum();
            assert!((found.mean - exact).abs() < 4.0 * found.standard_error, "{found:?} {exact}");
        }
    }
}

/// Why gates are needed: a difference over the kinks of the ReLUs does not settle as its step shrinks.
#[test]
fn differences_over_kinks_are_no_product_with_the_hessian() {
    let stored = Stored::read(DType::F64);
    let w = parameters(&stored.model.store).unwrap();
    let (v, want) = (stored.wave(), stored.product("batch"));
    let (mut f, mut inner) = (stored.loss(Normalisation::Batch), stored.loss(Normalisation::Batch));
    let mut kinked = Function::new(w.len(), |at: &[f64]| inner.gradient(at).unwrap());
    let off = |step: f64| {
        fn product(f: &mut impl Objective, w: &[f64], v: &[f64], step: f64) -> Vec<f64> {
            Hessian::new(f, w).unwrap().with_relative_step(step).unwrap().apply(v).unwrap()
        }
        let products = [product(&mut kinked, &w, &v, step), product(&mut f, &w, &v, step)];
        products.map(|got| distance(&got, &want) / norm(&want))
    };
    let [[kinked, gated], [kinked_nearer, gated_nearer]] = [1e-2, 1e-4].map(off);
    assert!(kinked > 1.0 && kinked_nearer > kinked, "{kinked} and {kinked_nearer}");
    // Of second order: a hundredth of the step has a ten-thousandth of the error.
    let order = (gated / gated_nearer).log10() / 2.0;
    assert!(gated < 0.01 && (order - 2.0).abs() < 0.01, "{gated} and {gated_nearer}");
}
