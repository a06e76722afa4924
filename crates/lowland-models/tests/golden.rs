//! Networks against stored results of PyTorch: logits, loss, every gradient, running statistics.
//!
//! Every JSON file with a table `nets` is read; each net says of itself what it is, how its numbers
//! are laid out, and to which tolerance they hold. `LOWLAND_GOLDEN` names another folder.

mod common;

use std::error::Error;
use std::path::Path;

use lowland_conformance::golden::{
    FOLDER_VARIABLE, File, Folder, Report, Tensors, compare, compare_relative, damage,
};
use lowland_core::DType;
use lowland_models::zoo::{ResNet, ResNetSpec};
use lowland_models::{
    CrossEntropy, Module, ParamStore, Pass, StateDict, StateTensor, StoreBuilder, Values,
};
use lowland_tensor::{Device, Tensor};
use serde_json::{Value, json};

type Check<T> = Result<T, Box<dyn Error>>;

/// Checks every net of a folder that this build has.
fn check_networks(folder: &Folder) -> Check<Report> {
    let mut report = Report::default();
    for file in folder.files_with("nets")? {
        for (name, net) in file.table("nets")? {
            let tensors = file.tensors_named(name)?;
            if net.pointer("/config/kind").is_none() {
                report.skip(name, "its config has no `kind`, so it is no plain network");
                continue;
            }
            let kind = text(&file, net, name, "/config/kind")?;
            match kind.split_once('-') {
                Some(("ResNet", _)) => {
                    let case = Case { file: &file, name, net, tensors: &tensors };
                    case.check(DType::F32)?;
                    case.check(DType::F64)?;
                    report.check(kind);
                }
                Some(("PreAct", _)) => {
                    report.skip(name, "pre-activation networks are not in this build");
                }
                _ => report.skip(name, format!("`{kind}` is not in this build")),
            }
        }
    }
    Ok(report)
}

fn text<'a>(file: &File, net: &'a Value, name: &str, pointer: &str) -> Check<&'a str> {
    let text = net.pointer(pointer).and_then(Value::as_str);
    Ok(text.ok_or_else(|| file.entry(&format!("/nets/{name}{pointer}"), "is no text"))?)
}

/// One net of a file.
struct Case<'a> {
    file: &'a File,
    name: &'a str,
    net: &'a Value,
    tensors: &'a Tensors,
}

/// What a training pass and the evaluation after it left, on the host.
struct Run {
    loss: f64,
    train_logits: Vec<f64>,
    eval_logits: Vec<f64>,
}

