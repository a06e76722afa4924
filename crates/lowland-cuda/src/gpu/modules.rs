//! Kernels on a device: compiled once, kept on disk, loaded once.
//!
//! Unsafe, because modules and functions are the driver's handles.
#![allow(unsafe_code)]

use std::collections::HashMap;
use std::ffi::CString;
use std::sync::{Arc, Mutex};

use cudarc::driver::{CudaContext, DriverError, result, sys};
use lowland_core::{Error, Result};

use super::cache::Cache;
use super::library::Library;
use super::nvrtc::{self, CompileError, Target};
use super::{Fault, failed};
use crate::driver::Unit;
use crate::launcher::lock;

/// The modules of one device.
#[derive(Debug)]
pub(super) struct Modules {
    /// The name of the backend.
    name: String,
    context: Arc<CudaContext>,
    target: Target,
    cache: Cache,
    /// By the fingerprint of their unit.
    loaded: Mutex<HashMap<String, Arc<Module>>>,
}

impl Modules {
    pub(super) fn new(name: &str, context: Arc<CudaContext>, architecture: u32) -> Self {
        let (target, cache) = (Target::Cubin(architecture), Cache::of_the_user());
        Modules { name: name.into(), context, target, cache, loaded: Mutex::default() }
    }

    /// A kernel of a unit, whose argument is to have `args_bytes` bytes.
    pub(super) fn function(&self, unit: &Unit, name: &str, args_bytes: usize) -> Result<Function> {
        let module = self.module(unit)?;
        let function = module.function(name).map_err(|error| {
            failed(&self.name, &format!("find the kernel {name} in {}", unit.name), error)
        })?;
        let compiled = function.parameter_bytes().map_err(|error| {
            failed(&self.name, &format!("ask for the argument of {name} in {}", unit.name), error)
        })?;
        check_parameters(name, &unit.name, &compiled, args_bytes)
            .map_err(|message| Error::device(&self.name, message))?;
        Ok(function)
    }

    fn module(&self, unit: &Unit) -> Result<Arc<Module>> {
        let fingerprint = lowland_kernels::fingerprint(&unit.text);
        let mut loaded = lock(&self.loaded);
        if let Some(module) = loaded.get(&fingerprint) {
            return Ok(Arc::clone(module));
        }
        let image = image(unit, &fingerprint, &self.target, &self.cache)
            .map_err(|fault| fault.of(&self.name))?;
        let module = Module::load(&self.context, &image)
            .map_err(|error| failed(&self.name, &format!("load {}", unit.name), error))?;
        let module = Arc::new(module);
        loaded.insert(fingerprint, Arc::clone(&module));
        Ok(module)
    }
}

/// What the driver loads for a unit: a cubin, or, where there is none, the PTX that comes with the
/// program.
///
/// # Errors
/// As [`cubin`], where no PTX comes with the program.
fn image(unit: &Unit, fingerprint: &str, target: &Target, cache: &Cache) -> Result<Vec<u8>, Fault> {
    cubin(unit, fingerprint, target, cache).or_else(|fault| or_precompiled(fault, fingerprint))
}

/// The PTX of a unit that could not be compiled: NVRTC is missing or too old, or does not know the
/// device, which the driver does.
fn or_precompiled(fault: Fault, fingerprint: &str) -> Result<Vec<u8>, Fault> {
    precompiled(fingerprint).ok_or(fault)
}

/// The code of a unit, from disk or from NVRTC.
///
/// # Errors
/// What the compiler says, or that it is missing or too old.
fn cubin(unit: &Unit, fingerprint: &str, target: &Target, cache: &Cache) -> Result<Vec<u8>, Fault> {
    let version = nvrtc::usable().map_err(fault)?;
    let key = key(fingerprint, target, version);
    if let Some(cubin) = cache.get(&key) {
        return Ok(cubin);
    }
    let cubin = nvrtc::compile(unit, target).map_err(fault)?;
    // Where nothing can be kept, the next process compiles again; that is no reason to stop this one.
    let _ = cache.put(&key, &cubin);
    Ok(cubin)
}

/// Why there is no cubin.
fn fault(error: CompileError) -> Fault {
    match error {
        CompileError::Missing { .. } => Fault::Missing(Library::Nvrtc),
        error => Fault::Failed(error.to_string()),
    }
}

