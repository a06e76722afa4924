//! Compiling a unit with NVRTC. It takes no GPU: any machine with the library can compile for any
//! device that the library knows.
//!
//! Unsafe, because the library is called through pointers.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char};

use cudarc::nvrtc::result::{self, NvrtcError};
use cudarc::nvrtc::sys;

use super::library::Library;
use crate::driver::Unit;

/// The version that is needed at least.
const VERSION: (i32, i32) = (13, 0);

/// What comes out.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// Code for one architecture: 90 for `sm_90`.
    Cubin(u32),
    /// PTX, which a driver compiles for any device from that architecture on.
    Ptx(u32),
}

impl Target {
    /// The architecture, as options name it.
    fn name(&self) -> String {
        match self {
            Target::Cubin(architecture) => format!("sm_{architecture}"),
            Target::Ptx(architecture) => format!("compute_{architecture}"),
        }
    }
}

/// Why there is no code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CompileError {
    /// There is no compiler.
    #[error("{missing}")]
    Missing {
        /// What was looked for, and what to do.
        missing: String,
    },

    /// The compiler is too old.
    #[error("{says}")]
    TooOld {
        /// Which version was found, which is needed, and what to do.
        says: String,
    },

    /// The compiler refused.
    #[error("{unit} does not compile for {target}: {says}{}", block(log))]
    Refused {
        /// The name of the unit.
        unit: String,
        /// The architecture.
        target: String,
        /// The kind of failure, as NVRTC names it.
        says: String,
        /// What the compiler wrote.
        log: String,
    },

    /// A name or a text with a zero byte in it, which C cannot take.
    #[error("{unit} has a zero byte in its name or text")]
    Zero {
        /// The name of the unit.
        unit: String,
    },
}

/// A compiler's log below the sentence that it belongs to.
fn block(log: &str) -> String {
    if log.is_empty() { String::new() } else { format!("\n{log}") }
}

/// The options of every compilation. Products are not contracted into sums, except where a kernel says
/// so: results are then those of the CPU, bit for bit, where only + - * / and roots occur.
#[must_use]
pub fn options(target: &Target) -> Vec<String> {
    let architecture = format!("--gpu-architecture={}", target.name());
    let always = ["--std=c++17", "--fmad=false", "--device-as-default-execution-space"];
    std::iter::once(architecture).chain(always.map(String::from)).collect()
}

/// The version of the library, such as `(13, 0)`; `None` where there is none.
#[must_use]
pub fn version() -> Option<(i32, i32)> {
    if !Library::Nvrtc.is_present() {
        return None;
    }
    let (mut major, mut minor) = (0, 0);
    // SAFETY: the library is there, and both pointers are good for writes.
    unsafe { sys::nvrtcVersion(&mut major, &mut minor) }.result().ok()?;
    Some((major, minor))
}

/// The version of a library that will do.
///
/// # Errors
/// [`CompileError::Missing`] and [`CompileError::TooOld`].
pub(super) fn usable() -> Result<(i32, i32), CompileError> {
    check_version(version())
}

fn check_version(found: Option<(i32, i32)>) -> Result<(i32, i32), CompileError> {
    let found = found.ok_or_else(|| CompileError::Missing { missing: Library::Nvrtc.missing() })?;
    Library::Nvrtc.check_version(found, VERSION).map_err(|says| CompileError::TooOld { says })?;
    Ok(found)
}

/// Compiles a unit together with the files of `lowland-kernels` that it includes.
///
/// # Errors
/// [`CompileError`]: no library, one that is too old, or what it says about the unit.
pub fn compile(unit: &Unit, target: &Target) -> Result<Vec<u8>, CompileError> {
    usable()?;
    let refused = |says: NvrtcError, log: String| CompileError::Refused {
        unit: unit.name.clone(),
        target: target.name(),
        says: name_of(says),
        log,
    };
    let program = Program::new(unit)?.map_err(|says| refused(says, String::new()))?;
    program.compile(&options(target)).map_err(|says| refused(says, program.log()))?;
    let code = match target {
        Target::Cubin(_) => program.cubin(),
        Target::Ptx(_) => program.ptx(),
    };
    code.map_err(|says| refused(says, program.log()))
}

/// NVRTC's own name of a failure.
fn name_of(error: NvrtcError) -> String {
    // SAFETY: the library is there, as it made the error; it gives a constant string.
    let text = unsafe { CStr::from_ptr(sys::nvrtcGetErrorString(error.0)) };
    text.to_string_lossy().into_owned()
}

/// A program of the library, destroyed when it is dropped.
struct Program(sys::nvrtcProgram);

impl Program {
    /// The outer error is ours, the inner one the library's.
    fn new(unit: &Unit) -> Result<Result<Self, NvrtcError>, CompileError> {
        let c = |text: &str| {
            CString::new(text).map_err(|_| CompileError::Zero { unit: unit.name.clone() })
        };
        let (text, name) = (c(&unit.text)?, c(&unit.name)?);
        let headers = lowland_kernels::included(&unit.text);
        let texts = headers.iter().map(|header| c(header.text)).collect::<Result<Vec<_>, _>>()?;
        let names = headers.iter().map(|header| c(header.name)).collect::<Result<Vec<_>, _>>()?;
        let pointers = |strings: &[CString]| -> Vec<*const c_char> {
            strings.iter().map(|string| string.as_ptr()).collect()
        };
        let mut program = std::ptr::null_mut();
        // SAFETY: the strings and the arrays of pointers to them outlive the call, which copies them.
        let created = unsafe {
            sys::nvrtcCreateProgram(
                &mut program,
                text.as_ptr(),
                name.as_ptr(),
                headers.len() as i32,
                pointers(&texts).as_ptr(),
                pointers(&names).as_ptr(),
            )
        };
        Ok(created.result().map(|()| Program(program)))
    }

