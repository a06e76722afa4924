//! A GPU as a [`Driver`]: memory, copies and launches on one stream.
//!
//! Unsafe, because the driver takes addresses and kernels at their word. [`Cuda`](crate::Cuda) hands
//! over addresses of memory that it allocated here and that holds what it says, and kernels with the
//! struct of arguments that they were written for.
#![allow(unsafe_code)]

use std::sync::{Arc, Mutex};

use cudarc::driver::sys::{CUdevice_attribute as Attribute, CUresult};
use cudarc::driver::{CudaContext, CudaStream, DriverError, result, sys};
use lowland_core::op::Conv2d;
use lowland_core::{Error, Result};

use super::cublas::Cublas;
use super::cudnn::Cudnn;
use super::library::Library;
use super::modules::{Function, Modules};
use super::open::{OpenError, Options, check_driver};
use super::staging::Staging;
use super::{Fault, failed, says};
use crate::driver::{Address, Convolve, Driver, Kernel, Multiply, RawArgs, Unit};
use crate::launcher::{THREADS, lock};

/// The most blocks of a launch, along the one axis that is used.
const MOST_BLOCKS: u32 = i32::MAX as u32;

/// An NVIDIA GPU. Everything runs on one stream, in the order in which it was handed over.
#[derive(Debug)]
pub(super) struct Gpu {
    /// Such as `cuda:0`.
    name: String,
    /// Such as `sm_90`.
    architecture: String,
    multiprocessors: u32,
    options: Options,
    modules: Modules,
    staging: Mutex<Option<Staging>>,
    cublas: Mutex<Option<Cublas>>,
    cudnn: Mutex<Option<Cudnn>>,
    // The last to go, as the others use it.
    stream: Arc<CudaStream>,
}

impl Gpu {
    pub(super) fn open(index: usize, options: Options) -> Result<Self, OpenError> {
        let context = context(index)?;
        let cannot =
            |doing| move |error: DriverError| OpenError::Cuda { index, doing, says: says(error) };
        // SAFETY: one stream does everything, and no slices of cudarc's own are made, so that there
        // is nothing that its events would order.
        unsafe { context.disable_event_tracking() };
        let stream = context.new_stream().map_err(cannot("make a stream"))?;
        let (major, minor) =
            context.compute_capability().map_err(cannot("ask for the compute capability"))?;
        let multiprocessors = context
            .attribute(Attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)
            .map_err(cannot("ask for the number of multiprocessors"))?;
        let name = format!("cuda:{index}");
        let architecture = (major * 10 + minor) as u32;
        Ok(Gpu {
            modules: Modules::new(&name, context, architecture),
            name,
            architecture: format!("sm_{architecture}"),
            multiprocessors: multiprocessors.max(1) as u32,
            options,
            staging: Mutex::default(),
            cublas: Mutex::default(),
            cudnn: Mutex::default(),
            stream,
        })
    }

    fn context(&self) -> &Arc<CudaContext> {
        self.stream.context()
    }

    /// Makes this device the one that calls on this thread are about, and reports what went wrong
    /// where it could not be: when memory was given back.
    fn bind(&self) -> Result<()> {
        self.context().bind_to_thread().map_err(self.cannot("use the device"))
    }

    /// For `map_err`; `doing` completes "cannot".
    fn cannot(&self, doing: &str) -> impl FnOnce(DriverError) -> Error {
        move |error| failed(&self.name, doing, error)
    }

    fn zero(&self, y: Address, floats: usize) -> Result<()> {
        if floats == 0 {
            return Ok(());
        }
        self.bind()?;
        // SAFETY: see the module.
        unsafe {
            result::memset_d8_async(y.0, 0, floats * size_of::<f32>(), self.stream.cu_stream())
        }
        .map_err(self.cannot("clear memory"))
    }

    /// Runs something with cuDNN, which is opened where it is not.
    fn with_cudnn<T>(&self, run: impl FnOnce(&mut Cudnn) -> Result<T, Fault>) -> Result<T> {
        self.bind()?;
        let open = || Cudnn::open(&self.stream, self.options.tf32);
        with(&self.cudnn, open, run).map_err(|fault| fault.of(&self.name))
    }
}

/// The device of that number, or why there is none; never a panic.
fn context(index: usize) -> Result<Arc<CudaContext>, OpenError> {
    if !Library::Driver.is_present() {
        return Err(OpenError::NoDriver { index, missing: Library::Driver.missing() });
    }
    let cannot =
        |doing| move |error: DriverError| OpenError::Cuda { index, doing, says: says(error) };
    let mut version = 0;
    // SAFETY: the library is there, and the pointer is good for a write; it needs no device.
    unsafe { sys::cuDriverGetVersion(&mut version) }
        .result()
        .map_err(cannot("ask the driver for its version"))?;
    check_driver(index, version)?;
    let count = match CudaContext::device_count() {
        Ok(count) => count.max(0) as usize,
        Err(DriverError(CUresult::CUDA_ERROR_NO_DEVICE)) => 0,
        Err(error) => return Err(cannot("start the driver")(error)),
    };
    if index >= count {
        return Err(OpenError::NoDevice { index, count });
    }
    CudaContext::new(index).map_err(cannot("open the device"))
}

/// Runs something with what a mutex holds, which is opened where it is not.
fn with<L, T, E>(
    mutex: &Mutex<Option<L>>,
    open: impl FnOnce() -> Result<L, E>,
    run: impl FnOnce(&mut L) -> Result<T, E>,
) -> Result<T, E> {
    let mut held = lock(mutex);
    if held.is_none() {
        *held = Some(open()?);
    }
    match held.as_mut() {
        Some(library) => run(library),
        None => unreachable!("it was opened"),
    }
}

