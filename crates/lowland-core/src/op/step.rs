//! One step of an optimizer, as data.

use std::sync::Arc;

use super::{Operand, Operands};
use crate::chain::{Chain, Prepared};
use crate::{Error, Result};

/// A range of parameters that a step updates, and where its state lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The first element in the arenas of parameters and gradients.
    pub param: usize,
    /// The first element in each state slot.
    pub state: usize,
    /// The number of elements.
    pub len: usize,
}

impl Segment {
    /// Checks that no segment leaves its arenas or overlaps another; without state, that of the
    /// parameters alone.
    pub(super) fn check(
        op: &'static str,
        segments: &[Segment],
        params_len: usize,
        state_len: Option<usize>,
    ) -> Result<()> {
        let invalid = |message: String| Err(Error::invalid(op, message));
        for segment in segments {
            let fits = |start: usize, available: usize| {
                start.checked_add(segment.len).is_some_and(|end| end <= available)
            };
            let inside = state_len.is_none_or(|len| fits(segment.state, len));
            if !fits(segment.param, params_len) || !inside {
                let states = state_len.unwrap_or(0);
                return invalid(format!(
                    "{segment:?} leaves arenas of {params_len} parameters and {states} states"
                ));
            }
        }
        let starts: [fn(&Segment) -> usize; 2] = [|s| s.param, |s| s.state];
        for start in &starts[..1 + usize::from(state_len.is_some())] {
            let some = || segments.iter().filter(|s| s.len > 0);
            // In the order of the arena, as segments usually are, nothing need be sorted.
            let mut pairs = some().zip(some().skip(1));
            if pairs.all(|(a, b)| start(a) + a.len <= start(b)) {
                continue;
            }
            let mut sorted: Vec<&Segment> = some().collect();
            sorted.sort_unstable_by_key(|s| start(s));
            if let Some(pair) = sorted.windows(2).find(|p| start(p[0]) + p[0].len > start(p[1])) {
                return invalid(format!("{:?} and {:?} overlap", pair[0], pair[1]));
            }
        }
        Ok(())
    }
}

/// A chain run over segments of arenas: the step of one parameter group.
///
/// Inputs: `grads`. Outputs: `params`, then one for each of the chain's state slots; all are read
/// and written, in the segments alone. With [`Step::leaving_directions`], `params` is the input and
/// `grads` the first output.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Step {
    /// The update.
    pub chain: Arc<Chain>,
    /// Its scalars at this step.
    pub prepared: Prepared,
    /// What is updated.
    pub segments: Arc<[Segment]>,
    /// Elements of the arenas of parameters and of gradients.
    pub params_len: usize,
    /// Elements of each state slot.
    pub state_len: usize,
    /// Whether `lr * direction` is taken off the parameters; otherwise the directions take the place
    /// of the gradients.
    pub descends: bool,
}

impl Step {
    /// The step of a chain.
    ///
    /// # Errors
    /// [`Error::Invalid`] where a segment leaves its arena or overlaps another, or where the scalars
    /// are not those of the chain.
    pub fn new(
        chain: Arc<Chain>,
        prepared: Prepared,
        segments: Arc<[Segment]>,
        params_len: usize,
        state_len: usize,
    ) -> Result<Self> {
        let op = Step { chain, prepared, segments, params_len, state_len, descends: true };
        op.validate()?;
        Ok(op)
    }

    /// Whether the scalars are those of the chain, and the segments inside the arenas.
    pub(super) fn validate(&self) -> Result<()> {
        if self.prepared.scalars.len() != self.chain.stages().len() {
            let message = "the scalars were prepared for another chain";
            return Err(Error::invalid("optimizer step", message));
        }
        let state = (self.chain.slot_count() > 0).then_some(self.state_len);
        Segment::check("optimizer step", &self.segments, self.params_len, state)
    }

    /// This step without its end: the directions take the place of the gradients, and the
    /// parameters stay as they are. For a [transform](super::TransformTensors) of the directions.
    #[must_use]
    pub fn leaving_directions(self) -> Self {
        Step { descends: false, ..self }
    }

    pub(super) fn operands(&self) -> Operands {
        let slots = self.chain.slot_count();
        let (read, updated) = if self.descends { ("grads", "params") } else { ("params", "grads") };
        let mut outputs = vec![Operand::update(updated, self.params_len)];
        outputs.extend(vec![Operand::update("state", self.state_len); slots]);
        Operands { inputs: vec![Operand::read(read, self.params_len)], outputs }
    }
}