/// The PTX that comes with the program for a unit of that fingerprint, with a zero at its end.
fn precompiled(fingerprint: &str) -> Option<Vec<u8>> {
    lowland_kernels::ptx(fingerprint).map(|ptx| [ptx.text.as_bytes(), b"\0"].concat())
}

/// A name for the code of a unit: its text, the options, which hold the architecture, and the compiler.
fn key(fingerprint: &str, target: &Target, (major, minor): (i32, i32)) -> String {
    let options = nvrtc::options(target).join(" ");
    let all = format!("{fingerprint}\n{options}\nNVRTC {major}.{minor}");
    blake3::hash(all.as_bytes()).to_hex().to_string()
}

/// Whether a kernel takes one argument of that many bytes.
fn check_parameters(
    kernel: &str,
    unit: &str,
    compiled: &[usize],
    args_bytes: usize,
) -> std::result::Result<(), String> {
    match compiled {
        [bytes] if *bytes == args_bytes => Ok(()),
        [bytes] => Err(format!(
            "the argument of {kernel} in {unit} has {bytes} bytes, and {args_bytes} in Rust: the two \
             structs differ"
        )),
        many => Err(format!(
            "{kernel} in {unit} takes {} arguments; a kernel takes one struct",
            many.len()
        )),
    }
}

/// A loaded module.
#[derive(Debug)]
struct Module {
    handle: sys::CUmodule,
    context: Arc<CudaContext>,
}

// SAFETY: the driver's handles may be used from any thread in whose context they are.
unsafe impl Send for Module {}
// SAFETY: as above; the driver's functions on modules are thread-safe.
unsafe impl Sync for Module {}

impl Module {
    /// Loads a cubin, or PTX that ends in a zero.
    fn load(context: &Arc<CudaContext>, image: &[u8]) -> Result<Self, DriverError> {
        context.bind_to_thread()?;
        // SAFETY: the image is a whole cubin, which knows its own length, or text that ends in a
        // zero; the driver copies what it needs.
        let handle = unsafe { result::module::load_data(image.as_ptr().cast())? };
        Ok(Module { handle, context: Arc::clone(context) })
    }

    fn function(self: &Arc<Self>, name: &str) -> Result<Function, DriverError> {
        let missing = DriverError(sys::CUresult::CUDA_ERROR_NOT_FOUND);
        let name = CString::new(name).map_err(|_| missing)?;
        self.context.bind_to_thread()?;
        // SAFETY: the module is loaded, for as long as this value lives.
        let handle = unsafe { result::module::get_function(self.handle, name)? };
        Ok(Function { handle, module: Arc::clone(self) })
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        // Waits for kernels of it that run.
        self.context.record_err(self.context.synchronize());
        // SAFETY: it was loaded and is unloaded once; functions hold their module.
        self.context.record_err(unsafe { result::module::unload(self.handle) });
    }
}

/// A kernel of a loaded module.
#[derive(Debug)]
pub(super) struct Function {
    handle: sys::CUfunction,
    module: Arc<Module>,
}

// SAFETY: as for `Module`, which it keeps loaded.
unsafe impl Send for Function {}
// SAFETY: as for `Module`.
unsafe impl Sync for Function {}

impl Function {
    pub(super) fn handle(&self) -> sys::CUfunction {
        self.handle
    }

    /// Whether it can be launched in this context.
    pub(super) fn is_of(&self, context: &Arc<CudaContext>) -> bool {
        Arc::ptr_eq(&self.module.context, context)
    }

