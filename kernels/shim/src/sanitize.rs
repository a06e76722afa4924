//! Tests under a sanitizer: the test's program runs itself again, with the sanitizer's library loaded
//! first and kernels that are instrumented.
//!
//! Unsafe, because AddressSanitizer's functions are looked up by their names.
#![allow(unsafe_code)]

use std::ffi::{OsString, c_void};
use std::process::Command;

use libloading::os::unix::Library;
use lowland_core::{Error, Result};

use crate::compile::compilers_file;
use crate::shim::NAME;

/// Set where a program runs under a sanitizer: to its name.
const VARIABLE: &str = "LOWLAND_SHIM_SANITIZER";

/// A checker of memory or of arithmetic that compilers put into a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sanitizer {
    /// AddressSanitizer: reads and writes outside of what is in use, in global, shared and local
    /// memory.
    Address,
    /// UndefinedBehaviorSanitizer: misaligned access, shifts and signed sums that overflow, indices
    /// outside of an array.
    Undefined,
}

impl Sanitizer {
    /// The one that this program runs under.
    #[must_use]
    pub fn current() -> Option<Self> {
        let name = std::env::var(VARIABLE).ok()?;
        [Sanitizer::Address, Sanitizer::Undefined].into_iter().find(|s| s.name() == name)
    }

    fn name(self) -> &'static str {
        match self {
            Sanitizer::Address => "address",
            Sanitizer::Undefined => "undefined",
        }
    }

    /// The library that is to be loaded before all others.
    fn library(self) -> &'static str {
        match self {
            Sanitizer::Address => "libasan.so",
            Sanitizer::Undefined => "libubsan.so",
        }
    }

    /// What it asks of the compiler.
    pub(crate) fn flags(self) -> &'static [&'static str] {
        match self {
            Sanitizer::Address => &["-fsanitize=address", "-fsanitize-sections=lowland_shared"],
            Sanitizer::Undefined => {
                &["-fsanitize=undefined,alignment", "-fno-sanitize-recover=all"]
            }
        }
    }
}

/// What came of a test under a sanitizer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Whether it passed.
    pub passed: bool,
    /// All that it said, the sanitizer's report with it.
    pub report: String,
}

/// Runs one test of this program, by its full name, under a sanitizer; there, [`Sanitizer::current`]
/// is this one, and every [`Shim`](crate::Shim) compiles kernels for it.
///
/// # Errors
/// Where the compiler lacks the sanitizer's library, the program cannot run again, or has no test of
/// that name.
pub fn sanitized(test: &str, sanitizer: Sanitizer) -> Result<Outcome> {
    let fails = |what: String| Error::device(NAME, format!("{test} under {sanitizer:?}: {what}"));
    let program = std::env::current_exe().map_err(|error| fails(error.to_string()))?;
    let mut preload = OsString::from(compilers_file(sanitizer.library())?);
    if let Some(others) = std::env::var_os("LD_PRELOAD") {
        preload.push(":");
        preload.push(others);
    }
    let output = Command::new(program)
        .args(["--exact", test, "--nocapture", "--include-ignored", "--test-threads=1"])
        .env("LD_PRELOAD", preload)
        .env("ASAN_OPTIONS", "detect_leaks=0:allocator_may_return_null=1")
        .env("UBSAN_OPTIONS", "print_stacktrace=1")
        .env("RUST_BACKTRACE", "0")
        .env(VARIABLE, sanitizer.name())
        .output()
        .map_err(|error| fails(error.to_string()))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let report = text(&output.stdout) + &text(&output.stderr);
    if report.contains("running 0 tests") {
        return Err(fails("there is no such test".into()));
    }
    Ok(Outcome { passed: output.status.success(), report })
}

/// Runs one test of this program under each sanitizer. Where there is no C++ compiler, says that it
/// skips.
///
/// # Panics
/// Where one of them finds anything, or cannot run, with all that it says.
pub fn assert_clean(test: &str) {
    if !crate::available(test) {
        return;
    }
    for sanitizer in [Sanitizer::Address, Sanitizer::Undefined] {
        match sanitized(test, sanitizer) {
            Ok(outcome) => assert!(outcome.passed, "{test}, {sanitizer:?}: {}", outcome.report),
            Err(error) => panic!("{error}"),
        }
    }
}

/// AddressSanitizer's way to say which memory may not be touched.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Poison {
    lay: unsafe extern "C" fn(*const c_void, usize),
    lift: unsafe extern "C" fn(*const c_void, usize),
}

impl Poison {
    /// Where this program runs under AddressSanitizer.
    pub(crate) fn here() -> Option<Self> {
        let program = Library::this();
        // SAFETY: these are the types that the sanitizer's interface gives them.
        unsafe {
            let lay = *program.get(b"__asan_poison_memory_region").ok()?;
            let lift = *program.get(b"__asan_unpoison_memory_region").ok()?;
            Some(Poison { lay, lift })
        }
    }

    /// Forbids a range.
    pub(crate) fn lay(self, start: *const u8, bytes: usize) {
        // SAFETY: it changes what the sanitizer knows of the range, not the range.
        unsafe { (self.lay)(start.cast(), bytes) };
    }

    /// Allows a range.
    pub(crate) fn lift(self, start: *const u8, bytes: usize) {
        // SAFETY: as for `lay`.
        unsafe { (self.lift)(start.cast(), bytes) };
    }
}
