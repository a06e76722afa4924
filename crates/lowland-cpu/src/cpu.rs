//! The backend.

use std::sync::Arc;

use lowland_core::{Backend, Buffer, DType, Error, HostMut, HostRef, MemoryStats, Op, Result};

use crate::NAME;
use crate::access::Access;
use crate::context::Context;
use crate::conv2d::Isa;
use crate::memory::Plain;
use crate::pool::Pool;
use crate::run::{run, scratch_bytes, supports};
use crate::storage::CpuStorage;
use crate::threads::Threads;

/// The processor and the memory of this machine, as a [`Backend`].
///
/// It runs one op at a time, on all of its threads; calls from several threads wait for each other.
/// Buffers may outlive it. Each `Cpu` has its own memory pool, and takes its own buffers alone.
#[derive(Debug)]
pub struct Cpu {
    isa: Isa,
    threads: Threads,
    pool: Arc<Pool>,
}

impl Cpu {
    /// A backend that works on this many threads, the calling one among them; 0 counts as 1. Where
    /// the system refuses to start so many, the calling thread works alone, which [`Cpu::threads`]
    /// then tells.
    ///
    /// The results of ops do not depend on the number of threads, in any bit.
    ///
    /// The kernels are those that `LOWLAND_CPU_ISA` names, where it names some that this processor
    /// can run, and else the fastest. [`Isa::from_env`] tells a wrong name.
    #[must_use]
    pub fn new(threads: usize) -> Self {
        let isa = Isa::from_env().unwrap_or_else(|_| Isa::detect());
        Cpu { isa, threads: Threads::new(threads), pool: Arc::default() }
    }

    /// [`Cpu::new`], with the kernels of one instruction set rather than the fastest there is.
    ///
    /// The bits of convolutions depend on it; those of other ops do not. Matrix products of more
    /// than 2^20 multiply-adds do not obey: the matrixmultiply crate looks for the fastest
    /// instruction set itself, and cannot be told otherwise.
    ///
    /// # Errors
    /// [`Error::Invalid`] where this processor lacks it.
    pub fn with_isa(threads: usize, isa: Isa) -> Result<Self> {
        if !isa.is_available() {
            let message = format!("this processor has no {}", isa.name());
            return Err(Error::invalid("cpu backend", message));
        }
        Ok(Cpu { isa, ..Cpu::new(threads) })
    }

    /// A backend with a thread for each core that this process may use.
    #[must_use]
    pub fn with_all_cores() -> Self {
        Cpu::new(std::thread::available_parallelism().map_or(1, usize::from))
    }

    /// The number of threads that work, the calling one among them.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.threads.count()
    }

    /// The instruction set whose kernels run.
    #[must_use]
    pub fn isa(&self) -> Isa {
        self.isa
    }

    fn context(&self) -> Context<'_> {
        Context { isa: self.isa, threads: &self.threads, pool: &self.pool }
    }

    fn write<T: Plain>(&self, from: &[T], to: &Buffer) -> Result<()> {
        check_host("upload", to, from.len(), T::DTYPE)?;
        Access::wait(&self.pool).write::<T>("upload", to)?.copy_from_slice(from);
        Ok(())
    }

    fn read<T: Plain>(&self, from: &Buffer, to: &mut [T]) -> Result<()> {
        check_host("download", from, to.len(), T::DTYPE)?;
        to.copy_from_slice(Access::wait(&self.pool).read::<T>("download", from)?);
        Ok(())
    }
}

/// Checks that host memory fits a buffer.
fn check_host(op: &'static str, buffer: &Buffer, len: usize, dtype: DType) -> Result<()> {
    if (buffer.len(), buffer.dtype()) == (len, dtype) {
        return Ok(());
    }
    let (want_len, want) = (buffer.len(), buffer.dtype().name());
    Err(Error::Operand { op, operand: "host", want_len, want, len, dtype })
}

impl Backend for Cpu {
    fn name(&self) -> &str {
        NAME
    }

    fn allocate(&self, len: usize, dtype: DType) -> Result<Buffer> {
        let bytes = len.saturating_mul(dtype.size());
        Ok(Buffer::new(Arc::new(CpuStorage::new(&self.pool, bytes)?), dtype, len))
    }

