//! What every op is, once more: index loops in `f64`, written from the definitions alone.
//!
//! One file an op, of the same name as in the core. Nothing here is shared with a backend, nothing
//! is fast, and where there was a choice the most literal reading of the definition was taken:
//! gradients are sums over the entries of the Jacobian.

mod accumulate;
mod batch_norm;
mod binary;
mod broadcast;
mod clip_norm;
mod conv2d;
mod cross_entropy;
mod fill;
mod index;
mod matmul;
pub(crate) mod measure;
mod permute;
mod pool2d;
mod reduce;
mod scaled_sum;
mod slice;
mod softmax;
pub(crate) mod step;
mod sum;
mod transform;
mod unary;

use lowland_core::Op;

/// One operand's elements, as the oracle takes them.
#[derive(Clone, Debug, PartialEq)]
pub enum OracleValue {
    /// Floats.
    Floats(Vec<f64>),
    /// Class labels.
    Labels(Vec<u32>),
}

impl OracleValue {
    /// The elements, where they are floats.
    ///
    /// # Panics
    /// Where they are labels.
    #[must_use]
    pub fn floats(&self) -> &[f64] {
        match self {
            OracleValue::Floats(values) => values,
            OracleValue::Labels(_) => panic!("labels were given where the op takes floats"),
        }
    }

    /// The elements, where they are labels.
    ///
    /// # Panics
    /// Where they are floats.
    #[must_use]
    pub fn labels(&self) -> &[u32] {
        match self {
            OracleValue::Labels(labels) => labels,
            OracleValue::Floats(_) => panic!("floats were given where the op takes labels"),
        }
    }
}

impl From<Vec<f64>> for OracleValue {
    fn from(values: Vec<f64>) -> Self {
        OracleValue::Floats(values)
    }
}

impl From<Vec<u32>> for OracleValue {
    fn from(labels: Vec<u32>) -> Self {
        OracleValue::Labels(labels)
    }
}

/// From the inputs, and from what was in the outputs, to what is in the outputs.
type Rule<'a> = Box<dyn Fn(&[OracleValue], &[Vec<f64>]) -> Vec<Vec<f64>> + 'a>;

/// The outputs of an op, in the order of [`Op::operands`].
///
/// `before` is what was in the outputs; only outputs that the op reads as well as writes need an
/// entry that means something.
///
/// # Panics
/// Where the op is one that the oracle does not [know](knows), where operands are not those of the
/// op, or where a label is no class.
#[must_use]
pub fn run(op: &Op, inputs: &[OracleValue], before: &[Vec<f64>]) -> Vec<Vec<f64>> {
    match rule(op) {
        Some(rule) => rule(inputs, before),
        None => panic!("the oracle has no rule for {}", op.name()),
    }
}

/// Whether there is a rule for this op.
#[must_use]
pub fn knows(op: &Op) -> bool {
    rule(op).is_some()
}

/// A rule with one output that looks at float inputs only.
fn pure<'a>(f: impl Fn(&[&[f64]]) -> Vec<f64> + 'a) -> Rule<'a> {
    many(move |inputs| vec![f(inputs)])
}

/// A rule with several outputs that looks at float inputs only.
fn many<'a>(f: impl Fn(&[&[f64]]) -> Vec<Vec<f64>> + 'a) -> Rule<'a> {
    Box::new(move |inputs, _| {
        let floats: Vec<&[f64]> = inputs.iter().map(OracleValue::floats).collect();
        f(&floats)
    })
}

fn rule(op: &Op) -> Option<Rule<'_>> {
    Some(match op {
        Op::Conv2d(op) => pure(|i| conv2d::forward(op, i[0], i[1])),
        Op::Conv2dStatistics(op) => many(|i| {
            let y = conv2d::forward(op, i[0], i[1]);
            let [mean, var] = batch_norm::statistics(op.out_channels, &y);
            vec![y, mean, var]
        }),
        Op::Conv2dGradInput(op) => pure(|i| conv2d::grad_input(op, i[0], i[1])),
        Op::Conv2dGradWeight(op) => pure(|i| conv2d::grad_weight(op, i[0], i[1])),
        Op::MatMul(op) => pure(|i| matmul::forward(op, i[0], i[1])),
        Op::Unary(op) => pure(|i| unary::forward(op, i[0])),
        Op::UnaryGrad(op) => pure(|i| unary::grad(op, i[0], i[1], i[2])),
        Op::Binary(op) => pure(|i| binary::forward(op, i[0], i[1])),
        Op::ScaledSum(op) => pure(|i| scaled_sum::forward(op, i)),
        Op::Accumulate(op) => {
            Box::new(|inputs, before| vec![accumulate::forward(op, inputs[0].floats(), &before[0])])
        }
        Op::Reduce(op) => pure(|i| reduce::forward(op, i[0])),
        Op::ReduceMaxGrad(op) => pure(|i| reduce::max_grad(op, i[0], i[1], i[2])),
        Op::Broadcast(op) => pure(|i| broadcast::forward(op, i[0])),
        Op::Pool2d(op) => pure(|i| pool2d::forward(op, i[0])),
        Op::Pool2dGrad(op) => pure(|i| pool2d::grad(op, i)),
        Op::BatchNorm(op) => many(|i| batch_norm::forward(op, i)),
        Op::BatchNormGrad(op) => many(|i| batch_norm::grad(op, i)),
        Op::BatchNormInference(op) => pure(|i| batch_norm::inference(op, i)),
        Op::BatchNormInferenceGrad(op) => many(|i| batch_norm::inference_grad(op, i)),
        Op::Softmax(op) => pure(|i| softmax::forward(op, i[0])),
        Op::SoftmaxGrad(op) => pure(|i| softmax::grad(op, i[0], i[1])),
        Op::CrossEntropy(op) => Box::new(|inputs, _| {
            vec![cross_entropy::forward(op, inputs[0].floats(), inputs[1].labels())]
        }),
        Op::CrossEntropyGrad(op) => Box::new(|inputs, _| {
            let (logits, labels) = (inputs[0].floats(), inputs[1].labels());
            vec![cross_entropy::grad(op, logits, labels, inputs[2].floats()[0])]
        }),
        Op::Slice(op) => pure(|i| slice::forward(op, i[0])),
        Op::Embed(op) => pure(|i| slice::embed(op, i[0])),
        Op::Permute(op) => pure(|i| permute::forward(op, i[0])),
        Op::Fill(op) => pure(|_| fill::forward(op)),
        Op::Step(op) => {
            Box::new(|inputs, before| step::forward::<f64>(op, inputs[0].floats(), before))
        }
        Op::Transform(op) => Box::new(|_, before| vec![transform::forward(op, &before[0])]),
        Op::ClipNorm(op) => Box::new(|_, before| clip_norm::forward(op, &before[0])),
        Op::Measure(op) => many(|i| measure::forward::<f64>(op, i)),
        _ => return None,
    })
}