    fn compile(&self, options: &[String]) -> Result<(), NvrtcError> {
        // SAFETY: the program was created and is not destroyed.
        unsafe { result::compile_program(self.0, options) }
    }

    fn log(&self) -> String {
        // SAFETY: the program was created and is not destroyed.
        let log = unsafe { result::get_program_log(self.0) }.unwrap_or_default();
        let log: Vec<u8> =
            log.into_iter().map(|byte| byte as u8).filter(|byte| *byte != 0).collect();
        String::from_utf8_lossy(&log).trim().to_string()
    }

    fn cubin(&self) -> Result<Vec<u8>, NvrtcError> {
        let mut bytes = 0;
        // SAFETY: the program was created, and the pointer is good for a write.
        unsafe { sys::nvrtcGetCUBINSize(self.0, &mut bytes) }.result()?;
        let mut cubin = vec![0_u8; bytes];
        // SAFETY: the library writes as many bytes as it said.
        unsafe { sys::nvrtcGetCUBIN(self.0, cubin.as_mut_ptr().cast()) }.result()?;
        Ok(cubin)
    }

    /// Without the zero at its end.
    fn ptx(&self) -> Result<Vec<u8>, NvrtcError> {
        // SAFETY: the program was created and is not destroyed.
        let ptx = unsafe { result::get_ptx(self.0)? };
        Ok(ptx.into_iter().map(|byte| byte as u8).take_while(|byte| *byte != 0).collect())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // SAFETY: it was created and is destroyed once. A failure leaks it, which harms nobody.
        let _ = unsafe { result::destroy_program(self.0) };
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Whether there is a compiler to test; says so where not.
    pub(in crate::gpu) fn compiler() -> bool {
        let present = Library::Nvrtc.is_present();
        if !present {
            println!("SKIP: {}", Library::Nvrtc.missing());
            let required = std::env::var("LOWLAND_REQUIRE_NVRTC").is_ok_and(|value| value == "1");
            assert!(!required, "LOWLAND_REQUIRE_NVRTC is set");
        }
        present
    }

    fn unit(name: &str, text: &str) -> Unit {
        Unit { name: name.into(), text: text.into() }
    }

    #[test]
    fn options_are_those_of_every_other_compiler_here() {
        assert_eq!(
            options(&Target::Cubin(90)),
            [
                "--gpu-architecture=sm_90",
                "--std=c++17",
                "--fmad=false",
                "--device-as-default-execution-space"
            ]
        );
        assert_eq!(options(&Target::Ptx(80))[0], "--gpu-architecture=compute_80");
    }

    #[test]
    fn ptx_has_the_kernel_and_no_zero() {
        if !compiler() {
            return;
        }
        let fill = lowland_kernels::source("ops/fill.cu").unwrap();
        let ptx = compile(&unit(fill.name, fill.text), &Target::Ptx(80)).unwrap();
        let ptx = String::from_utf8(ptx).unwrap();
        assert!(ptx.contains(".visible .entry fill("), "{ptx}");
        assert!(ptx.contains(".target sm_80") && !ptx.contains('\0'));
    }

    #[test]
    fn products_are_not_contracted() {
        if !compiler() {
            return;
        }
        let text = "extern \"C\" __global__ void f(float* y) { y[0] = y[1] * y[2] + y[3]; }";
        let ptx = compile(&unit("f", text), &Target::Ptx(80)).unwrap();
        let ptx = String::from_utf8(ptx).unwrap();
        assert!(ptx.contains("mul.") && ptx.contains("add.") && !ptx.contains("fma."), "{ptx}");
    }

    #[test]
    fn a_mistake_is_shown_with_the_units_name() {
        if !compiler() {
            return;
        }
        let error = compile(&unit("ops/wrong.cu", "void f() {\n  x = 1;\n}"), &Target::Cubin(90));
        let error = error.unwrap_err().to_string();
        assert!(error.starts_with("ops/wrong.cu does not compile for sm_90: "), "{error}");
        assert!(error.contains("ops/wrong.cu(2): error: identifier \"x\" is undefined"), "{error}");
        let error = compile(&unit("f", "// nothing"), &Target::Cubin(12)).unwrap_err().to_string();
        assert!(error.contains("sm_12") && error.contains("architecture"), "{error}");
        let error = compile(&unit("f", "a\0b"), &Target::Cubin(90)).unwrap_err();
        assert_eq!(error, CompileError::Zero { unit: "f".into() });
    }

    #[test]
    fn a_compiler_that_is_missing_or_too_old_is_named() {
        let error = check_version(None).unwrap_err().to_string();
        assert!(error.contains("libnvrtc.so.13"), "{error}");
        assert!(error.contains("pip install nvidia-cuda-nvrtc"), "{error}");
        let error = check_version(Some((12, 8))).unwrap_err().to_string();
        assert!(error.starts_with("NVRTC 12.8 was found, and 13.0 or newer is needed"), "{error}");
        assert_eq!(check_version(Some((13, 1))), Ok((13, 1)));
    }
}
