//! The forward pass of each golden op, from its attributes.

use lowland_conformance::golden;
use lowland_tensor::{Result, Tensor};
use serde_json::{Value, json};

use crate::case::{Case, Outcome};

/// Runs an op on the case's inputs; `None` where its name is unknown.
pub fn forward(case: &Case<'_>, op: &str) -> golden::Result<Option<Outcome>> {
    let outcome = match op {
        "conv2d" => conv2d(case)?,
        "linear" => linear(case)?,
        "batch_norm_train" => batch_norm_train(case)?,
        "batch_norm_eval" => batch_norm_eval(case)?,
        "cross_entropy" => cross_entropy(case)?,
        "max_pool2d" => pool(case, Tensor::max_pool2d)?,
        "avg_pool2d" => {
            expect(case, "count_include_pad", &json!(true))?;
            pool(case, Tensor::avg_pool2d)?
        }
        "global_avg_pool" => of_x(case, Tensor::global_avg_pool)?,
        "relu" => of_x(case, Tensor::relu)?,
        "softmax" | "log_softmax" => {
            expect(case, "dim", &json!(1))?;
            of_x(case, if op == "softmax" { Tensor::softmax } else { Tensor::log_softmax })?
        }
        "activation_atan" => activation(case, Tensor::atan)?,
        "activation_tanh" => activation(case, Tensor::tanh)?,
        "activation_log" => activation(case, Tensor::signed_log)?,
        _ => return Ok(None),
    };
    Ok(Some(outcome))
}

fn conv2d(case: &Case<'_>) -> golden::Result<Outcome> {
    let missing = |key: &str| case.wrong(&format!("attrs/{key}"), "is missing");
    let x = case.leaf("x", case.layout("x"))?;
    let w = case.leaf("w", case.layout("weight"))?;
    let kernel = case.pair("kernel")?.ok_or_else(|| missing("kernel"))?;
    if w.shape().extents().get(2..) != Some(&kernel) {
        return Err(case.wrong("attrs/kernel", format!("is not that of weights {}", w.shape())));
    }
    expect(case, "dilation", &json!(1))?;
    let stride = case.pair("stride")?.ok_or_else(|| missing("stride"))?;
    let padding = case.pair("padding")?.ok_or_else(|| missing("padding"))?;
    let groups = case.number("groups")? as usize;
    expect(case, "bias", &json!(case.has("b")))?;
    let y = x.conv2d(&w, stride, padding, groups);
    let mut leaves = vec![("x", x), ("w", w)];
    let y = if case.has("b") {
        let b = case.leaf("b", None)?;
        let y = y.and_then(|y| y.add(&b));
        leaves.push(("b", b));
        y
    } else {
        y
    };
    outcome(case, y, leaves)
}

fn linear(case: &Case<'_>) -> golden::Result<Outcome> {
    let x = case.leaf("x", case.layout("x"))?;
    let w = case.leaf("w", case.layout("weight"))?;
    let b = if case.has("b") { Some(case.leaf("b", None)?) } else { None };
    let y = x.linear(&w, b.as_ref());
    let mut leaves = vec![("x", x), ("w", w)];
    leaves.extend(b.map(|b| ("b", b)));
    outcome(case, y, leaves)
}

fn batch_norm_train(case: &Case<'_>) -> golden::Result<Outcome> {
    let x = case.leaf("x", case.layout("x"))?;
    let (w, b) = (case.leaf("w", None)?, case.leaf("b", None)?);
    let (eps, momentum) = (case.number("eps")?, case.number("momentum")?);
    let normed = x.batch_norm(&w, &b, eps).map_err(|error| case.failed(&error))?;
    // What is tested here is `mean` and `var`: the update is written out in the test, by PyTorch's
    // formula, in which the running variance takes the unbiased one. That of the layer is tested by
    // the golden networks of the models crate.
    let count = (x.shape().len() / w.shape().len()) as f64;
    let moved = |name: &str, batch: &Tensor, factor: f64| -> golden::Result<Vec<f64>> {
        let batch = batch.to_vec::<f32>().map_err(|error| case.failed(&error))?;
        let pairs = case.constant(name)?.into_iter().zip(batch);
        Ok(pairs.map(|(r, b)| (1.0 - momentum) * r + momentum * factor * f64::from(b)).collect())
    };
    let others = vec![
        ("new_running_mean", moved("running_mean", &normed.mean, 1.0)?),
        ("new_running_var", moved("running_var", &normed.var, count / (count - 1.0))?),
    ];
    Ok(Outcome { y: normed.y, leaves: vec![("x", x), ("w", w), ("b", b)], others })
}

