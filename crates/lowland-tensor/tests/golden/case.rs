//! One golden case: its inputs in the engine's layout, and the comparison with what is stored.

use lowland_conformance::golden::{self, Error, File, Tensors, compare_relative};
use lowland_tensor::{Device, Tensor};
use ndarray::{ArrayD, IxDyn};
use serde_json::Value;

use crate::forward::forward;

/// A case of a file.
pub struct Case<'a> {
    pub file: &'a File,
    pub tensors: &'a Tensors,
    pub name: &'a str,
    pub device: &'a Device,
}

/// What an op made of a case's inputs.
pub struct Outcome {
    /// Its result, to be compared with `out` and differentiated.
    pub y: Tensor,
    /// The leaves, to be compared with `grad.NAME`.
    pub leaves: Vec<(&'static str, Tensor)>,
    /// Other results, with the name of the tensor that each is compared with.
    pub others: Vec<(&'static str, Vec<f64>)>,
}

impl<'a> Case<'a> {
    fn json(&self) -> &'a Value {
        &self.file.json()["ops"][self.name]
    }

    /// The name of the op.
    pub fn op(&self) -> golden::Result<&'a str> {
        self.json()["op"].as_str().ok_or_else(|| self.wrong("op", "is no name"))
    }

    /// An error about something in the JSON of this case.
    pub fn wrong(&self, key: &str, message: impl Into<String>) -> Error {
        self.file.entry(&format!("/ops/{}/{key}", self.name), message)
    }

