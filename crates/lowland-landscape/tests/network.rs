//! Networks with batch normalisation: what is measured, and that the network stays as it was.

mod common;

use std::sync::Arc;

use common::{distance, dot, norm, numbers};
use lowland_cpu::Cpu;
use lowland_landscape::{
    Ascent, Batch, End, Error, Hessian, NetworkLoss, Normalisation, Objective, Search, eigenpairs,
    filter_normalised, interpolate, line, parameters, plane, quadrature, sharpness, trace,
};
use lowland_models::{CrossEntropy, Model, ModelConfig, Pass, Role, Values};
use lowland_tensor::{DType, Device, Tensor};

const ALL: [Normalisation; 3] =
    [Normalisation::Batch, Normalisation::Running, Normalisation::ReEstimated];

fn tensor(device: &Device, size: usize, dtype: DType, seed: u64) -> Tensor {
    let values = numbers(size * 64, seed);
    let shape = [size, 8, 8, 1];
    match dtype {
        DType::F64 => Tensor::from_slice(device, shape, &values).unwrap(),
        _ => {
            let values: Vec<f32> = values.iter().map(|v| *v as f32).collect();
            Tensor::from_slice(device, shape, &values).unwrap()
        }
    }
}

/// A residual network whose running statistics and gradients are not those it began with.
fn network(dtype: DType, threads: usize) -> (Model, Vec<Batch>) {
    let device: Device = Arc::new(Cpu::new(threads));
    let config = ModelConfig {
        widths: Some(vec![2, 3]),
        blocks: Some(vec![1, 1]),
        ..ModelConfig::named("resnet20")
    };
    let model = config.build([8, 8, 1], 3, &device, dtype, 5).unwrap();
    let batches = [(4usize, 1), (2, 2)].map(|(size, seed)| {
        let labels: Vec<u32> = (0..size as u32).map(|i| (i * 7 + 1) % 3).collect();
        let labels = Tensor::from_slice(&device, [size], &labels).unwrap();
        Batch { images: tensor(&device, size, dtype, seed), labels }
    });
    let logits = model.train(&batches[0].images).unwrap();
    CrossEntropy::default().forward(&logits, &batches[0].labels).unwrap().backward().unwrap();
    (model, batches.to_vec())
}

fn objective<'a>(model: &'a Model, batches: &'a [Batch], by: Normalisation) -> NetworkLoss<'a> {
    NetworkLoss::new(&*model.module, &model.store, batches, CrossEntropy::default(), by).unwrap()
}

/// The bits of everything that a store holds.
fn bits(model: &Model) -> Vec<u64> {
    let store = &model.store;
    [store.params(), store.grads(), store.stats()]
        .into_iter()
        .flat_map(|arena| Values::download(&**store.device(), arena).unwrap().to_f64())
        .map(f64::to_bits)
        .collect()
}

/// Every measure at a network, as bits.
fn measure(model: &Model, batches: &[Batch]) -> Vec<u64> {
    let w = parameters(&model.store).unwrap();
    let [x, y] = [0, 1].map(|i| filter_normalised(model.store.entries(), &w, 3, i).unwrap());
    let mut numbers = Vec::new();
    for by in ALL {
        let mut f = objective(model, batches, by);
        numbers.extend(line(&mut f, &w, &x, &[-0.5, 0.0, 0.5]).unwrap());
        numbers.extend(plane(&mut f, &w, [&x, &y], [&[0.1, 0.2], &[0.3]]).unwrap().losses);
        numbers.extend(interpolate(&mut f, [&w, &x], &[0.3]).unwrap());
        if by == Normalisation::ReEstimated {
            continue;
        }
        let ball = Ascent { radius: 0.05, steps: 2, rate: 0.5, seed: 0 };
        numbers.push(sharpness(&mut f, &w, &ball).unwrap().sharpness);
        let mut hessian = Hessian::new(&mut f, &w).unwrap();
        let search = Search { end: End::Top, count: 2, steps: 4, tolerance: 0.0, seed: 0 };
        numbers.extend(eigenpairs(&mut hessian, &search).unwrap().values);
        numbers.push(trace(&mut hessian, 2, 0).unwrap().mean);
        numbers.push(quadrature(&mut hessian, 1, 3, 0).unwrap().mean_of(|x| x * x));
    }
    assert!(numbers.iter().all(|n| n.is_finite()));
    numbers.into_iter().map(f64::to_bits).collect()
}

