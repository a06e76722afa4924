//! Opening a device, and why that may not be possible.

use std::sync::Arc;

use super::device::Gpu;
use crate::Cuda;

/// The CUDA version that the driver must know at least, as it counts them.
const DRIVER_VERSION: i32 = 13_000;

/// How a device is to be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// Whether convolutions and matrix products may round their factors to TF32, which has 10 bits of
    /// mantissa. It is several times as fast on tensor cores, and results then differ from those of
    /// the CPU from the third or fourth digit on. Off unless it is asked for.
    pub tf32: bool,
}

impl Options {
    /// The same with [`Options::tf32`] as given.
    #[must_use]
    pub fn tf32(self, tf32: bool) -> Self {
        Options { tf32 }
    }
}

/// Why a device cannot be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The driver's library is not on this machine.
    #[error("cuda:{index}: {missing}, on a machine with an NVIDIA GPU, or use the CPU")]
    NoDriver {
        /// The device that was asked for.
        index: usize,
        /// What was looked for, and where.
        missing: String,
    },

    /// The driver is older than the libraries it is used with.
    #[error(
        "cuda:{index}: the NVIDIA driver is for CUDA {}.{}, and CUDA 13.0 is needed: update the driver \
         to 580 or newer", found / 1000, found % 1000 / 10
    )]
    DriverTooOld {
        /// The device that was asked for.
        index: usize,
        /// The CUDA version of the driver: 1000 times the major and 10 times the minor number.
        found: i32,
    },

    /// There is a driver, but no device of that number.
    #[error("there is no device cuda:{index}: {}", devices(*count))]
    NoDevice {
        /// The device that was asked for.
        index: usize,
        /// How many there are.
        count: usize,
    },

    /// The driver refused.
    #[error("cuda:{index}: cannot {doing}: {says}")]
    Cuda {
        /// The device that was asked for.
        index: usize,
        /// What was attempted.
        doing: &'static str,
        /// What the driver said.
        says: String,
    },
}

/// What devices there are instead.
fn devices(count: usize) -> String {
    let seen = "that this process may use; CUDA_VISIBLE_DEVICES can hide them";
    match count {
        0 => format!("the NVIDIA driver sees no GPU {seen}"),
        1 => format!("cuda:0 is the only GPU {seen}"),
        count => format!("cuda:0 to cuda:{} are the GPUs {seen}", count - 1),
    }
}

/// Whether a driver of that version will do.
pub(super) fn check_driver(index: usize, found: i32) -> Result<(), OpenError> {
    if found >= DRIVER_VERSION { Ok(()) } else { Err(OpenError::DriverTooOld { index, found }) }
}

impl Cuda {
    /// The NVIDIA GPU of that number, as the driver counts them from 0.
    ///
    /// Kernels are compiled when they are first needed, and kept on disk for the next process.
    ///
    /// # Errors
    /// [`OpenError`]: no driver on this machine, one that is too old, no such device, or what the
    /// driver says. Libraries other than the driver's are looked for when they are first needed, and
    /// ops that need one which is not there fail.
    pub fn open(index: usize) -> Result<Cuda, OpenError> {
        Cuda::open_with(index, Options::default())
    }

    /// [`Cuda::open`] with options.
    ///
    /// # Errors
    /// As [`Cuda::open`].
    pub fn open_with(index: usize, options: Options) -> Result<Cuda, OpenError> {
        Ok(Cuda::on(Arc::new(Gpu::open(index, options)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::library::Library;
    use super::*;

    #[test]
    fn errors_say_what_is_missing_and_what_to_do() {
        let no_driver = OpenError::NoDriver { index: 2, missing: Library::Driver.missing() };
        let text = no_driver.to_string();
        for part in ["cuda:2", "libcuda.so.1", "580", "or use the CPU"] {
            assert!(text.contains(part), "{text}");
        }
        assert_eq!(
            OpenError::NoDevice { index: 3, count: 2 }.to_string(),
            "there is no device cuda:3: cuda:0 to cuda:1 are the GPUs that this process may use; \
             CUDA_VISIBLE_DEVICES can hide them"
        );
        assert!(devices(0).starts_with("the NVIDIA driver sees no GPU"));
        assert!(devices(1).starts_with("cuda:0 is the only GPU"));
    }

    #[test]
    fn an_old_driver_is_refused_with_its_version() {
        assert_eq!(check_driver(0, 13_000), Ok(()));
        assert_eq!(check_driver(0, 14_010), Ok(()));
        let error = check_driver(0, 12_080).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cuda:0: the NVIDIA driver is for CUDA 12.8, and CUDA 13.0 is needed: update the driver to \
             580 or newer"
        );
    }

    #[test]
    fn no_machine_panics() {
        if let Err(error) = Cuda::open(usize::MAX) {
            assert!(error.to_string().contains(&usize::MAX.to_string()), "{error}");
        } else {
            panic!("there is no such device");
        }
    }
}
