//! One step of an optimizer: a chain of stages, compiled into one kernel.

use lowland_core::op::{Segment, Step};
use lowland_core::{Chain, Error, Result};

use crate::args::args;
use crate::driver::{Address, Unit};
use crate::functor::Functor;
use crate::launcher::Launcher;
use crate::tables::{CHUNK, Content};

/// State slots that a kernel takes, as `step.cuh` has it.
pub(super) const MAX_SLOTS: usize = 16;
/// Scalars that a kernel takes, as `step.cuh` has it.
const MAX_SCALARS: usize = 96;

args! {
    struct StepArgs {
        params: Address,
        grads: Address,
        rounded: Address,
        state: [Address; MAX_SLOTS],
        chunks: Address,
        lr: f32,
        scalars: [f32; MAX_SCALARS],
    }
}

/// What the network's parameters and gradients are stored as. State is `f32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    /// `f32`.
    F32,
    /// bf16; the step has master weights of `f32`.
    Bf16,
}

impl Stored {
    /// The type in the kernels.
    fn type_name(self) -> &'static str {
        match self {
            Stored::F32 => "float",
            Stored::Bf16 => "bf16",
        }
    }
}

/// The arenas of a step.
pub(crate) struct Arenas<'a> {
    /// The parameters in `f32`.
    pub(crate) params: Address,
    /// The gradients.
    pub(crate) grads: Address,
    /// Where the parameters are written as bf16, if they are.
    pub(crate) rounded: Option<Address>,
    /// The state slots.
    pub(crate) state: &'a [Address],
}

/// Why a chain cannot be run, and what to do about it.
pub(crate) fn lacks(chain: &Chain) -> Option<String> {
    let missing = functors(chain).find_map(|functor| functor.missing());
    let slots = chain.slot_count();
    missing.or_else(|| {
        (slots > MAX_SLOTS)
            .then(|| format!("{slots} state slots, MAX_SLOTS of kernels/step.cuh is {MAX_SLOTS}"))
    })
}

/// The names of the stages, for messages.
pub(crate) fn describe(chain: &Chain) -> String {
    let names: Vec<&str> = chain.stages().iter().map(|stage| stage.name()).collect();
    names.join(", ")
}

fn functors(chain: &Chain) -> impl Iterator<Item = Functor> + '_ {
    let stages = chain.stages().iter();
    stages.map(|stage| Functor::new("stages", stage.name(), &stage.constants()))
}

/// Runs a step whose operands were checked: what is read, and then what is written.
pub(super) fn forward(
    op: &Step,
    launcher: &Launcher,
    [read]: [Address; 1],
    written: &[Address],
) -> Result<()> {
    let (&updated, state) = written.split_first().expect("a step has an output");
    let (params, grads) = if op.descends { (updated, read) } else { (read, updated) };
    run(op, launcher, Stored::F32, &Arenas { params, grads, rounded: None, state })
}

/// Runs a step on the arenas of any type.
pub(crate) fn run(
    op: &Step,
    launcher: &Launcher,
    stored: Stored,
    arenas: &Arenas<'_>,
) -> Result<()> {
    let chunks =
        launcher.tables.get(&launcher.pool, "step", &[&op.segments], || Ok(table(&op.segments)))?;
    let mut args = StepArgs {
        params: arenas.params,
        grads: arenas.grads,
        rounded: arenas.rounded.unwrap_or_default(),
        state: [Address::default(); MAX_SLOTS],
        chunks: chunks.rows,
        lr: op.prepared.lr as f32,
        scalars: [0.0; MAX_SCALARS],
    };
    let count = op.prepared.scalars.iter().map(Vec::len).sum::<usize>();
    if count > MAX_SCALARS {
        let message = format!("{count} scalars, MAX_SCALARS of kernels/step.cuh is {MAX_SCALARS}");
        return Err(Error::invalid("optimizer step", message));
    }
    args.state[..arenas.state.len()].copy_from_slice(arenas.state);
    let scalars = op.prepared.scalars.iter().flatten();
    scalars.zip(&mut args.scalars).for_each(|(&scalar, place)| *place = scalar as f32);
    let name = name(&op.chain, stored, op.descends);
    let unit = || Ok(Unit { name: name.clone(), text: text(op, stored) });
    launcher.launch_unit(&name, unit, "step", chunks.blocks, &args)
}

/// The segments in chunks, in the order in which they come.
pub(super) fn table(segments: &[Segment]) -> Content {
    let mut content = Content::default();
    for &Segment { param, state, len } in segments {
        for start in (0..len).step_by(CHUNK) {
            // Without state, where it lies is anything.
            content.push([param + start, state.wrapping_add(start), CHUNK.min(len - start)]);
        }
    }
    content
}