    /// An attribute, where the case has it.
    pub fn attribute(&self, key: &str) -> Option<&'a Value> {
        self.json()["attrs"].get(key)
    }

    /// An attribute that is a number.
    pub fn number(&self, key: &str) -> golden::Result<f64> {
        let number = self.attribute(key).and_then(Value::as_f64);
        number.ok_or_else(|| self.wrong(&format!("attrs/{key}"), "is no number"))
    }

    /// An attribute that is a whole number or two, for height and width, if it is there.
    pub fn pair(&self, key: &str) -> golden::Result<Option<[usize; 2]>> {
        let Some(value) = self.attribute(key) else { return Ok(None) };
        let whole = |value: &Value| value.as_u64().map(|value| value as usize);
        let pair = match value.as_array().map(Vec::as_slice) {
            Some([height, width]) => whole(height).zip(whole(width)).map(|(h, w)| [h, w]),
            Some(_) => None,
            None => whole(value).map(|both| [both; 2]),
        };
        let wrong = || self.wrong(&format!("attrs/{key}"), "is neither a whole number nor two");
        pair.map(Some).ok_or_else(wrong)
    }

    /// The layout of a tensor: `"NCHW"`, `"OIHW"` and the like; `None` where nothing is said.
    pub fn layout(&self, key: &str) -> Option<&'a str> {
        self.json()["layout"].get(key).and_then(Value::as_str)
    }

    /// The full name of a tensor of this case.
    pub fn tensor_name(&self, name: &str) -> String {
        format!("{}.{name}", self.name)
    }

    /// Whether the case has an input of this name.
    pub fn has(&self, input: &str) -> bool {
        self.tensors.contains(&self.tensor_name(&format!("in.{input}")))
    }

    /// A stored tensor, with channels last if it is an image with channels first.
    pub fn stored(&self, name: &str, layout: Option<&str>) -> golden::Result<Tensor> {
        let name = self.tensor_name(name);
        let (shape, values) = self.tensors.f32(&name)?;
        let array = ArrayD::from_shape_vec(IxDyn(&shape), values)
            .map_err(|error| self.tensors.entry(&name, error.to_string()))?;
        let array = match (layout, shape.len()) {
            (Some("NCHW"), 4) => array.permuted_axes(IxDyn(&[0, 2, 3, 1])),
            // What pooling over the whole image leaves of NCHW, and orders that are ours already.
            (Some("NCHW"), 2) | (None, _) => array,
            (Some("NC" | "OI"), 2) | (Some("OIHW"), 4) => array,
            (Some(layout), rank) => {
                return Err(self
                    .tensors
                    .entry(&name, format!("is no {layout}: it has {rank} axes")));
            }
        };
        Tensor::from_array(self.device, &array).map_err(|error| self.failed(&error))
    }

    /// A stored input as a leaf.
    pub fn leaf(&self, input: &str, layout: Option<&str>) -> golden::Result<Tensor> {
        Ok(self.stored(&format!("in.{input}"), layout)?.tracked())
    }

    /// A stored input whose gradient is not asked for.
    pub fn constant(&self, input: &str) -> golden::Result<Vec<f64>> {
        let (_, values) = self.tensors.f32(&self.tensor_name(&format!("in.{input}")))?;
        Ok(values.into_iter().map(f64::from).collect())
    }

    /// An error of the engine, as one of this case.
    pub fn failed(&self, error: &lowland_tensor::Error) -> Error {
        Error::Mismatch { what: self.name.to_owned(), message: error.to_string() }
    }

    /// Runs the op forward and backward and compares everything. Returns the reason where it could
    /// not be run.
    pub fn check(&self, op: &str) -> golden::Result<Option<String>> {
        let Some(Outcome { y, leaves, others }) = forward(self, op)? else {
            return Ok(Some(format!("this build has no op `{op}`")));
        };
        let tolerance = match self.json().get("tolerance") {
            Some(_) => {
                let place = format!("/ops/{}/tolerance", self.name);
                self.file.tolerance(&place, "rel_to_tensor_max")?
            }
            None => self.file.tolerance("/tolerance", "rel_to_tensor_max")?,
        };
        let image = self.layout("x").or(self.layout("logits"));
        let out = if y.shape().rank() == 0 { None } else { self.layout("out").or(image) };
        self.compare("out", &y, out, tolerance, |_| true)?;

        let loss = if y.shape().rank() == 0 {
            Ok(y)
        } else {
            let dy = self.stored("grad_out", out)?;
            y.mul(&dy).and_then(|y| y.sum_all())
        };
        let gradients = loss.and_then(Tensor::backward).map_err(|error| self.failed(&error))?;
        for (name, leaf) in &leaves {
            let Some(gradient) = gradients.get(leaf) else {
                return Err(self.wrong("op", format!("gives no gradient of `{name}`")));
            };
            let values = leaf.to_vec::<f32>().map_err(|error| self.failed(&error))?;
            // Where an odd logarithm was made of `sign` and `abs`, the stored gradient at 0 is 0,
            // not the derivative.
            let counts = |i: usize| op != "activation_log" || values[i] != 0.0;
            let layout = if *name == "x" { image } else { None };
            self.compare(&format!("grad.{name}"), gradient, layout, tolerance, counts)?;
        }
        for (name, got) in others {
            let name = self.tensor_name(name);
            let want: Vec<f64> = self.tensors.f32(&name)?.1.into_iter().map(f64::from).collect();
            compare_relative(&name, &got, &want, tolerance)?;
        }
        Ok(None)
    }

    /// Compares the elements that count with those of a stored tensor of the same number.
    fn compare(
        &self,
        name: &str,
        got: &Tensor,
        layout: Option<&str>,
        tolerance: f64,
        counts: impl Fn(usize) -> bool,
    ) -> golden::Result<()> {
        let want = self.stored(name, layout)?;
        let name = self.tensor_name(name);
        // A loss is stored as [1].
        if got.shape() != want.shape() && !(got.shape().rank() == 0 && want.shape().len() == 1) {
            let message = format!("has shape {}, stored is {}", got.shape(), want.shape());
            return Err(Error::Mismatch { what: name, message });
        }
        let read = |tensor: &Tensor| -> golden::Result<Vec<f64>> {
            let values = tensor.to_vec::<f32>().map_err(|error| self.failed(&error))?;
            let counted = values.into_iter().enumerate().filter(|&(i, _)| counts(i));
            Ok(counted.map(|(_, value)| f64::from(value)).collect())
        };
        compare_relative(&name, &read(got)?, &read(&want)?, tolerance)
    }
}
