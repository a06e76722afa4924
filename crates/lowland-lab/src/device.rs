//! The devices that experiments run on: a new backend is one line here.

use std::sync::Arc;

use lowland_cpu::{Cpu, Isa};
use lowland_cuda::Cuda;
use lowland_tensor::Device;

use crate::{Error, Result};

/// A device, and what it turned out to be.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The device.
    pub device: Device,
    /// The host threads that it computes on: fewer than asked for, where the system refused to start
    /// them, and one for hardware of its own.
    pub threads: usize,
    /// The instruction set of its kernels, on which the bits of results may depend.
    pub instruction_set: String,
    /// Where it keeps tensors.
    pub memory: TensorMemory,
}

/// The memory that a device keeps tensors in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TensorMemory {
    /// That of the host.
    Host,
    /// Its own, and the bytes of it that were free when the device was opened, where it tells.
    Own(Option<u64>),
}

/// One kind of hardware.
struct Kind {
    /// What people write, `N` standing for a number.
    name: &'static str,
    /// Opens the device of that number with so many host threads.
    open: fn(number: usize, threads: usize) -> Result<Opened>,
}

const KINDS: &[Kind] =
    &[Kind { name: "cpu", open: open_cpu }, Kind { name: "cuda:N", open: open_cuda }];

impl Kind {
    /// The number of the device in a name of this kind, 0 where there is but one; `None` for a name
    /// of another kind.
    fn number(&self, name: &str) -> Option<usize> {
        match self.name.strip_suffix('N') {
            None => (name == self.name).then_some(0),
            Some(start) => {
                let number = name.strip_prefix(start)?;
                let digits = number.bytes().all(|byte| byte.is_ascii_digit());
                number.parse().ok().filter(|_| digits)
            }
        }
    }
}

/// The CPU, by the kernels that `LOWLAND_CPU_ISA` names, or the fastest.
fn open_cpu(_: usize, threads: usize) -> Result<Opened> {
    let cpu = Cpu::with_isa(threads, Isa::from_env()?)?;
    let (threads, instruction_set) = (cpu.threads(), cpu.isa().name().to_string());
    Ok(Opened { device: Arc::new(cpu), threads, instruction_set, memory: TensorMemory::Host })
}

/// An NVIDIA GPU.
fn open_cuda(number: usize, _: usize) -> Result<Opened> {
    let cuda = Cuda::open(number)?;
    let instruction_set = cuda.architecture().to_string();
    let memory = TensorMemory::Own(cuda.free_bytes());
    Ok(Opened { device: Arc::new(cuda), threads: 1, instruction_set, memory })
}

/// The kind and the number of a device of that name, which need not be on this machine.
fn find(name: &str) -> Result<(&'static Kind, usize)> {
    let found = KINDS.iter().find_map(|kind| Some((kind, kind.number(name)?)));
    found.ok_or_else(|| {
        let names: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
        let names = names.join(", ");
        Error::Usage(format!("there is no device `{name}`; there are: {names} (N counts from 0)"))
    })
}

/// Checks the name of a device, for the program's arguments.
///
/// # Errors
/// [`Error::Usage`], with what there is.
pub fn check_name(name: &str) -> Result<String> {
    find(name).map(|_| name.to_string())
}

/// The device of that name.
///
/// # Errors
/// [`Error::Usage`] where there is none, or where `threads` is 0 or more than 1024; whatever the
/// device says, such as of an instruction set that it lacks, or that this machine has no such device.
pub fn open(name: &str, threads: usize) -> Result<Opened> {
    if !(1..=1024).contains(&threads) {
        return Err(Error::Usage(format!("{threads} threads are not possible: give 1 to 1024")));
    }
    let (kind, number) = find(name)?;
    (kind.open)(number, threads)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_a_kind_and_a_number() {
        let number = |name| find(name).map(|(kind, number)| (kind.name, number)).ok();
        assert_eq!(number("cpu"), Some(("cpu", 0)));
        assert_eq!(number("cuda:0"), Some(("cuda:N", 0)));
        assert_eq!(number("cuda:12"), Some(("cuda:N", 12)));
        for wrong in
            ["", "cuda", "cuda:", "cuda:+1", "cuda:-1", "cuda:1x", "cuda:N", "cpu:0", "CPU"]
        {
            let error = check_name(wrong).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("there is no device `{wrong}`; there are: cpu, cuda:N (N counts from 0)")
            );
            assert_eq!(error.exit_code(), 2);
        }
        assert_eq!(check_name("cuda:3").unwrap(), "cuda:3");
    }

    #[test]
    fn threads_are_checked_and_a_missing_device_is_the_users_to_mend() {
        assert_eq!(open("cpu", 0).unwrap_err().exit_code(), 2);
        assert_eq!(open("cpu", 1025).unwrap_err().exit_code(), 2);
        let error = open("cuda:999999", 1).unwrap_err();
        assert!(matches!(error, Error::Device(_)) && error.exit_code() == 2, "{error}");
        assert!(error.to_string().contains("cuda:999999"), "{error}");
    }
}