    /// The sizes of its arguments, as they were compiled; of the first two.
    fn parameter_bytes(&self) -> Result<Vec<usize>, DriverError> {
        self.module.context.bind_to_thread()?;
        let mut sizes = Vec::new();
        for index in 0..2 {
            let (mut offset, mut bytes) = (0, 0);
            // SAFETY: the function is loaded, and both pointers are good for writes.
            let found = unsafe {
                sys::cuFuncGetParamInfo(self.handle, index, &mut offset, &mut bytes).result()
            };
            match found {
                Ok(()) => sizes.push(bytes),
                // There are not so many.
                Err(DriverError(sys::CUresult::CUDA_ERROR_INVALID_VALUE)) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(sizes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_of_the_text_the_options_and_the_compiler() {
        let (text, target, version) = ("ab", Target::Cubin(90), (13, 0));
        let keys = [
            key(text, &target, version),
            key("ac", &target, version),
            key(text, &Target::Cubin(80), version),
            key(text, &target, (13, 1)),
        ];
        assert_eq!(key(text, &target, version), keys[0]);
        for (place, one) in keys.iter().enumerate() {
            assert_eq!(one.len(), 64);
            assert!(!keys[..place].contains(one));
        }
    }

    #[test]
    fn the_argument_of_a_kernel_is_compared() {
        assert_eq!(check_parameters("fill", "ops/fill.cu", &[24], 24), Ok(()));
        assert_eq!(
            check_parameters("fill", "ops/fill.cu", &[24], 32).unwrap_err(),
            "the argument of fill in ops/fill.cu has 24 bytes, and 32 in Rust: the two structs differ"
        );
        for many in [vec![], vec![8, 8]] {
            let error = check_parameters("fill", "ops/fill.cu", &many, 8).unwrap_err();
            assert!(error.contains(&format!("takes {} arguments", many.len())), "{error}");
        }
    }

    #[test]
    fn a_unit_that_comes_compiled_needs_no_compiler() {
        for ptx in lowland_kernels::PTX {
            let image = precompiled(ptx.fingerprint).unwrap();
            assert_eq!(image.len(), ptx.text.len() + 1);
            assert_eq!(image.last(), Some(&0));
        }
        assert_eq!(precompiled("unheard of"), None);
    }

    #[test]
    fn what_is_not_compiled_here_comes_compiled_or_is_an_error() {
        let missing = || fault(CompileError::Missing { missing: "missing".into() });
        let too_old = || fault(CompileError::TooOld { says: "12.8 was found".into() });
        let known = lowland_kernels::PTX[0].fingerprint;
        for fault in [missing, too_old as fn() -> Fault] {
            assert_eq!(or_precompiled(fault(), known).ok(), precompiled(known));
            assert_eq!(or_precompiled(fault(), "unheard of"), Err(fault()));
        }
        let error = missing().of("cuda:0");
        assert!(matches!(error, Error::MissingLibrary { .. }));
        assert!(error.to_string().starts_with("cuda:0: NVRTC, which compiles"), "{error}");
        assert!(too_old().of("cuda:0").to_string().contains("12.8 was found"));
    }

    #[test]
    fn a_device_that_the_compiler_does_not_know_takes_what_comes_compiled() {
        if !nvrtc::tests::compiler() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::in_folder(folder.path());
        let fill = lowland_kernels::source("ops/fill.cu").unwrap();
        let unit = Unit { name: fill.name.into(), text: fill.text.into() };
        let (fingerprint, target) = (lowland_kernels::fingerprint(fill.text), Target::Cubin(12));
        let found = image(&unit, &fingerprint, &target, &cache).unwrap();
        assert_eq!(Some(found), precompiled(&fingerprint));
        let new = Unit { name: "step/new".into(), text: "// new".into() };
        let fault = image(&new, "unheard of", &target, &cache).unwrap_err();
        assert!(matches!(&fault, Fault::Failed(says) if says.contains("sm_12")), "{fault:?}");
    }

    #[test]
    fn code_is_compiled_once_and_then_read_from_disk() {
        if !nvrtc::tests::compiler() {
            return;
        }
        let version = nvrtc::version().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::in_folder(folder.path());
        let fill = lowland_kernels::source("ops/fill.cu").unwrap();
        let unit = Unit { name: fill.name.into(), text: fill.text.into() };
        let (fingerprint, target) = (lowland_kernels::fingerprint(fill.text), Target::Cubin(80));
        let first = image(&unit, &fingerprint, &target, &cache).unwrap();
        let key = key(&fingerprint, &target, version);
        assert_eq!(cache.get(&key).unwrap(), first);
        cache.put(&key, b"from disk").unwrap();
        assert_eq!(image(&unit, &fingerprint, &target, &cache).unwrap(), b"from disk");
        std::fs::write(folder.path().join(format!("{key}.cubin")), b"damaged").unwrap();
        assert_eq!(image(&unit, &fingerprint, &target, &cache).unwrap(), first);
        assert_eq!(cache.get(&key).unwrap(), first, "and mended");
    }
}