fn batch_norm_eval(case: &Case<'_>) -> golden::Result<Outcome> {
    let x = case.leaf("x", case.layout("x"))?;
    let (w, b) = (case.leaf("w", None)?, case.leaf("b", None)?);
    let mean = case.stored("in.running_mean", None)?;
    let var = case.stored("in.running_var", None)?;
    let y = x.batch_norm_inference(&w, &b, &mean, &var, case.number("eps")?);
    outcome(case, y, vec![("x", x), ("w", w), ("b", b)])
}

fn cross_entropy(case: &Case<'_>) -> golden::Result<Outcome> {
    expect(case, "reduction", &json!("mean"))?;
    let x = case.leaf("x", case.layout("logits"))?;
    let name = case.tensor_name("in.y");
    let (shape, labels) = case.tensors.i64(&name)?;
    let labels = labels.into_iter().map(u32::try_from).collect::<std::result::Result<Vec<_>, _>>();
    let labels = labels.map_err(|error| case.tensors.entry(&name, error.to_string()))?;
    let smoothing = case.number("label_smoothing")?;
    let labels = Tensor::from_slice(case.device, shape.as_slice(), &labels);
    let y = labels.and_then(|labels| x.cross_entropy(&labels, smoothing));
    outcome(case, y, vec![("x", x)])
}

type Pool = fn(&Tensor, [usize; 2], [usize; 2], [usize; 2]) -> Result<Tensor>;

/// Pooling; the stride is that of the window and there is no padding where nothing is said.
fn pool(case: &Case<'_>, method: Pool) -> golden::Result<Outcome> {
    let kernel = case.pair("kernel")?.ok_or_else(|| case.wrong("attrs/kernel", "is missing"))?;
    let stride = case.pair("stride")?.unwrap_or(kernel);
    let padding = case.pair("padding")?.unwrap_or([0, 0]);
    of_x(case, |x| method(x, kernel, stride, padding))
}

/// `alpha f(beta x)`.
fn activation(case: &Case<'_>, f: fn(&Tensor) -> Result<Tensor>) -> golden::Result<Outcome> {
    let (alpha, beta) = (case.number("alpha")?, case.number("beta")?);
    of_x(case, |x| f(&x.scale(beta)?)?.scale(alpha))
}

fn of_x(case: &Case<'_>, f: impl Fn(&Tensor) -> Result<Tensor>) -> golden::Result<Outcome> {
    let x = case.leaf("x", case.layout("x"))?;
    let y = f(&x);
    outcome(case, y, vec![("x", x)])
}

fn outcome(
    case: &Case<'_>,
    y: Result<Tensor>,
    leaves: Vec<(&'static str, Tensor)>,
) -> golden::Result<Outcome> {
    let y = y.map_err(|error| case.failed(&error))?;
    Ok(Outcome { y, leaves, others: Vec::new() })
}

/// Refuses a case that has an attribute with another value than the one that this engine computes.
fn expect(case: &Case<'_>, key: &str, want: &Value) -> golden::Result<()> {
    match case.attribute(key) {
        Some(got) if got != want => {
            Err(case
                .wrong(&format!("attrs/{key}"), format!("is {got}, but only {want} is computed")))
        }
        _ => Ok(()),
    }
}
