//! The oracle as a backend: the slowest one there is, and a second opinion for other crates' tests.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lowland_core::op::{MeasureTensors, Step};
use lowland_core::{
    Backend, Buffer, DType, Error, HostMut, HostRef, MemoryStats, Op, Real, Result, Storage,
};

use crate::oracle;
use crate::values::Values;

/// A backend that computes every op by the oracle, in `f64`, and rounds the result.
///
/// Optimizer steps are run by the chain itself in the type of the operands, so that they agree with
/// other backends bit for bit.
///
/// ```
/// use lowland_conformance::Reference;
/// use lowland_core::op::MatMul;
/// use lowland_core::{Backend, DType, Op};
///
/// let backend: &dyn Backend = &Reference::new();
/// let a = backend.buffer_from(&[1.0f32, 2.0, 3.0, 4.0])?;
/// let y = backend.allocate(4, DType::F32)?;
/// let square = MatMul { m: 2, k: 2, n: 2, transpose_a: false, transpose_b: false };
/// backend.run(&Op::MatMul(square), &[&a, &a], &[&y])?;
/// assert_eq!(backend.to_vec::<f32>(&y)?, [7.0, 10.0, 15.0, 22.0]);
/// # Ok::<(), lowland_core::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Reference {
    pool: Arc<Mutex<Pool>>,
}

/// Memory that was let go, by type and length, and the count of it all.
#[derive(Debug, Default)]
struct Pool {
    free: HashMap<(DType, usize), Vec<Values>>,
    stats: MemoryStats,
}

/// The storage of one allocation.
#[derive(Debug)]
pub(crate) struct Memory {
    values: Mutex<Values>,
    pool: Arc<Mutex<Pool>>,
}

impl Storage for Memory {}

/// A lock that is taken even where another holder panicked: what it guards is plain numbers.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn bytes(values: &Values) -> usize {
    values.len() * values.dtype().size()
}

impl Memory {
    pub(crate) fn values(&self) -> MutexGuard<'_, Values> {
        lock(&self.values)
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let values = std::mem::replace(&mut *self.values(), Values::U32(Vec::new()));
        let mut pool = lock(&self.pool);
        pool.stats.bytes_in_use -= bytes(&values);
        pool.free.entry((values.dtype(), values.len())).or_default().push(values);
    }
}

impl Reference {
    /// A backend with an empty pool.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The memory behind a buffer of this backend.
    fn memory_of<'a>(&self, op: &'static str, buffer: &'a Buffer) -> Result<&'a Memory> {
        buffer
            .storage::<Memory>()
            .filter(|memory| Arc::ptr_eq(&memory.pool, &self.pool))
            .ok_or_else(|| Error::ForeignBuffer { op, backend: self.name().into() })
    }

    /// The elements of a buffer of this backend.
    fn values_of(&self, op: &'static str, buffer: &Buffer) -> Result<Values> {
        let memory = self.memory_of(op, buffer)?;
        Ok(memory.values().range(buffer.offset(), buffer.len()))
    }

    /// [`Backend::run`] for operands of any memory: outputs are written one after the other.
    pub(crate) fn run_unchecked(
        &self,
        op: &Op,
        dtype: DType,
        inputs: &[&Buffer],
        outputs: &[&Buffer],
    ) -> Result<()> {
        let name = op.name();
        let read = |buffer: &&Buffer| self.values_of(name, buffer);
        let inputs: Vec<Values> = inputs.iter().map(read).collect::<Result<_>>()?;
        let before: Vec<Values> = outputs.iter().map(read).collect::<Result<_>>()?;
        let after = evaluate(op, dtype, &inputs, &before)?;
        for (buffer, values) in outputs.iter().zip(after) {
            self.memory_of(name, buffer)?.values().write(buffer.offset(), values.host())?;
        }
        Ok(())
    }
}

/// The outputs of an op on operands of one float type.
fn evaluate(op: &Op, dtype: DType, inputs: &[Values], before: &[Values]) -> Result<Vec<Values>> {
    match op {
        Op::Step(op) if dtype == DType::F32 => return Ok(step::<f32>(op, inputs, before)),
        Op::Step(op) => return Ok(step::<f64>(op, inputs, before)),
        Op::Measure(op) if dtype == DType::F32 => return Ok(measure(op, inputs)),
        Op::CrossEntropy(op) | Op::CrossEntropyGrad(op) => {
            op.check_labels(inputs[1].oracle().labels())?;
        }
        _ => {}
    }
    let inputs: Vec<_> = inputs.iter().map(Values::oracle).collect();
    let before: Vec<_> = before.iter().map(|values| values.oracle().floats().to_vec()).collect();
    let after = oracle::run(op, &inputs, &before);
    Ok(after.iter().map(|values| Values::floats(dtype, values)).collect())
}