impl Case<'_> {
    /// Runs the net in floats of one type and compares all that is stored.
    fn check(&self, dtype: DType) -> Check<()> {
        let device = common::device();
        let (module, store) = self.network(&device, dtype)?;
        let state = self.state_dict("weight.")?;
        store.load_state_dict(&state, true)?;
        let run = self.run(&device, &module, &store)?;

        let stored =
            |name: &str| Ok::<_, Box<dyn Error>>(Values::F32(self.tensors.f32(name)?.1).to_f64());
        let what = |name: &str| format!("{} ({dtype}): {name}", self.name);
        for (name, got) in [("train_logits", &run.train_logits), ("eval_logits", &run.eval_logits)]
        {
            let measured = format!("{name}_rel_to_max");
            let tolerance = self.tolerance(dtype, "logits_rel_to_max", &measured)?;
            compare_relative(&what(name), got, &stored(name)?, tolerance)?;
        }
        self.check_loss(&run, dtype)?;
        self.check_gradients(&store, dtype)?;

        let after = self.state_dict("after.")?;
        let now = store.state_dict()?;
        let name = "running_stats_rel_to_max";
        let tolerance = self.tolerance(dtype, name, name)?;
        for entry in store.stat_entries() {
            let (Some(want), Some(got)) =
                (after.tensors.get(&*entry.name), now.tensors.get(&*entry.name))
            else {
                return Err(self
                    .tensors
                    .entry(&format!("after.{}", entry.name), "is missing")
                    .into());
            };
            let what = what(&format!("after.{}", entry.name));
            compare_relative(&what, &got.values.to_f64(), &want.values.to_f64(), tolerance)?;
        }
        self.check_names(&store)
    }

    fn network(&self, device: &Device, dtype: DType) -> Check<(ResNet, ParamStore)> {
        for (key, expected) in [("input", "NCHW"), ("conv_weight", "OIHW"), ("linear_weight", "OI")]
        {
            let pointer = format!("/layout/{key}");
            let layout = text(self.file, self.net, self.name, &pointer)?;
            if layout != expected {
                let message = format!("is {layout}; this test knows {expected}");
                return Err(self.entry(&pointer, &message));
            }
        }
        let spec = ResNetSpec {
            widths: self.config("/config/widths")?,
            blocks: self.config("/config/blocks")?,
            shortcut: self.config("/config/shortcut")?,
        };
        let input: [usize; 4] = self.config("/config/input")?;
        let classes: usize = self.config("/config/classes")?;
        let mut builder = StoreBuilder::new();
        let module = ResNet::new(builder.root(), &spec, input[1], classes)?;
        let parameters: usize = self.config("/parameters")?;
        if builder.count() != parameters {
            let message = format!("is {parameters}, but the network has {}", builder.count());
            return Err(self.entry("/parameters", &message));
        }
        Ok((module, builder.build(device, dtype, 0)?))
    }

    /// One training pass, its backward pass, and the evaluation with the statistics it left.
    fn run(&self, device: &Device, module: &ResNet, store: &ParamStore) -> Check<Run> {
        let (shape, input) = self.tensors.f32("input")?;
        let expected: Vec<usize> = self.config("/config/input")?;
        if shape != expected {
            return Err(
                self.entry("/config/input", &format!("is {expected:?}, the tensor {shape:?}"))
            );
        }
        let images = Tensor::from_slice(device, shape.as_slice(), &input)?;
        let images = match store.dtype() {
            DType::F64 => Tensor::from_slice(device, images.shape(), &Values::F32(input).to_f64())?,
            _ => images,
        };
        let images = images.permute(&[0, 2, 3, 1])?;
        let (_, labels) = self.tensors.i64("labels")?;
        let labels = labels.into_iter().map(u32::try_from).collect::<Result<Vec<u32>, _>>()?;
        let labels = Tensor::from_slice(device, [labels.len()], &labels)?;

        let host = |tensor: &Tensor| {
            Ok::<_, Box<dyn Error>>(Values::download(&**device, tensor.buffer())?.to_f64())
        };
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
        let what = |name: &str| format!("{} ({dtype}): {name}", self.name);
        compare(&what("loss"), &[run.loss], &[f32_loss], tolerance)?;
        compare(&what("loss_f64"), &[run.loss], &[f64_loss], exact)?;
        compare(&what("/loss"), &[self.config("/loss")?], &[f32_loss], 1e-12)?;
        compare(&what("/loss_f64"), &[self.config("/loss_f64")?], &[f64_loss], 1e-12)?;
        Ok(())
    }

    /// Every gradient that is stored, and of every parameter the three sums. A parameter without a
    /// gradient must have none here.
    fn check_gradients(&self, store: &ParamStore, dtype: DType) -> Check<()> {
        let measured = "grad_worst_tensor_rel_to_its_max";
        let tolerance = self.tolerance(dtype, "gradient_rel_to_tensor_max", measured)?;
        let without: Vec<String> = self.config("/parameters_without_gradient")?;
        for entry in store.entries() {
            let name = &*entry.name;
            let param = store.param(name).ok_or("a store lacks its own parameter")?;
            let grad = store.grad_of(&param)?;
            let what = |name: &str| format!("{} ({dtype}): {name}", self.name);
            if without.iter().any(|n| n == name) {
                compare(&what(name), &grad, &vec![0.0; grad.len()], 0.0)?;
                continue;
            }
            let key = format!("grad.{name}");
            if self.tensors.contains(&key) {
                let (shape, want) = self.tensors.f32(&key)?;
                if shape != entry.shape.extents() {
                    return Err(self.tensors.entry(&key, format!("is not {}", entry.shape)).into());
                }
                compare_relative(&what(&key), &grad, &Values::F32(want).to_f64(), tolerance)?;
            }
            let key = format!("gradsum.{name}");
            let sum: f64 = grad.iter().sum();
            let norm = grad.iter().map(|g| g * g).sum::<f64>().sqrt();
            let wave = |i: usize| (0.1 * i as f64 + 0.3).cos();
            let weighted: f64 = grad.iter().enumerate().map(|(i, g)| g * wave(i)).sum();
            let bound = tolerance * norm * (grad.len() as f64).sqrt();
            compare(&what(&key), &[sum, norm, weighted], &self.tensors.f64(&key)?.1, bound)?;
        }
        Ok(())
    }

    /// Refuses tensors that no comparison has used: a name that is off would go unseen.
    fn check_names(&self, store: &ParamStore) -> Check<()> {
        let single = ["input", "labels", "loss", "loss_f64", "train_logits", "eval_logits"];
        let is_param = |name: &str| store.param(name).is_some();
        let is_stat = |name: &str| store.stat_entries().iter().any(|entry| &*entry.name == name);
        for name in self.tensors.names() {
            let known = single.contains(&name.as_str())
                || match name.split_once('.') {
                    Some(("weight", name)) => is_param(name) || is_stat(name),
                    Some(("grad" | "gradsum", name)) => is_param(name),
                    Some(("after", name)) => is_stat(name),
                    _ => false,
                };
            if !known {
                return Err(self.tensors.entry(&name, "belongs to nothing in this network").into());
            }
        }
        Ok(())
    }

    /// The tensors whose names begin with a prefix, without it.
    fn state_dict(&self, prefix: &str) -> Check<StateDict> {
        let mut state = StateDict::default();
        for name in self.tensors.names() {
            if let Some(short) = name.strip_prefix(prefix) {
                let (shape, values) = self.tensors.f32(&name)?;
                let tensor = StateTensor { shape, values: Values::F32(values) };
                state.tensors.insert(short.to_owned(), tensor);
            }
        }
        Ok(state)
    }

    /// What the file allows. In f64 it is what PyTorch was measured to be off between f32 and f64,
    /// where the file says, and a tenth more: our f64 run is as far from the stored f32 one.
    fn tolerance(&self, dtype: DType, allowed: &str, measured: &str) -> Check<f64> {
        let allowed = self.file.tolerance(&format!("/nets/{}/tolerance", self.name), allowed)?;
        let measured = self.net.pointer(&format!("/dev/{measured}")).and_then(Value::as_f64);
        Ok(match measured {
            Some(measured) if dtype == DType::F64 => allowed.min(1.1 * measured),
            _ => allowed,
        })
    }

    fn config<T: serde::de::DeserializeOwned>(&self, pointer: &str) -> Check<T> {
        let value = self.net.pointer(pointer).cloned().unwrap_or_default();
        serde_json::from_value(value).map_err(|error| self.entry(pointer, &error.to_string()))
    }

    fn entry(&self, pointer: &str, message: &str) -> Box<dyn Error> {
        self.file.entry(&format!("/nets/{}{pointer}", self.name), message).into()
    }
}

