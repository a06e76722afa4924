//! A backend of a few lines that runs `Fill` and `Step` on vectors.

use std::sync::{Arc, Mutex};

use lowland_core::op::{Fill, Segment, Step};
use lowland_core::{
    Backend, Buffer, DType, Element, Error, HostMut, HostRef, MemoryStats, Op, Result, Storage,
};

/// Memory of `f32`, as that is all that the tests need.
#[derive(Debug)]
struct Memory(Mutex<Vec<f32>>);

impl Storage for Memory {}

/// The backend; `ops` tells what it was handed.
#[derive(Debug, Default)]
pub struct Host {
    pub ops: Mutex<Vec<String>>,
}

fn values<R>(buffer: &Buffer, f: impl FnOnce(&mut [f32]) -> R) -> R {
    let memory = buffer.storage::<Memory>().expect("a buffer of this backend");
    let range = buffer.offset()..buffer.offset() + buffer.len();
    f(&mut memory.0.lock().unwrap()[range])
}

fn step(op: &Step, grads: &Buffer, outputs: &[&Buffer]) {
    let grads = values(grads, |grads| grads.to_vec());
    let mut arenas: Vec<Vec<f32>> = outputs.iter().map(|b| values(b, |v| v.to_vec())).collect();
    let (params, slots) = arenas.split_first_mut().unwrap();
    for &Segment { param, state, len } in op.segments.iter() {
        let mut slots: Vec<&mut [f32]> =
            slots.iter_mut().map(|s| &mut s[state..state + len]).collect();
        let range = param..param + len;
        op.chain.run(&op.prepared, &mut params[range.clone()], &grads[range], &mut slots);
    }
    for (buffer, arena) in outputs.iter().zip(&arenas) {
        values(buffer, |values| values.copy_from_slice(arena));
    }
}

impl Backend for Host {
    fn name(&self) -> &str {
        "host"
    }

    fn allocate(&self, len: usize, dtype: DType) -> Result<Buffer> {
        // What is in there is up to the backend: here, what shows when it is used.
        Ok(Buffer::new(Arc::new(Memory(Mutex::new(vec![f32::NAN; len]))), dtype, len))
    }

    fn upload(&self, from: HostRef<'_>, to: &Buffer) -> Result<()> {
        let from = f32::from_host(from)?;
        values(to, |to| to.copy_from_slice(from));
        Ok(())
    }

    fn download(&self, from: &Buffer, to: HostMut<'_>) -> Result<()> {
        match to {
            HostMut::F32(to) => values(from, |from| to.copy_from_slice(from)),
            other => return Err(Error::invalid("download", format!("to {}", other.dtype()))),
        }
        Ok(())
    }

    fn supports(&self, op: &Op, dtype: DType) -> bool {
        dtype == DType::F32 && matches!(op, Op::Fill(_) | Op::Step(_))
    }

    fn run(&self, op: &Op, inputs: &[&Buffer], outputs: &[&Buffer]) -> Result<()> {
        op.check(inputs, outputs)?;
        self.ops.lock().unwrap().push(op.name().to_owned());
        match op {
            Op::Fill(Fill { value, .. }) => values(outputs[0], |y| y.fill(*value as f32)),
            Op::Step(op) => step(op, inputs[0], outputs),
            _ => unreachable!("supports() names the others"),
        }
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        Ok(())
    }

    fn memory(&self) -> MemoryStats {
        MemoryStats::default()
    }
}