#[test]
fn no_measure_changes_the_network_and_all_are_reproducible() {
    for dtype in [DType::F32, DType::F64] {
        let (model, batches) = network(dtype, 2);
        let before = bits(&model);
        let once = measure(&model, &batches);
        assert_eq!(bits(&model), before, "{dtype}");
        assert_eq!(measure(&model, &batches), once, "{dtype}");
        let (alone, batches) = network(dtype, 1);
        assert_eq!(measure(&alone, &batches), once, "{dtype}: on one thread");
        // Errors leave it alone too.
        let mut f = objective(&model, &batches, Normalisation::Batch);
        let error = f.gradient(&vec![f64::NAN; f.dimension()]).unwrap_err().to_string();
        assert!(error.starts_with("the point at parameter 0 is not finite"), "{error}");
        assert_eq!(bits(&model), before);
    }
}

#[test]
fn gradients_are_those_of_the_loss_by_either_statistics() {
    let (model, batches) = network(DType::F64, 2);
    let w = parameters(&model.store).unwrap();
    for by in [Normalisation::Batch, Normalisation::Running] {
        let mut f = objective(&model, &batches, by);
        let (loss, gradient) = f.gradient(&w).unwrap();
        assert_eq!(loss, f.loss(&w).unwrap());
        let v = numbers(w.len(), 8);
        let step = 1e-7 / norm(&v);
        let at = |f: &mut NetworkLoss<'_>, h: f64| {
            let point: Vec<f64> = w.iter().zip(&v).map(|(w, v)| w + h * v).collect();
            f.loss(&point).unwrap()
        };
        let slope = (at(&mut f, step) - at(&mut f, -step)) / (2.0 * step);
        let want = dot(&gradient, &v);
        assert!((slope / want - 1.0).abs() < 1e-5, "{by:?}: {slope} {want}");
    }
}

#[test]
fn a_mean_counts_every_image_once() {
    let (model, batches) = network(DType::F64, 2);
    let w = parameters(&model.store).unwrap();
    let loss_of = |batch: &Batch, pass: &Pass<'_>| {
        let logits = model.module.forward(&batch.images, pass).unwrap();
        CrossEntropy::default().forward(&logits, &batch.labels).unwrap().item().unwrap()
    };
    let store = &model.store;
    for (by, pass) in [
        (Normalisation::Batch, Pass::train(store).frozen_stats()),
        (Normalisation::Running, Pass::eval(store)),
    ] {
        let want = (4.0 * loss_of(&batches[0], &pass) + 2.0 * loss_of(&batches[1], &pass)) / 6.0;
        let got = objective(&model, &batches, by).loss(&w).unwrap();
        assert!((got - want).abs() < 1e-15, "{by:?}: {got} {want}");
    }
}