#[test]
fn golden_networks() {
    let report = check_networks(&Folder::open_from_env().unwrap()).unwrap();
    println!("{report}");
    if std::env::var_os(FOLDER_VARIABLE).is_none() {
        assert_eq!(report.checked(), 2, "ResNet-20 and ResNet-18");
    }
}

/// Damages one thing in a copy of the folder and expects the check to notice.
#[track_caller]
fn assert_noticed(what: &str, damage: impl Fn(&Path)) {
    let folder = tempfile::tempdir().unwrap();
    let copy = damage::copy(&Folder::own().unwrap(), folder.path()).unwrap();
    damage(copy.path());
    assert!(check_networks(&copy).is_err(), "{what} was not noticed");
}

#[test]
fn damaged_golden_files_are_noticed() {
    let folder = Folder::own().unwrap();
    for file in folder.files_with("nets").unwrap() {
        let json = file.path().file_name().unwrap();
        assert_noticed("a cut JSON", |copy| damage::truncate(&copy.join(json)).unwrap());
        for (name, net) in file.table("nets").unwrap() {
            let tensors = format!("{name}.safetensors");
            assert_noticed(name, |copy| damage::truncate(&copy.join(&tensors)).unwrap());
            assert_noticed(name, |copy| std::fs::remove_file(copy.join(&tensors)).unwrap());
            if !net["config"]["kind"].as_str().is_some_and(|kind| kind.starts_with("ResNet-")) {
                continue;
            }
            let change = |pointer: &str, value: Value| {
                let pointer = format!("/nets/{name}{pointer}");
                assert_noticed(&pointer, |copy| {
                    damage::change_json(&copy.join(json), &pointer, value.clone()).unwrap();
                });
            };
            for pointer in
                ["/config/widths/0", "/config/blocks/0", "/config/classes", "/parameters"]
            {
                change(pointer, json!(net.pointer(pointer).and_then(Value::as_u64).unwrap() + 1));
            }
            for pointer in ["/loss", "/loss_f64"] {
                change(
                    pointer,
                    json!(net.pointer(pointer).and_then(Value::as_f64).unwrap() + 1e-6),
                );
            }
            change("/config/shortcut", json!("C"));
            change("/layout/input", json!("CHWN"));
            change("/tolerance/logits_rel_to_max", json!(0.5));
            change("/tolerance/running_stats_rel_to_max", json!("small"));
            // One tensor of each kind of quantity, in its last element.
            let stored = file.tensors_named(name).unwrap();
            for prefix in [
                "input",
                "labels",
                "loss",
                "loss_f64",
                "train_logits",
                "eval_logits",
                "weight.",
                "grad.",
                "gradsum.",
                "after.",
            ] {
                let Some(tensor) = stored.names().into_iter().find(|n| n.starts_with(prefix))
                else {
                    continue;
                };
                let last = stored.shape(&tensor).unwrap().iter().product::<usize>() - 1;
                assert_noticed(&tensor, |copy| {
                    damage::change_element(&copy.join(&tensors), &tensor, last).unwrap();
                });
            }
        }
    }
}
