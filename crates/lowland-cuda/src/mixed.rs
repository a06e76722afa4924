//! Steps of networks that run on bf16, with master weights of `f32`.

use lowland_core::op::Step;
use lowland_core::{Backend, Buffer, DType, Error, Result};

use crate::Cuda;
use crate::driver::Address;
use crate::ops;
use crate::ops::step::{Arenas, Stored};
use crate::storage::DeviceMemory;

const OP: &str = "optimizer step on bf16";

/// The arenas of a step of a network that runs on bf16.
///
/// A buffer of bf16 is one of [`DType::U32`], two numbers in each, the first in the lower half: the
/// bytes are those of a slice of bf16. What is uploaded into one before its first step is kept on the
/// host too, until that step; its memory is for labels no more.
#[derive(Clone, Copy, Debug)]
pub struct Bf16Arenas<'a> {
    /// The parameters that the network reads, written: the master weights, rounded.
    pub params: &'a Buffer,
    /// The gradients, bf16, read.
    pub grads: &'a Buffer,
    /// The master weights, `f32`, read and written.
    pub master: &'a Buffer,
    /// The state slots, `f32`, read and written.
    pub state: &'a [&'a Buffer],
}

impl Cuda {
    /// One step of a chain on bf16 parameters and gradients: `d` is computed in `f32` from the bf16
    /// gradient, the master weight and the state; `master <- master - lr d`; the parameter is the
    /// bf16 that is nearest to that, of two as near the even one. One pass, in the segments alone.
    ///
    /// # Loss scaling
    /// bf16 has the range of `f32`: a gradient that does not vanish there does not vanish here, and none
    /// need be scaled. What is computed in f16 on the way is another matter: then the loss is scaled by
    /// `LossScale` of lowland-optim. As long as its factors are powers of two, a gradient divided by the
    /// scale is the same bf16 with another exponent, so that nothing is lost by dividing before the
    /// gradients are handed over. A step that is not finite is one that is not made: the master weights,
    /// the parameters and the state stay as they are.
    ///
    /// ```no_run
    /// use lowland_core::{Backend, Buffer, HostRef, op::Step};
    /// use lowland_cuda::{Bf16Arenas, Cuda};
    /// use lowland_optim::LossScale;
    ///
    /// /// Ends a step whose scaled gradients are on the host, as `f32`.
    /// fn end_step(
    ///     cuda: &Cuda,
    ///     op: &Step,
    ///     arenas: &Bf16Arenas<'_>,
    ///     scale: &mut LossScale,
    ///     grads: &mut [f32],
    /// ) -> lowland_core::Result<()> {
    ///     let finite = scale.unscale(grads);
    ///     if finite {
    ///         // The upper half of an f32 is a bf16; these are exact.
    ///         let half = |grad: f32| grad.to_bits() >> 16;
    ///         let pair = |pair: &[f32]| half(pair[0]) | pair.get(1).map_or(0, |&g| half(g)) << 16;
    ///         let words: Vec<u32> = grads.chunks(2).map(pair).collect();
    ///         cuda.upload(HostRef::U32(&words), arenas.grads)?;
    ///         cuda.step_bf16(op, arenas)?;
    ///     }
    ///     scale.update(finite);
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// [`Error::Unsupported`] where a stage has no device functor, [`Error::Invalid`] for a step that
    /// leaves directions, [`Error::Arity`], [`Error::Operand`] and [`Error::Overlap`] where buffers do
    /// not fit, [`Error::ForeignBuffer`], and what the device says.
    pub fn step_bf16(&self, op: &Step, arenas: &Bf16Arenas<'_>) -> Result<()> {
        if let Some(why) = ops::step::lacks(&op.chain) {
            let op = format!("{OP} of [{}] ({why})", ops::step::describe(&op.chain));
            return Err(Error::Unsupported { op, backend: self.name().into(), dtype: DType::F32 });
        }
        if !op.descends {
            return Err(Error::invalid(OP, "it must descend; directions are left in f32 alone"));
        }
        let buffers = check(op, arenas)?;
        let addresses: Vec<Address> = buffers
            .iter()
            .map(|(_, buffer)| self.launcher().address(OP, buffer))
            .collect::<Result<_>>()?;
        let [rounded, grads, params, ref state @ ..] = addresses[..] else {
            unreachable!("three buffers, and then the state");
        };
        for arena in [arenas.params, arenas.grads] {
            if let Some(memory) = arena.storage::<DeviceMemory>() {
                memory.labels.give_up();
            }
        }
        let arenas = Arenas { params, grads, rounded: Some(rounded), state };
        let _turn = self.take_turn();
        ops::step::run(op, self.launcher(), Stored::Bf16, &arenas)
    }
}

/// The buffers with their names: parameters, gradients, master weights, state.
fn check<'a>(op: &Step, arenas: &Bf16Arenas<'a>) -> Result<Vec<(&'static str, &'a Buffer)>> {
    let (want, got) = (op.chain.slot_count(), arenas.state.len());
    if want != got {
        return Err(Error::Arity { op: OP, side: "state slots", want, got });
    }
    let mut buffers =
        vec![("params", arenas.params), ("grads", arenas.grads), ("master", arenas.master)];
    buffers.extend(arenas.state.iter().map(|&slot| ("state", slot)));
    let pairs = op.params_len.div_ceil(2);
    for (i, &(operand, buffer)) in buffers.iter().enumerate() {
        let (want_len, dtype, want) = match i {
            0 | 1 => (pairs, DType::U32, "u32 (two bf16 each)"),
            2 => (op.params_len, DType::F32, "f32"),
            _ => (op.state_len, DType::F32, "f32"),
        };
        if (buffer.len(), buffer.dtype()) != (want_len, dtype) {
            let (len, dtype) = (buffer.len(), buffer.dtype());
            return Err(Error::Operand { op: OP, operand, want_len, want, len, dtype });
        }
        let mut others = buffers[..i].iter();
        if let Some((other, _)) = others.find(|(_, other)| buffer.overlaps(other)) {
            let (output, other) = (format!("`{operand}`"), format!("`{other}`"));
            return Err(Error::Overlap { op: OP, output, other });
        }
    }
    Ok(buffers)
}
