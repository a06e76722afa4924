//! A call's operands in a backend's memory, with marked memory about them.

use lowland_core::op::Access;
use lowland_core::{Backend, Buffer, DType, Op, Result};

use super::report::Check;
use crate::cases::Case;
use crate::values::Values;

/// Where operands lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Placement {
    /// Each has an allocation of its own, of its length.
    Separate,
    /// They are slices of an arena, aligned as arenas align.
    Aligned,
    /// They are slices of an arena, aligned to single elements, as views are.
    Odd,
}

/// The least number of marked elements between neighbours in an arena.
const GUARD: usize = 64;

/// The contents of a case's operands, rounded to a type.
pub(super) struct Contents {
    pub(super) inputs: Vec<Values>,
    /// What is in the outputs before: that of the case where it is read, marks elsewhere.
    pub(super) outputs: Vec<Values>,
}

impl Contents {
    pub(super) fn of(case: &Case, dtype: DType) -> Self {
        let operands = case.op.operands().outputs;
        let before = |(i, operand): (usize, &lowland_core::op::Operand)| match operand.access {
            Access::ReadWrite => Values::floats(dtype, &case.before[i]),
            _ => Values::marked(dtype, operand.len),
        };
        Contents {
            inputs: case.inputs.iter().map(|value| Values::of(value, dtype)).collect(),
            outputs: operands.iter().enumerate().map(before).collect(),
        }
    }
}

/// An allocation and what was put into it.
struct Arena {
    buffer: Buffer,
    contents: Values,
}

/// An operand: a slice of an arena.
struct Place {
    arena: usize,
    buffer: Buffer,
    start: usize,
}

/// Operands in place, ready to be run on.
pub(super) struct Call<'a> {
    backend: &'a dyn Backend,
    arenas: Vec<Arena>,
    inputs: Vec<Place>,
    outputs: Vec<Place>,
}

/// What a call left behind.
pub(super) struct After {
    pub(super) outputs: Vec<Values>,
    /// Memory that should have stayed as it was.
    pub(super) disturbed: Vec<(Check, String)>,
}

impl<'a> Call<'a> {
    /// Puts operands into a backend's memory.
    pub(super) fn place(
        backend: &'a dyn Backend,
        contents: &Contents,
        placement: Placement,
    ) -> Result<Self> {
        let operands: Vec<&Values> = contents.inputs.iter().chain(&contents.outputs).collect();
        let mut laid_out: Vec<(usize, usize)> = Vec::new();
        let mut arenas: Vec<(DType, usize)> = Vec::new();
        for (number, operand) in operands.iter().enumerate() {
            let dtype = operand.dtype();
            if placement == Placement::Separate {
                arenas.push((dtype, operand.len()));
                laid_out.push((number, 0));
                continue;
            }
            let shared = arenas.iter().position(|arena| arena.0 == dtype);
            let arena = shared.unwrap_or_else(|| {
                arenas.push((dtype, 0));
                arenas.len() - 1
            });
            let shift = if placement == Placement::Odd { 1 + 2 * number } else { 0 };
            let start = Buffer::aligned_len(arenas[arena].1 + GUARD, dtype) + shift;
            laid_out.push((arena, start));
            arenas[arena].1 = start + operand.len() + GUARD;
        }
        let mut contents_of: Vec<Values> =
            arenas.iter().map(|&(dtype, len)| Values::marked(dtype, len)).collect();
        for (operand, &(arena, start)) in operands.iter().zip(&laid_out) {
            contents_of[arena].write(start, operand.host())?;
        }
        let filled = |contents: Values| {
            let buffer = backend.allocate(contents.len(), contents.dtype())?;
            backend.upload(contents.host(), &buffer)?;
            Ok(Arena { buffer, contents })
        };
        let arenas: Vec<Arena> = contents_of.into_iter().map(filled).collect::<Result<_>>()?;
        let place = |(operand, &(arena, start)): (&&Values, &(usize, usize))| {
            let buffer = arenas[arena].buffer.slice(start, operand.len())?;
            Ok(Place { arena, buffer, start })
        };
        let mut places: Vec<Place> =
            operands.iter().zip(&laid_out).map(place).collect::<Result<_>>()?;
        let outputs = places.split_off(contents.inputs.len());
        Ok(Call { backend, arenas, inputs: places, outputs })
    }

    /// Runs the op once.
    pub(super) fn run(&self, op: &Op) -> Result<()> {
        let inputs: Vec<&Buffer> = self.inputs.iter().map(|place| &place.buffer).collect();
        let outputs: Vec<&Buffer> = self.outputs.iter().map(|place| &place.buffer).collect();
        self.backend.run(op, &inputs, &outputs)
    }

    /// Reads everything back.
    pub(super) fn after(&self) -> Result<After> {
        let mut found: Vec<Values> = Vec::new();
        for arena in &self.arenas {
            let mut values = arena.contents.clone();
            self.backend.download(&arena.buffer, values.host_mut())?;
            found.push(values);
        }
        let read = |place: &Place| found[place.arena].range(place.start, place.buffer.len());
        let outputs: Vec<Values> = self.outputs.iter().map(read).collect();
        let mut disturbed = Vec::new();
        for (number, (arena, found)) in self.arenas.iter().zip(&found).enumerate() {
            let mut expected = arena.contents.clone();
            for (place, output) in self.outputs.iter().zip(&outputs) {
                if place.arena == number {
                    expected.write(place.start, output.host())?;
                }
            }
            if let Some(i) = expected.first_difference(found) {
                disturbed.push(self.blame(number, i, found.get(i)));
            }
        }
        Ok(After { outputs, disturbed })
    }

    /// Which memory a changed element of an arena belongs to.
    fn blame(&self, arena: usize, i: usize, value: f64) -> (Check, String) {
        let own = self.inputs.iter().position(|place| {
            place.arena == arena && (place.start..place.start + place.buffer.len()).contains(&i)
        });
        match own {
            Some(input) => {
                let element = i - self.inputs[input].start;
                (Check::Inputs, format!("element {element} of input {input} became {value}"))
            }
            None => {
                let outputs = self.outputs.iter().enumerate().filter(|(_, p)| p.arena == arena);
                let places = outputs.map(|(n, p)| {
                    format!("output {n} is {}..{}", p.start, p.start + p.buffer.len())
                });
                let places = places.collect::<Vec<String>>().join(", ");
                (Check::Neighbours, format!("element {i} of the arena became {value}; {places}"))
            }
        }
    }
}
