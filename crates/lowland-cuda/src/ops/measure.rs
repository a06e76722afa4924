//! Sums over the elements of arenas.

use lowland_core::op::MeasureTensors;
use lowland_core::{Error, Result};

use super::clip_norm::MAX_SUMS;
use super::step::{MAX_SLOTS, table};
use crate::args::args;
use crate::driver::{Address, Unit};
use crate::functor::Functor;
use crate::launcher::Launcher;

/// Scalars that a kernel takes, as `measure.cuh` has it.
const MAX_MEASURE_SCALARS: usize = 24;

args! {
    struct MeasureArgs {
        directions: Address,
        state: [Address; MAX_SLOTS],
        chunks: Address,
        count: u64,
        partial: Address,
        sums: Address,
        rests: Address,
        scalars: [f64; MAX_MEASURE_SCALARS],
    }
}

/// Why a measure cannot be run, and what to do about it.
pub(super) fn lacks(op: &MeasureTensors) -> Option<String> {
    let (slots, scalars) = (op.measure.reads(), op.scalars.len());
    let few = slots <= MAX_SLOTS && scalars <= MAX_MEASURE_SCALARS;
    functor(op).missing().or_else(|| {
        (!few).then(|| {
            format!(
                "{slots} slots and {scalars} scalars, kernels/measure.cuh takes {MAX_SLOTS} and \
                 {MAX_MEASURE_SCALARS}"
            )
        })
    })
}

fn functor(op: &MeasureTensors) -> Functor {
    Functor::new("measures", op.measure.name(), &[])
}

/// `inputs` are the directions and then the state.
pub(super) fn forward(
    op: &MeasureTensors,
    launcher: &Launcher,
    inputs: &[Address],
    [sums, rests]: [Address; 2],
) -> Result<()> {
    let chunks =
        launcher.tables.get(&launcher.pool, "step", &[&op.segments], || Ok(table(&op.segments)))?;
    let (blocks, terms) = (chunks.blocks as usize, op.measure.sums().len());
    if blocks > MAX_SUMS {
        return Err(Error::invalid("measure", format!("{blocks} chunks, more than {MAX_SUMS}")));
    }
    let partial = launcher.scratch(blocks * terms * size_of::<f64>())?;
    let (&directions, read) = inputs.split_first().expect("a measure has directions");
    let mut args = MeasureArgs {
        directions,
        state: [Address::default(); MAX_SLOTS],
        chunks: chunks.rows,
        count: blocks as u64,
        partial: partial.address(),
        sums,
        rests,
        scalars: [0.0; MAX_MEASURE_SCALARS],
    };
    args.state[..read.len()].copy_from_slice(read);
    args.scalars[..op.scalars.len()].copy_from_slice(&op.scalars);
    let name = format!("measure {}", functor(op).label);
    let unit = || Ok(Unit { name: name.clone(), text: text(op) });
    launcher.launch_unit(&name, unit, "measure", chunks.blocks, &args)?;
    launcher.launch_unit(&name, unit, "add", terms as u32, &args)
}

/// The kernels of a measure.
fn text(op: &MeasureTensors) -> String {
    let functor = functor(op);
    let (include, type_name, file) = (functor.include(), &functor.type_name, &functor.file);
    let (slots, sums, scalars) = (op.measure.reads(), op.measure.sums().len(), op.scalars.len());
    format!(
        "#include \"measure.cuh\"\n{include}\n\
         typedef {type_name} Functor;\n\
         static_assert(Functor::SLOTS == {slots} && Functor::SUMS == {sums} && Functor::SCALARS == {scalars}, \
         \"kernels/{file}: the measure has {slots} slots, {sums} sums and {scalars} scalars\");\n\n\
         KERNEL(measure, MeasureArgs) {{\n    __shared__ double shared[THREADS / WARP];\n    \
         measure_chunk<Functor>(a, shared);\n}}\n\n\
         KERNEL(add, MeasureArgs) {{\n    __shared__ u64 shared[THREADS / WARP];\n    \
         add_chunks(a, shared);\n}}\n"
    )
}