/// A step by the chain itself, segment by segment.
fn step<T: Real>(op: &Step, read: &[Values], before: &[Values]) -> Vec<Values> {
    let typed = |values: &Values| (0..values.len()).map(|i| T::of(values.get(i))).collect();
    let read: Vec<T> = typed(&read[0]);
    let mut outputs: Vec<Vec<T>> = before.iter().map(typed).collect();
    if let Some((updated, slots)) = outputs.split_first_mut() {
        for segment in op.segments.iter() {
            let range = segment.param..segment.param + segment.len;
            let state = segment.state..segment.state + segment.len;
            let mut cut: Vec<&mut [T]> =
                slots.iter_mut().map(|slot| &mut slot[state.clone()]).collect();
            let (updated, read) = (&mut updated[range.clone()], &read[range]);
            match op.descends {
                true => op.chain.run(&op.prepared, updated, read, &mut cut),
                false => op.chain.direct(&op.prepared, read, updated, &mut cut),
            }
        }
    }
    let wide = |values: Vec<T>| values.into_iter().map(Real::f64).collect::<Vec<f64>>();
    outputs.into_iter().map(|values| Values::floats(T::DTYPE, &wide(values))).collect()
}

/// A measure of floats of less than full precision.
fn measure(op: &MeasureTensors, inputs: &[Values]) -> Vec<Values> {
    let inputs: Vec<_> = inputs.iter().map(Values::oracle).collect();
    let floats: Vec<&[f64]> = inputs.iter().map(|values| values.floats()).collect();
    let after = oracle::measure::forward::<f32>(op, &floats);
    after.iter().map(|values| Values::floats(DType::F32, values)).collect()
}

/// Refuses a copy between a buffer and host memory of another length or type.
fn check_copy(
    op: &'static str,
    operand: &'static str,
    buffer: &Buffer,
    len: usize,
    dtype: DType,
) -> Result<()> {
    if buffer.len() == len && buffer.dtype() == dtype {
        return Ok(());
    }
    let want = match dtype {
        DType::F32 => "f32",
        DType::F64 => "f64",
        _ => "u32",
    };
    let (got, got_dtype) = (buffer.len(), buffer.dtype());
    Err(Error::Operand { op, operand, want_len: len, want, len: got, dtype: got_dtype })
}

impl Backend for Reference {
    fn name(&self) -> &str {
        "reference"
    }

    fn allocate(&self, len: usize, dtype: DType) -> Result<Buffer> {
        let mut pool = lock(&self.pool);
        let recycled = pool.free.get_mut(&(dtype, len)).and_then(Vec::pop);
        let fresh = recycled.is_none();
        let values = recycled.or_else(|| Values::zeros(dtype, len)).ok_or_else(|| {
            let bytes = len.saturating_mul(dtype.size());
            Error::OutOfMemory { backend: self.name().into(), bytes }
        })?;
        let stats = &mut pool.stats;
        stats.bytes_in_use += bytes(&values);
        stats.peak_bytes_in_use = stats.peak_bytes_in_use.max(stats.bytes_in_use);
        if fresh {
            stats.bytes_held += bytes(&values);
            stats.fresh_allocations += 1;
        }
        let memory = Memory { values: Mutex::new(values), pool: Arc::clone(&self.pool) };
        Ok(Buffer::new(Arc::new(memory), dtype, len))
    }

    fn upload(&self, from: HostRef<'_>, to: &Buffer) -> Result<()> {
        let memory = self.memory_of("upload", to)?;
        check_copy("upload", "to", to, from.len(), from.dtype())?;
        memory.values().write(to.offset(), from)
    }

    fn download(&self, from: &Buffer, to: HostMut<'_>) -> Result<()> {
        let memory = self.memory_of("download", from)?;
        check_copy("download", "from", from, to.len(), to.dtype())?;
        memory.values().read(from.offset(), to)
    }

    fn supports(&self, op: &Op, dtype: DType) -> bool {
        dtype.is_float() && oracle::knows(op)
    }

    fn run(&self, op: &Op, inputs: &[&Buffer], outputs: &[&Buffer]) -> Result<()> {
        let dtype = op.check(inputs, outputs)?;
        if !self.supports(op, dtype) {
            let (op, backend) = (op.name().into(), self.name().into());
            return Err(Error::Unsupported { op, backend, dtype });
        }
        self.run_unchecked(op, dtype, inputs, outputs)
    }

    fn sync(&self) -> Result<()> {
        Ok(())
    }

    fn memory(&self) -> MemoryStats {
        lock(&self.pool).stats
    }
}
