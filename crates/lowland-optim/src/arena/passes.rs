//! The ops of a group of parameters, and how its state is laid out.

use std::sync::Arc;

use lowland_core::op::{MeasureTensors, Segment, Step, TensorAt, TransformTensors};
use lowland_core::{Backend, Buffer, Clock, DType, Error as CoreError, Op, Real};

use super::ArenaParam;
use crate::error::Result;
use crate::group::GroupSpec;
use crate::measured::Totals;
use crate::update::Turn;

/// The ops of a group, and the state they work on.
pub(super) struct GroupArena {
    pub(super) passes: Vec<Pass>,
    /// How many of them a step has behind it.
    pub(super) passed: usize,
    pub(super) segments: Arc<[Segment]>,
    pub(super) tensors: Vec<TensorAt>,
    /// Each tensor by itself, as it is measured.
    pub(super) apart: Arc<[Segment]>,
    pub(super) params_len: usize,
    pub(super) state_len: usize,
    pub(super) slots: Vec<Buffer>,
}

/// One op of a group.
pub(super) enum Pass {
    /// A run of stages.
    Stages {
        step: Step,
        /// Which run of the update it is.
        run: usize,
        /// The first state slot that is theirs.
        first_slot: usize,
    },
    /// A transform.
    Transform(TransformTensors),
    /// A measure.
    Measure {
        op: MeasureTensors,
        /// The first state slot that it reads.
        first_slot: usize,
        /// Sums and rests.
        outputs: [Buffer; 2],
    },
}

impl GroupArena {
    /// The ops of the group's update, in order. A run of no stages is an op at the end alone, and a
    /// transform that applies to none of the tensors is none.
    pub(super) fn passes_of(
        &self,
        backend: &dyn Backend,
        group: &GroupSpec,
        dtype: DType,
    ) -> Result<Vec<Pass>> {
        let prepared = group.prepare(&Clock::at_step(1, 0.0), dtype)?;
        let (mut passes, mut first_slot) = (Vec::new(), 0);
        for (run, (chain, prepared)) in group.update.chains().zip(prepared).enumerate() {
            let turn = group.update.turns().get(run).map(|(_, turn)| turn);
            if turn.is_none() || !chain.stages().is_empty() {
                let (chain, segments) = (Arc::new(chain.clone()), Arc::clone(&self.segments));
                let step = Step::new(chain, prepared, segments, self.params_len, self.state_len)?;
                let step = if turn.is_some() { step.leaving_directions() } else { step };
                passes.push(Pass::Stages { step, run, first_slot });
            }
            first_slot += chain.slot_count();
            match turn {
                None => {}
                Some(Turn::Transform(transform)) => {
                    let mut tensors = self.tensors.clone();
                    tensors.retain(|tensor| transform.applies_to(&tensor.shape));
                    if !tensors.is_empty() {
                        let transform = Arc::clone(transform);
                        let op = TransformTensors::new(transform, &tensors, self.params_len)?;
                        passes.push(Pass::Transform(op));
                    }
                }
                Some(Turn::Measure(link)) => {
                    let (measure, apart) = (Arc::clone(&link.measure), Arc::clone(&self.apart));
                    let sums = measure.sums().len();
                    let lengths = (self.params_len, self.state_len);
                    let op = MeasureTensors::new(measure, vec![], apart, lengths.0, lengths.1)?;
                    let outputs = [backend.allocate(sums, dtype)?, backend.allocate(sums, dtype)?];
                    passes.push(Pass::Measure { op, first_slot, outputs });
                }
            }
        }
        Ok(passes)
    }
}

impl Pass {
    pub(super) fn require_support(&self, backend: &dyn Backend, dtype: DType) -> Result<()> {
        match self {
            Pass::Stages { step, .. } => {
                let stages: Vec<&str> = step.chain.stages().iter().map(|s| s.name()).collect();
                let name = format!("optimizer step of [{}]", stages.join(", "));
                require_support(backend, dtype, &Op::Step(step.clone()), &name)
            }
            Pass::Transform(op) => {
                let name = format!("tensor transform `{}`", op.transform.name());
                require_support(backend, dtype, &Op::Transform(op.clone()), &name)
            }
            Pass::Measure { op, .. } => {
                let name = format!("measure of `{}`", op.measure.name());
                require_support(backend, dtype, &Op::Measure(op.clone()), &name)
            }
        }
    }
}

/// What a measure has written. It waits for the measure to end.
pub(super) fn totals(
    backend: &dyn Backend,
    op: &MeasureTensors,
    outputs: &[Buffer; 2],
) -> Result<Totals> {
    fn joined<T: Real>(backend: &dyn Backend, [sums, rests]: &[Buffer; 2]) -> Result<Vec<f64>> {
        let (sums, rests) = (backend.to_vec::<T>(sums)?, backend.to_vec::<T>(rests)?);
        Ok(sums.into_iter().zip(rests).map(|(s, r)| MeasureTensors::join([s, r])).collect())
    }
    let sums = match outputs[0].dtype() {
        DType::F64 => joined::<f64>(backend, outputs)?,
        _ => joined::<f32>(backend, outputs)?,
    };
    Ok(Totals { sums, elements: op.segments.iter().map(|segment| segment.len).sum() })
}

/// Refuses an op that the backend lacks; `name` is the op's in the message.
pub(super) fn require_support(
    backend: &dyn Backend,
    dtype: DType,
    op: &Op,
    name: &str,
) -> Result<()> {
    match backend.supports(op, dtype) {
        true => Ok(()),
        false => {
            let remedy = backend.remedy(op).map_or(String::new(), |remedy| format!(" ({remedy})"));
            let (op, backend) = (format!("{name}{remedy}"), backend.name().to_owned());
            Err(CoreError::Unsupported { op, backend, dtype }.into())
        }
    }
}

/// Lays out the state of a group's parameters and merges those that follow each other.
///
/// State starts at an aligned element where a segment starts, so that vectors of parameters and of
/// state are aligned alike.
pub(super) fn lay_out(
    params: &[ArenaParam],
    members: &[usize],
    dtype: DType,
    places: &mut [(usize, usize)],
) -> (Vec<Segment>, usize) {
    let mut members = members.to_vec();
    members.sort_by_key(|&i| params[i].offset);
    let mut segments: Vec<Segment> = Vec::new();
    for i in members {
        let (offset, len) = (params[i].offset, params[i].len());
        let end = segments.last().map_or(0, |last| last.state + last.len);
        match segments.last_mut() {
            Some(last) if last.param + last.len == offset => {
                places[i].1 = end;
                last.len += len;
            }
            _ => {
                let state = Buffer::aligned_len(end, dtype);
                places[i].1 = state;
                segments.push(Segment { param: offset, state, len });
            }
        }
    }
    let state_len = segments.last().map_or(0, |last| last.state + last.len);
    (segments, state_len)
}
