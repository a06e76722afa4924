//! Networks whose blocks look back on one, two or three states, activations before the convolutions:
//! pre-activation ResNets, LM-ResNets and ZeroSNets.

mod branch;
mod carry;
mod rule;

use lowland_core::Result as EngineResult;
use lowland_tensor::Tensor;

use self::branch::Branch;
use self::carry::{Carry, Projection};
use self::rule::Rule;
use super::family::Family;
use super::plan::BlockPlan;
use super::spec::{Spec, Stem};
use super::stem::StemLayers;
use crate::layers::{BatchNorm2d, Linear};
use crate::{Module, Pass, Result, Scope};

/// A stem, stages of steps, normalisation and ReLU, the mean over all pixels, and a linear layer.
#[derive(Debug)]
pub(super) struct Multistep {
    stem: StemLayers,
    steps: Vec<Step>,
    /// The number of states that steps look back on.
    order: usize,
    final_bn: Option<BatchNorm2d>,
    fc: Linear,
}

/// One block.
#[derive(Debug)]
struct Step {
    branch: Branch,
    /// For each state that is added, the newest first.
    carries: Vec<Carry>,
    rule: Rule,
    /// Whether the history keeps the input as it came, not as it was added.
    keeps_raw: bool,
}

impl Multistep {
    /// Declares a network for images of this many channels in a scope, from a spec that is valid.
    pub(super) fn new(
        mut scope: Scope<'_>,
        spec: &Spec,
        channels: usize,
        classes: usize,
    ) -> Result<Self> {
        let stem = StemLayers::new(scope.reborrow(), spec, channels, false)?;
        let mut steps = Vec::new();
        for (i, plan) in spec.plan().enumerate() {
            steps.push(Step::new(scope.scope(&format!("blocks.{i}")), spec, i, &plan)?);
        }
        let order = spec.order();
        let final_bn = match (spec.family, spec.stem) {
            (Family::ZeroSNet(_), Stem::ImageNet) => None,
            _ => Some(BatchNorm2d::new(scope.scope("final_bn"), spec.features())?),
        };
        let fc = Linear::new(scope.scope("fc"), spec.features(), classes)?;
        Ok(Multistep { stem, steps, order, final_bn, fc })
    }
}

/// What becomes of the state of this age in the block with this index, where its shape must change.
fn projection(spec: &Spec, index: usize, age: usize) -> Projection {
    match (spec.family, spec.stem) {
        (Family::LmResNet, _) => Projection::Activated,
        (Family::ZeroSNet(_), Stem::Cifar) if index == 0 => Projection::Activated,
        (Family::ZeroSNet(_), Stem::ImageNet) if age == 0 => Projection::Shared,
        (Family::ZeroSNet(_), _) => Projection::Conv,
        _ => Projection::Shared,
    }
}

impl Step {
    /// Declares the branch, then `short_conv`, `short_conv_1` and `short_conv_2` for states of another
    /// shape, the newest first, then `c` or `k`.
    fn new(mut scope: Scope<'_>, spec: &Spec, index: usize, plan: &BlockPlan) -> Result<Self> {
        let branch = Branch::new(scope.reborrow(), plan)?;
        let mut carries = Vec::new();
        let names = ["short_conv", "short_conv_1", "short_conv_2"];
        for ((age, window), name) in plan.projections.iter().enumerate().zip(names) {
            let kind = projection(spec, index, age);
            carries.push(Carry::new(scope.reborrow(), name, window.as_ref(), kind)?);
        }
        let rule = Rule::new(scope, spec.family, carries.len());
        Ok(Step { branch, carries, rule, keeps_raw: spec.keeps_raw(index) })
    }

    /// Puts the next state before the others, the newest of which comes first, in the shapes in which
    /// the next step meets them.
    fn advance(&self, states: &mut Vec<Tensor>, pass: &Pass<'_>) -> EngineResult<()> {
        let activated = self.branch.activated(&states[0], pass)?;
        let added = self.carries.iter().zip(&*states);
        let added = added.map(|(carry, state)| carry.forward(state, &activated, pass));
        let added = added.collect::<EngineResult<Vec<Tensor>>>()?;
        if !self.keeps_raw {
            states[..added.len()].clone_from_slice(&added);
        }
        let f = self.branch.behind(activated, pass)?;
        states.insert(0, self.rule.next(&f, &added, pass)?);
        Ok(())
    }
}

impl Module for Multistep {
    /// Logits `[N, classes]` of images `[N, H, W, C]`.
    fn forward(&self, x: &Tensor, pass: &Pass<'_>) -> EngineResult<Tensor> {
        let mut states = vec![self.stem.forward(x, pass)?];
        for step in &self.steps {
            step.advance(&mut states, pass)?;
            states.truncate(self.order);
        }
        let mut h = states.swap_remove(0);
        states.clear();
        if let Some(bn) = &self.final_bn {
            h = bn.forward_relu(&h, pass)?;
        }
        h = h.global_avg_pool()?;
        self.fc.forward(&h, pass)
    }
}
