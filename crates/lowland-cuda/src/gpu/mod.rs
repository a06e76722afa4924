//! NVIDIA's driver: devices, memory and launches through `libcuda`, kernels compiled by NVRTC,
//! convolutions by cuDNN and matrix products by cuBLAS.
//!
//! Nothing is linked. Each library is looked for when it is first needed, so that a program with this
//! crate in it starts on any machine, and says what is missing where something is.

mod cache;
mod cublas;
mod cudnn;
mod device;
mod library;
mod modules;
mod open;
mod staging;

pub mod nvrtc;

pub use open::{OpenError, Options};

use cudarc::driver::DriverError;
use cudarc::driver::sys::CUresult;
use lowland_core::Error;

/// Why a library did not do what it was asked.
#[derive(Debug, PartialEq, Eq)]
enum Fault {
    /// It is not on this machine.
    Missing(library::Library),
    /// What it says, in a sentence.
    Failed(String),
}

impl Fault {
    /// The error of the backend of that name.
    fn of(self, backend: &str) -> Error {
        match self {
            Fault::Missing(library) => {
                Error::MissingLibrary { backend: backend.into(), message: library.missing() }
            }
            Fault::Failed(message) => Error::device(backend, message),
        }
    }
}

impl From<String> for Fault {
    fn from(message: String) -> Self {
        Fault::Failed(message)
    }
}

/// What the CUDA driver said, in its words; for errors of calls that were made, where there is a
/// driver to ask.
fn says(error: DriverError) -> String {
    let text = |text: Result<&std::ffi::CStr, DriverError>| {
        text.map_or("unknown".into(), |text| text.to_string_lossy().into_owned())
    };
    format!("{} ({})", text(error.error_string()), text(error.error_name()))
}

/// An error of the driver as one of the backend of that name: `doing` completes "cannot".
fn failed(backend: &str, doing: &str, error: DriverError) -> Error {
    let advice = match error.0 {
        CUresult::CUDA_ERROR_ILLEGAL_ADDRESS
        | CUresult::CUDA_ERROR_LAUNCH_FAILED
        | CUresult::CUDA_ERROR_MISALIGNED_ADDRESS => {
            "; a kernel before this one did it, and the device can no longer be used by this process"
        }
        _ => "",
    };
    Error::device(backend, format!("cannot {doing}: {}{advice}", says(error)))
}