#[test]
fn statistics_are_estimated_as_the_mean_of_those_of_the_batches() {
    let (model, batches) = network(DType::F64, 2);
    let w = parameters(&model.store).unwrap();
    // After 400 passes over one batch, running statistics are that batch's to the last bit or so.
    let [first, second] = [0, 1].map(|i| {
        let store = model.store.try_clone().unwrap();
        for _ in 0..400 {
            model.module.forward(&batches[i].images, &Pass::train(&store)).unwrap();
        }
        Values::download(&**store.device(), store.stats()).unwrap().to_f64()
    });
    let mean = first.iter().zip(&second).map(|(a, b)| (4.0 * a + 2.0 * b) / 6.0).collect();
    let store = model.store.try_clone().unwrap();
    Values::F64(mean).upload(&**store.device(), store.stats()).unwrap();
    let loss = CrossEntropy::default();
    let by = Normalisation::Running;
    let want = NetworkLoss::new(&*model.module, &store, &batches, loss, by).unwrap().loss(&w);
    let want = want.unwrap();
    let got = objective(&model, &batches, Normalisation::ReEstimated).loss(&w).unwrap();
    assert!((got - want).abs() < 1e-12, "{got} {want}");
    let mut f = objective(&model, &batches, by);
    assert!((f.loss(&w).unwrap() - want).abs() > 1e-3);
    f.estimate_statistics(&w).unwrap();
    assert_eq!(f.loss(&w).unwrap(), got);
    assert_eq!(f.gradient(&w).unwrap().0, got);
    assert_eq!(f.position().unwrap(), w);

    // Weights before a normalisation may be of any scale where statistics follow them.
    let mut scaled = w.clone();
    let conv = &model.store.entries()[0];
    assert_eq!(conv.role, Role::ConvWeight);
    scaled[..conv.shape.len()].iter_mut().for_each(|w| *w *= 4.0);
    let mut follows = objective(&model, &batches, Normalisation::ReEstimated);
    assert!((follows.loss(&scaled).unwrap() - got).abs() < 1e-3);
    assert!((f.loss(&scaled).unwrap() - got).abs() > 1e-2);
}

#[test]
fn directions_have_the_norms_of_the_filters() {
    let (model, _) = network(DType::F64, 1);
    let entries = model.store.entries();
    let w = parameters(&model.store).unwrap();
    let direction = filter_normalised(entries, &w, 3, 0).unwrap();
    let mut start = 0;
    for entry in entries {
        let range = start..start + entry.shape.len();
        start = range.end;
        let (d, w) = (&direction[range.clone()], &w[range]);
        if !matches!(entry.role, Role::ConvWeight | Role::LinearWeight) {
            assert!(d.iter().all(|d| *d == 0.0), "{}", entry.name);
            continue;
        }
        let len = d.len() / entry.shape.extents()[0];
        for (d, w) in d.chunks(len).zip(w.chunks(len)) {
            assert!((norm(d) - norm(w)).abs() < 1e-14, "{}", entry.name);
        }
    }
    // Weights of twice the size get directions of twice the length, to the bit.
    let doubled: Vec<f64> = w.iter().map(|w| 2.0 * w).collect();
    let longer = filter_normalised(entries, &doubled, 3, 0).unwrap();
    assert!(longer.iter().zip(&direction).all(|(l, d)| *l == 2.0 * d));
    assert!(distance(&direction, &filter_normalised(entries, &w, 3, 1).unwrap()) > 1.0);
    assert!(distance(&direction, &filter_normalised(entries, &w, 4, 0).unwrap()) > 1.0);
    assert!(matches!(filter_normalised(entries, &w[1..], 3, 0), Err(Error::Length { .. })));
}

#[test]
fn what_cannot_be_measured_is_refused_by_name() {
    let (model, batches) = network(DType::F32, 1);
    let new = |batches| {
        let (loss, by) = (CrossEntropy::default(), Normalisation::Batch);
        NetworkLoss::new(&*model.module, &model.store, batches, loss, by)
    };
    assert_eq!(new(&[]).unwrap_err().to_string(), "0 images; at least 1 are needed");
    let mut f = objective(&model, &batches, Normalisation::ReEstimated);
    let w = parameters(&model.store).unwrap();
    assert!(matches!(f.gradient(&w), Err(Error::StatisticsMove)));
    assert!(matches!(f.loss(&w[1..]), Err(Error::Length { what: "the point", .. })));
    assert_eq!(f.relative_step(), 3e-5);
    let mut f = objective(&model, &batches, Normalisation::Batch);
    // 1e39 is no number of f32.
    let far = line(&mut f, &w, &vec![1e39; w.len()], &[1.0]);
    assert!(matches!(far, Err(Error::NonFinite { .. })), "{far:?}");
}