impl Drop for Gpu {
    fn drop(&mut self) {
        // The libraries give back what they hold in the context of this thread.
        let context = self.context();
        context.record_err(context.bind_to_thread());
        context.record_err(self.stream.synchronize());
    }
}

impl Driver for Gpu {
    fn name(&self) -> &str {
        &self.name
    }

    fn architecture(&self) -> &str {
        &self.architecture
    }

    fn allocate(&self, bytes: usize) -> Option<Address> {
        let context = self.context();
        // SAFETY: plain memory, whose contents are unspecified; the driver aligns it to 256 bytes.
        let allocated =
            context.bind_to_thread().and_then(|()| unsafe { result::malloc_sync(bytes) });
        match allocated {
            Ok(address) => Some(Address(address)),
            Err(error) => {
                // Where memory is not what is lacking, the next call tells.
                if error != DriverError(CUresult::CUDA_ERROR_OUT_OF_MEMORY) {
                    context.record_err::<()>(Err(error));
                }
                None
            }
        }
    }

    fn free_memory(&self) -> Option<(usize, usize)> {
        self.context().mem_get_info().ok()
    }

    fn free(&self, address: Address, _bytes: usize) {
        let context = self.context();
        context.record_err(context.bind_to_thread());
        // What was handed over before may still use it.
        context.record_err(self.stream.synchronize());
        // SAFETY: it came from `allocate`, goes back once, and nothing uses it any more.
        context.record_err(unsafe { result::free_sync(address.0) });
    }

    fn upload(&self, from: &[u8], to: Address) -> Result<()> {
        self.bind()?;
        let open = || Staging::new(self.context());
        with(&self.staging, open, |staging| staging.upload(&self.stream, from, to.0))
            .map_err(self.cannot("upload"))
    }

    fn download(&self, from: Address, to: &mut [u8]) -> Result<()> {
        if to.is_empty() {
            return self.sync();
        }
        self.bind()?;
        // SAFETY: see the module; `to` stays borrowed until the copy has run.
        let copied = unsafe { result::memcpy_dtoh_async(to, from.0, self.stream.cu_stream()) };
        // Waits even if the copy was refused, as earlier work may have been the reason.
        let ran = self.stream.synchronize();
        copied.and(ran).map_err(self.cannot("download"))
    }

    fn copy(&self, from: Address, to: Address, bytes: usize) -> Result<()> {
        if bytes == 0 {
            return Ok(());
        }
        self.bind()?;
        // SAFETY: see the module.
        unsafe { result::memcpy_dtod_async(to.0, from.0, bytes, self.stream.cu_stream()) }
            .map_err(self.cannot("copy"))
    }

    fn kernel(&self, unit: &Unit, name: &str, args_bytes: usize) -> Result<Kernel> {
        let function = self.modules.function(unit, name, args_bytes)?;
        Ok(Kernel { name: name.into(), handle: Arc::new(function) })
    }

    fn launch(&self, kernel: &Kernel, blocks: u32, args: RawArgs<'_>) -> Result<()> {
        let function = kernel.handle.downcast_ref::<Function>();
        let function = function.filter(|function| function.is_of(self.context()));
        let function = function.ok_or_else(|| {
            Error::device(&self.name, format!("the kernel {} is of another driver", kernel.name))
        })?;
        if blocks > MOST_BLOCKS {
            let message = format!(
                "{} cannot be launched in {blocks} blocks, only in {MOST_BLOCKS}",
                kernel.name
            );
            return Err(Error::device(&self.name, message));
        }
        self.bind()?;
        let mut parameters = [args.pointer().cast_mut().cast()];
        // SAFETY: the kernel takes one argument of the size that was compared when it was loaded; the
        // driver copies it before the call returns.
        unsafe {
            result::launch_kernel(
                function.handle(),
                (blocks, 1, 1),
                (THREADS as u32, 1, 1),
                0,
                self.stream.cu_stream(),
                &mut parameters,
            )
        }
        .map_err(|error| failed(&self.name, &format!("launch {}", kernel.name), error))
    }

    fn workspace_bytes(&self, conv: &Conv2d, what: Convolve) -> Result<usize> {
        if is_empty(conv) {
            return Ok(0);
        }
        self.with_cudnn(|cudnn| cudnn.workspace_bytes(conv, what))
    }

    fn convolve(&self, conv: &Conv2d, what: Convolve, workspace: Address) -> Result<()> {
        if is_empty(conv) {
            // A sum of no terms, which the library does not take.
            return match what {
                Convolve::Forward { y, .. } => self.zero(y, conv.y().len()),
                Convolve::GradInput { dx, .. } => self.zero(dx, conv.x().len()),
                Convolve::GradWeight { dw, .. } => self.zero(dw, conv.w().len()),
            };
        }
        self.with_cudnn(|cudnn| cudnn.convolve(conv, what, workspace))
    }

    fn multiply(&self, product: &Multiply) -> Result<()> {
        if product.m == 0 || product.n == 0 || product.k == 0 {
            return self.zero(product.y, product.m * product.n);
        }
        self.bind()?;
        let open = || Cublas::open(&self.stream, self.options.tf32);
        with(&self.cublas, open, |cublas| cublas.multiply(product))
            .map_err(|fault| fault.of(&self.name))
    }

    fn multiprocessors(&self) -> u32 {
        self.multiprocessors
    }

    fn sync(&self) -> Result<()> {
        self.bind()?;
        self.stream.synchronize().map_err(self.cannot("wait for what was handed over"))
    }
}

/// Whether a convolution has no numbers to multiply.
fn is_empty(conv: &Conv2d) -> bool {
    [conv.x(), conv.w(), conv.y()].iter().any(|shape| shape.len() == 0)
}