/// What the kernel of a chain is called; one name is one text.
fn name(chain: &Chain, stored: Stored, descends: bool) -> String {
    let stages: Vec<String> = functors(chain).map(|functor| functor.label).collect();
    let end = if descends { "step" } else { "directions" };
    let stored = if stored == Stored::F32 { "" } else { ", bf16" };
    format!("{end} of [{}]{stored}", stages.join(", "))
}

/// The kernel of a chain.
fn text(op: &Step, stored: Stored) -> String {
    let mut text = String::from("#include \"step.cuh\"\n");
    let mut checks = String::new();
    let mut types = Vec::new();
    let stages = op.chain.stages().iter().zip(&op.prepared.scalars);
    for ((stage, scalars), functor) in stages.zip(functors(&op.chain)) {
        let (slots, scalars) = (stage.slots().len(), scalars.len());
        let Functor { file, type_name, .. } = &functor;
        if !types.contains(type_name) {
            text += &functor.include();
            checks += &format!(
                "static_assert({type_name}::SLOTS == {slots} && {type_name}::SCALARS == {scalars}, \
                 \"kernels/{file}: the stage has {slots} slots and {scalars} scalars\");\n",
            );
        }
        types.push(type_name.clone());
    }
    let stored = stored.type_name();
    let (chain, descends) = (types.join(", "), op.descends);
    text += &format!(
        "\n{checks}typedef Chain<{chain}> Stages;\n\n\
         KERNEL(step, StepArgs) {{ step<Stages, {stored}, {stored}, {descends}>(a); }}\n"
    );
    text
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use lowland_core::{Clock, Real, Stage, stage};
    use lowland_optim::stages::{Adam, WeightDecay};

    use super::*;

    fn op(chain: Chain, segments: &[Segment]) -> Step {
        let prepared = chain.prepare(&Clock::at_step(1, 0.1));
        Step::new(Arc::new(chain), prepared, segments.into(), 10_000, 10_000).unwrap()
    }

    #[test]
    fn the_kernel_of_a_chain_is_a_few_lines() {
        let decay = || WeightDecay { weight_decay: 0.1 };
        let chain = Chain::new().then(decay()).then(Adam::default()).then(decay());
        assert_eq!(
            text(&op(chain.clone(), &[]), Stored::F32),
            r#"#include "step.cuh"
#include "stages/weight_decay.cuh"
#include "stages/adam.cuh"

static_assert(stages::weight_decay::SLOTS == 0 && stages::weight_decay::SCALARS == 1, "kernels/stages/weight_decay.cuh: the stage has 0 slots and 1 scalars");
static_assert(stages::adam<0>::SLOTS == 2 && stages::adam<0>::SCALARS == 7, "kernels/stages/adam.cuh: the stage has 2 slots and 7 scalars");
typedef Chain<stages::weight_decay, stages::adam<0>, stages::weight_decay> Stages;

KERNEL(step, StepArgs) { step<Stages, float, float, true>(a); }
"#
        );
        let name = |stored, descends| name(&chain, stored, descends);
        assert_eq!(name(Stored::F32, true), "step of [weight_decay, adam<0>, weight_decay]");
        assert_eq!(
            name(Stored::Bf16, false),
            "directions of [weight_decay, adam<0>, weight_decay], bf16"
        );
    }

    #[test]
    fn segments_are_cut_from_their_starts_on() {
        let segment = |param, state, len| Segment { param, state, len };
        let content =
            table(&[segment(5, 3, CHUNK + 1), segment(9000, usize::MAX, 2), segment(0, 0, 0)]);
        assert_eq!(content.blocks, 3);
        let chunk = CHUNK as u64;
        assert_eq!(content.rows, [5, 3, chunk, 5 + chunk, 3 + chunk, 1, 9000, u64::MAX, 2]);
    }

    #[test]
    fn a_stage_without_a_functor_says_which_file_to_write() {
        #[derive(Debug)]
        struct Novel(usize);

        impl Stage for Novel {
            fn name(&self) -> &'static str {
                if self.0 == 0 { "novel" } else { "adam" }
            }

            fn slots(&self) -> Vec<String> {
                (0..self.0).map(|k| k.to_string()).collect()
            }

            fn apply_block<T: Real>(&self, _: stage::Scalars<'_>, _: stage::Block<'_, T>) {}
        }

        assert_eq!(lacks(&Chain::new().then(Adam::default())), None);
        let chain = Chain::new().then(Adam::default()).then(Novel(0));
        assert_eq!(lacks(&chain).as_deref(), Some("write kernels/stages/novel.cuh"));
        let many = lacks(&Chain::new().then(Novel(17)));
        assert_eq!(many.as_deref(), Some("17 state slots, MAX_SLOTS of kernels/step.cuh is 16"));
    }
}