    fn upload(&self, from: HostRef<'_>, to: &Buffer) -> Result<()> {
        match from {
            HostRef::F32(from) => self.write(from, to),
            HostRef::F64(from) => self.write(from, to),
            HostRef::U32(from) => self.write(from, to),
            other => Err(unsupported("upload", other.dtype())),
        }
    }

    fn download(&self, from: &Buffer, to: HostMut<'_>) -> Result<()> {
        match to {
            HostMut::F32(to) => self.read(from, to),
            HostMut::F64(to) => self.read(from, to),
            HostMut::U32(to) => self.read(from, to),
            other => Err(unsupported("download", other.dtype())),
        }
    }

    fn supports(&self, op: &Op, dtype: DType) -> bool {
        supports(op, dtype)
    }

    fn run(&self, op: &Op, inputs: &[&Buffer], outputs: &[&Buffer]) -> Result<()> {
        let dtype = op.check(inputs, outputs)?;
        if !supports(op, dtype) {
            return Err(unsupported(op.name(), dtype));
        }
        let mut access = Access::wait(&self.pool);
        match dtype {
            DType::F32 => {
                let views = access.views::<f32>(op.name(), inputs, outputs)?;
                run(op, self.context(), views)
            }
            DType::F64 => {
                let views = access.views::<f64>(op.name(), inputs, outputs)?;
                run(op, self.context(), views)
            }
            other => Err(unsupported(op.name(), other)),
        }
    }

    fn scratch_bytes(&self, op: &Op, dtype: DType) -> usize {
        match dtype {
            DType::F32 => scratch_bytes::<f32>(op, self.isa),
            DType::F64 => scratch_bytes::<f64>(op, self.isa),
            _ => 0,
        }
    }

    fn sync(&self) -> Result<()> {
        Ok(())
    }

    fn memory(&self) -> MemoryStats {
        self.pool.stats()
    }
}

pub(crate) fn unsupported(op: &str, dtype: DType) -> Error {
    Error::Unsupported { op: op.into(), backend: NAME.into(), dtype }
}

#[cfg(test)]
mod tests {
    use lowland_core::Shape;
    use lowland_core::op::{Conv2d, Operand};

    use super::*;

    #[test]
    fn the_instruction_set_is_the_one_that_the_variable_names() {
        let expected = std::env::var(Isa::VARIABLE).unwrap_or(Isa::detect().name().into());
        assert_eq!(Cpu::new(1).isa().name(), expected);
    }

    #[test]
    fn convolutions_take_as_much_scratch_memory_as_is_told() {
        let conv = |input, weight, stride| {
            Conv2d::new(Shape::new(input), Shape::new(weight), [stride; 2], [1, 1], 1).unwrap()
        };
        for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
            for conv in [
                conv(&[9, 12, 12, 16], &[32, 16, 3, 3], 1),
                conv(&[40, 8, 8, 48], &[64, 48, 3, 3], 2),
                conv(&[3, 5, 5, 3], &[7, 3, 3, 3], 1),
            ] {
                let ops = [
                    Op::Conv2d(conv),
                    Op::Conv2dStatistics(conv),
                    Op::Conv2dGradInput(conv),
                    Op::Conv2dGradWeight(conv),
                ];
                for op in ops {
                    let cpu = Cpu::with_isa(2, isa).unwrap();
                    let buffer = |operand: &Operand| cpu.allocate(operand.len, DType::F32).unwrap();
                    let operands = op.operands();
                    let inputs: Vec<Buffer> = operands.inputs.iter().map(buffer).collect();
                    let outputs: Vec<Buffer> = operands.outputs.iter().map(buffer).collect();
                    let before = cpu.memory().bytes_in_use;
                    let (read, written): (Vec<_>, Vec<_>) =
                        (inputs.iter().collect(), outputs.iter().collect());
                    cpu.run(&op, &read, &written).unwrap();
                    let taken = cpu.memory().peak_bytes_in_use - before;
                    let told = cpu.scratch_bytes(&op, DType::F32);
                    // Blocks are up to an eighth larger than what was asked for, or 256 bytes.
                    let name = op.name();
                    assert!(told <= taken, "{name}: {told} of {taken}");
                    assert!(taken - told <= taken / 8 + 2048, "{name}: {told} of {taken}");
                }
            }
        }
    }
}
