//! Tests under AddressSanitizer: those of the crates whose code the compiler cannot vouch for.

use std::process::ExitCode;

use crate::spawn::{cargo, root, run};

/// The crates with unsafe code whose tests need neither a GPU nor a browser. The kernels' own memory is
/// watched by a sanitizer of its own, in the tests of lowland-shim.
const CRATES: [&str; 3] = ["lowland-core", "lowland-cpu", "lowland-data"];

/// Where there are sanitizers and the tests run on the machine that compiled them.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Runs the tests in a folder of their own, compiled by the compiler that is there: `RUSTC_BOOTSTRAP`
/// lets a stable one take the flag. The standard library is not instrumented, but its allocator is the
/// sanitizer's.
pub fn sanitize(filter: &[String]) -> ExitCode {
    let mut tests = cargo(&["test", "--release", "--target", TARGET, "--lib", "--tests"]);
    tests.args(CRATES.iter().flat_map(|name| ["--package", name]));
    tests.arg("--target-dir").arg(root().join("target/sanitize"));
    tests.env("RUSTC_BOOTSTRAP", "1").env("RUSTFLAGS", "-Zsanitizer=address");
    // Tests ask for more memory than there is, and must be told so. Threads that are still ending when a
    // program is over would count as leaks.
    tests.env("ASAN_OPTIONS", "allocator_may_return_null=1:detect_leaks=0");
    run(tests.args(filter))
}
