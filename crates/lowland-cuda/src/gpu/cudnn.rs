//! Convolutions by cuDNN.
//!
//! Unsafe, because the library is called through handles and with addresses of the device.
#![allow(unsafe_code)]

mod descriptors;
mod plan;

use std::collections::HashMap;

use cudarc::cudnn::result::{self, CudnnError};
use cudarc::cudnn::sys;
use cudarc::driver::CudaStream;
use lowland_core::op::Conv2d;

use super::Fault;
use super::library::Library;
use crate::driver::{Address, Convolve};
use plan::{Algorithm, Pass, Plan};

/// The version that is needed at least.
const VERSION: (i32, i32) = (9, 0);

/// cuDNN on one stream, with a plan for each convolution that it has met.
#[derive(Debug)]
pub(super) struct Cudnn {
    // Before the handle, as descriptors are destroyed with the library still open.
    plans: HashMap<(Conv2d, Pass), Plan>,
    handle: Handle,
    tf32: bool,
}

// SAFETY: handle and descriptors may be used from any thread, by one at a time; the device keeps them
// behind a mutex.
unsafe impl Send for Cudnn {}

impl Cudnn {
    /// # Errors
    /// That it is missing, or what it says.
    pub(super) fn open(stream: &CudaStream, tf32: bool) -> Result<Self, Fault> {
        if !Library::Cudnn.is_present() {
            return Err(Fault::Missing(Library::Cudnn));
        }
        check_version(result::get_version())?;
        let cannot = |error: CudnnError| format!("cuDNN cannot be set up: {}", says(error));
        let handle = Handle(result::create_handle().map_err(cannot)?);
        // SAFETY: the handle was created, and the stream outlives it in the device.
        unsafe { result::set_stream(handle.0, stream.cu_stream().cast()) }.map_err(cannot)?;
        Ok(Cudnn { plans: HashMap::new(), handle, tf32 })
    }

    /// Bytes of scratch memory for a convolution.
    ///
    /// # Errors
    /// Sizes that the library does not take, or what it says.
    pub(super) fn workspace_bytes(
        &mut self,
        conv: &Conv2d,
        what: Convolve,
    ) -> Result<usize, Fault> {
        Ok(self.plan(conv, Pass::of(what))?.workspace_bytes)
    }

    /// Convolves. No operand is empty.
    ///
    /// # Errors
    /// As [`Cudnn::workspace_bytes`].
    pub(super) fn convolve(
        &mut self,
        conv: &Conv2d,
        what: Convolve,
        workspace: Address,
    ) -> Result<(), Fault> {
        let handle = self.handle.0;
        let plan = self.plan(conv, Pass::of(what))?;
        let (x, w, y) = (plan.x.get(), plan.w.get(), plan.y.get());
        let (conv_desc, bytes) = (plan.conv.get(), plan.workspace_bytes);
        let workspace = pointer_mut(workspace);
        let (one, zero) = (1.0_f32, 0.0_f32);
        let one: *const f32 = &one;
        let zero: *const f32 = &zero;
        let (one, zero) = (one.cast(), zero.cast());
        // SAFETY: the caller vouches that operands and workspace are as long as the descriptors say,
        // which were made from the same sizes; the scalars are on the host and read before the call
        // returns.
        let ran = unsafe {
            match (plan.algorithm, what) {
                (Algorithm::Forward(algorithm), Convolve::Forward { x: from, w: by, y: to }) => {
                    result::convolution_forward(
                        handle,
                        one,
                        x,
                        pointer(from),
                        w,
                        pointer(by),
                        conv_desc,
                        algorithm,
                        workspace,
                        bytes,
                        zero,
                        y,
                        pointer_mut(to),
                    )
                }
                (Algorithm::GradInput(algorithm), Convolve::GradInput { dy, w: by, dx }) => {
                    result::convolution_backward_data(
                        handle,
                        one,
                        w,
                        pointer(by),
                        y,
                        pointer(dy),
                        conv_desc,
                        algorithm,
                        workspace,
                        bytes,
                        zero,
                        x,
                        pointer_mut(dx),
                    )
                }
                (Algorithm::GradWeight(algorithm), Convolve::GradWeight { x: from, dy, dw }) => {
                    result::convolution_backward_filter(
                        handle,
                        one,
                        x,
                        pointer(from),
                        y,
                        pointer(dy),
                        conv_desc,
                        algorithm,
                        workspace,
                        bytes,
                        zero,
                        w,
                        pointer_mut(dw),
                    )
                }
                _ => unreachable!("a plan is kept under its pass"),
            }
        };
        ran.map_err(|error| format!("cuDNN cannot compute {conv:?}: {}", says(error)).into())
    }

    /// The plan for a convolution: made when it is first met.
    fn plan(&mut self, conv: &Conv2d, pass: Pass) -> Result<&Plan, Fault> {
        use std::collections::hash_map::Entry;
        match self.plans.entry((*conv, pass)) {
            Entry::Occupied(entry) => Ok(entry.into_mut()),
            Entry::Vacant(entry) => {
                Ok(entry.insert(Plan::new(self.handle.0, conv, pass, self.tf32)?))
            }
        }
    }
}

/// The library's handle, destroyed when it is dropped.
#[derive(Debug)]
struct Handle(sys::cudnnHandle_t);

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: it was created and is destroyed once. A failure at the end harms nobody.
        let _ = unsafe { result::destroy_handle(self.0) };
    }
}

fn pointer(address: Address) -> *const std::ffi::c_void {
    address.0 as *const _
}

fn pointer_mut(address: Address) -> *mut std::ffi::c_void {
    address.0 as *mut _
}

/// What the library says, in its words.
fn says(error: CudnnError) -> String {
    // SAFETY: the library is there, as it made the error; it gives a constant string.
    let text = unsafe { std::ffi::CStr::from_ptr(sys::cudnnGetErrorString(error.0)) };
    text.to_string_lossy().into_owned()
}

/// Refuses an old library, by its version as it counts.
fn check_version(version: usize) -> Result<(), String> {
    // Up to 8 the library counted in thousands.
    let unit = if version < 10_000 { 1000 } else { 10_000 };
    let found = ((version / unit) as i32, (version % unit / 100) as i32);
    Library::Cudnn.check_version(found, VERSION)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_library_is_refused_with_its_version() {
        assert_eq!(check_version(92_100), Ok(()));
        assert_eq!(check_version(90_000), Ok(()));
        let error = check_version(8_907).unwrap_err();
        assert!(error.starts_with("cuDNN 8.9 was found, and 9.0 or newer is needed"), "{error}");
    }
}
