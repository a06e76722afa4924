//! One net: run, and compared with all that is stored of it.

use lowland_conformance::golden::{Tensors, compare, compare_relative};
use lowland_core::DType;
use lowland_models::{
    CrossEntropy, Fusion, Module, ParamStore, Pass, StateDict, StateTensor, StoreBuilder, Values,
};
use lowland_tensor::{Device, Tensor};

use crate::net::{Net, Structure};
use crate::{Check, common};

/// The net of which an activation is within rounding of 0.
const CROSSES_A_KINK: &str = "zerosnet20_opt";

/// A net with its tensors.
pub struct Case<'a> {
    pub net: &'a Net<'a>,
    pub structure: Structure,
    pub tensors: Tensors,
}

/// What a training pass and the evaluation after it left, on the host.
struct Run {
    loss: f64,
    train_logits: Vec<f64>,
    eval_logits: Vec<f64>,
}

impl Case<'_> {
    /// Runs the net in floats of one type and compares all that is stored, but for the gradients of one
    /// net in `f32` with fused layers: there rounding takes an activation across the kink of a ReLU.
    pub fn check(&self, dtype: DType, fusion: Fusion) -> Check<()> {
        let device = common::device();
        let Structure { spec, channels, classes, .. } = &self.structure;
        let mut builder = StoreBuilder::new();
        let module = spec.network(builder.root(), *channels, *classes)?;
        self.check_count(builder.count())?;
        let store = builder.build(&device, dtype, 0)?.with_fusion(fusion);
        store.load_state_dict(&self.state_dict("weight.")?, true)?;
        let run = self.run(&device, &*module, &store)?;

        for (name, got) in [("train_logits", &run.train_logits), ("eval_logits", &run.eval_logits)]
        {
            let measured = format!("{name}_rel_to_max");
            let tolerance = self.tolerance(dtype, "logits_rel_to_max", &measured)?;
            let stored = Values::F32(self.tensors.f32(name)?.1).to_f64();
            compare_relative(&self.what(dtype, name), got, &stored, tolerance)?;
        }
        self.check_loss(&run, dtype)?;
        let kink = dtype == DType::F32 && fusion != Fusion::NONE && self.net.name == CROSSES_A_KINK;
        if !kink {
            self.check_gradients(&store, dtype)?;
        }
        self.check_statistics(&store, dtype)?;
        self.check_names(&store)
    }

    fn what(&self, dtype: DType, name: &str) -> String {
        format!("{} ({dtype}): {name}", self.net.name)
    }

    /// Compares the number of parameters, less those that nothing uses.
    fn check_count(&self, count: usize) -> Check<()> {
        let stored: usize = self.net.value("/parameters")?;
        let without: Vec<String> = self.net.value("/parameters_without_gradient")?;
        let mut used = stored;
        for name in without.iter().filter(|name| self.structure.ours(name).is_none()) {
            let shape = self.tensors.shape(&format!("weight.{name}"))?;
            used = used.saturating_sub(shape.iter().product());
        }
        if count != used {
            let message = format!("is {stored}, {used} in use, but the network has {count}");
            return Err(self.net.error("/parameters", &message));
        }
        Ok(())
    }

    /// One training pass, its backward pass, and the evaluation with the statistics it left.
    fn run(&self, device: &Device, module: &dyn Module, store: &ParamStore) -> Check<Run> {
        let (shape, input) = self.tensors.f32("input")?;
        if self.net.json.pointer("/config/input").is_some() {
            let expected: Vec<usize> = self.net.value("/config/input")?;
            if shape != expected {
                let message = format!("is {expected:?}, the tensor {shape:?}");
                return Err(self.net.error("/config/input", &message));
            }
        }
        let images = match store.dtype() {
            DType::F64 => {
                Tensor::from_slice(device, shape.as_slice(), &Values::F32(input).to_f64())?
            }
            _ => Tensor::from_slice(device, shape.as_slice(), &input)?,
        };
        let images = images.permute(&[0, 2, 3, 1])?;
        let (_, labels) = self.tensors.i64("labels")?;
        let labels = labels.into_iter().map(u32::try_from).collect::<Result<Vec<u32>, _>>()?;
        let labels = Tensor::from_slice(device, [labels.len()], &labels)?;

        let host =
            |tensor: &Tensor| Check::Ok(Values::download(&**device, tensor.buffer())?.to_f64());
        let logits = module.forward(&images, &Pass::train(store))?;
        let train_logits = host(&logits)?;
        let loss = CrossEntropy::default().forward(&logits, &labels)?;
        let value = loss.item()?;
        loss.backward()?;
        let eval_logits = host(&module.forward(&images, &Pass::eval(store))?)?;
        Ok(Run { loss: value, train_logits, eval_logits })
    }

    /// The loss against both stored runs, and these against what the JSON says of them. In f64 it
    /// agrees with PyTorch's f64 loss to rounding.
    fn check_loss(&self, run: &Run, dtype: DType) -> Check<()> {
        let tolerance = self.tolerance(dtype, "loss_abs", "loss_abs")?;
        let f32_loss = f64::from(self.tensors.f32("loss")?.1.first().copied().unwrap_or(f32::NAN));
        let f64_loss = self.tensors.f64("loss_f64")?.1.first().copied().unwrap_or(f64::NAN);
        let exact = if dtype == DType::F64 { 1e-12 } else { tolerance };
        let what = |name: &str| self.what(dtype, name);
        compare(&what("loss"), &[run.loss], &[f32_loss], tolerance)?;
        compare(&what("loss_f64"), &[run.loss], &[f64_loss], exact)?;
        compare(&what("/loss"), &[self.net.value("/loss")?], &[f32_loss], 1e-12)?;
        compare(&what("/loss_f64"), &[self.net.value("/loss_f64")?], &[f64_loss], 1e-12)?;
        Ok(())
    }

    /// Every gradient that is stored, and of every parameter the three sums. A parameter without a
    /// gradient must have none here.
    fn check_gradients(&self, store: &ParamStore, dtype: DType) -> Check<()> {
        let measured = "grad_worst_tensor_rel_to_its_max";
        let tolerance = self.tolerance(dtype, "gradient_rel_to_tensor_max", measured)?;
        let without: Vec<String> = self.net.value("/parameters_without_gradient")?;
        for entry in store.entries() {
            let name = self.structure.stored(&entry.name);
            let param = store.param(&entry.name).ok_or("a store lacks its own parameter")?;
            let grad = store.grad_of(&param)?;
            if without.contains(&name) {
                compare(&self.what(dtype, &name), &grad, &vec![0.0; grad.len()], 0.0)?;
                continue;
            }
            let key = format!("grad.{name}");
            if self.tensors.contains(&key) {
                let (shape, want) = self.tensors.f32(&key)?;
                if shape != entry.shape.extents() {
                    return Err(self.tensors.entry(&key, format!("is not {}", entry.shape)).into());
                }
                let want = Values::F32(want).to_f64();
                compare_relative(&self.what(dtype, &key), &grad, &want, tolerance)?;
            }
            let key = format!("gradsum.{name}");
            let sum: f64 = grad.iter().sum();
            let norm = grad.iter().map(|g| g * g).sum::<f64>().sqrt();
            let wave = |i: usize| (0.1 * i as f64 + 0.3).cos();
            let weighted: f64 = grad.iter().enumerate().map(|(i, g)| g * wave(i)).sum();
            let bound = tolerance * norm * (grad.len() as f64).sqrt();
            let want = self.tensors.f64(&key)?.1;
            compare(&self.what(dtype, &key), &[sum, norm, weighted], &want, bound)?;
        }
        Ok(())
    }

    /// The running statistics after the training pass.
    fn check_statistics(&self, store: &ParamStore, dtype: DType) -> Check<()> {
        let (after, now) = (self.state_dict("after.")?, store.state_dict()?);
        let name = "running_stats_rel_to_max";
        let tolerance = self.tolerance(dtype, name, name)?;
        for entry in store.stat_entries() {
            let key = format!("after.{}", self.structure.stored(&entry.name));
            let (Some(want), Some(got)) =
                (after.tensors.get(&*entry.name), now.tensors.get(&*entry.name))
            else {
                return Err(self.tensors.entry(&key, "is missing").into());
            };
            let (got, want) = (got.values.to_f64(), want.values.to_f64());
            compare_relative(&self.what(dtype, &key), &got, &want, tolerance)?;
        }
        Ok(())
    }

    /// Refuses tensors that no comparison has used: a name that is off would go unseen.
    fn check_names(&self, store: &ParamStore) -> Check<()> {
        let single = ["input", "labels", "loss", "loss_f64", "train_logits", "eval_logits"];
        let is_param = |name: &str| store.param(name).is_some();
        let is_stat = |name: &str| store.stat_entries().iter().any(|entry| &*entry.name == name);
        for stored in self.tensors.names() {
            let known = single.contains(&stored.as_str())
                || stored.split_once('.').is_some_and(|(prefix, name)| {
                    match (prefix, self.structure.ours(name)) {
                        ("weight" | "after", None) => true,
                        ("weight", Some(name)) => is_param(&name) || is_stat(&name),
                        ("grad" | "gradsum", Some(name)) => is_param(&name),
                        ("after", Some(name)) => is_stat(&name),
                        _ => false,
                    }
                });
            if !known {
                let message = "belongs to nothing in this network";
                return Err(self.tensors.entry(&stored, message).into());
            }
        }
        Ok(())
    }

    /// The tensors whose names begin with a prefix, without it and in the names of this crate.
    fn state_dict(&self, prefix: &str) -> Check<StateDict> {
        let mut state = StateDict::default();
        for name in self.tensors.names() {
            if let Some(short) = name.strip_prefix(prefix) {
                let (shape, values) = self.tensors.f32(&name)?;
                let tensor = StateTensor { shape, values: Values::F32(values) };
                state.tensors.insert(short.to_owned(), tensor);
            }
        }
        Ok(match &self.structure.authors {
            Some(names) => names.import(state).state,
            None => state,
        })
    }

    /// What the file allows. In f64 it is what PyTorch was measured to be off between f32 and f64,
    /// where the file says, and a tenth more: our f64 run is as far from the stored f32 one.
    fn tolerance(&self, dtype: DType, allowed: &str, measured: &str) -> Check<f64> {
        let place = format!("/nets/{}/tolerance", self.net.name);
        let allowed = self.net.file.tolerance(&place, allowed)?;
        let pointer = format!("/dev/{measured}");
        let measured = self.net.json.pointer(&pointer).and_then(serde_json::Value::as_f64);
        Ok(match measured {
            Some(measured) if dtype == DType::F64 => allowed.min(1.1 * measured),
            _ => allowed,
        })
    }
}
