//! The suite: what a backend promises, checked on every op in both float types.

mod call;
mod copies;
mod labels;
mod memory;
mod misuse;
mod report;
mod results;
mod threads;

use std::panic::{AssertUnwindSafe, catch_unwind};

use lowland_core::{Backend, DType};

use crate::cases::{self, Case};
use report::Log;

pub use report::{Check, Failure, Report, Row};

/// The float types that ops run on.
const FLOATS: [DType; 2] = [DType::F32, DType::F64];

/// How closely an optimizer step follows the chain run on slices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Steps {
    /// The same bits: for backends that run the chain's own blocks.
    Bits,
    /// To a few roundings: for devices with stages of their own.
    Rounding,
}

/// Puts a backend through every case and every misuse.
#[must_use]
pub fn check(backend: &dyn Backend) -> Report {
    check_with(backend, &cases::all(), Steps::Bits)
}

/// [`check`] on chosen cases, for a backend in the making or one that is no CPU.
///
/// ```
/// use lowland_conformance::{cases, check_with, Reference, Steps};
/// use lowland_core::Op;
///
/// let mut cases = cases::all();
/// cases.retain(|case| matches!(case.op, Op::Softmax(_)));
/// let report = check_with(&Reference::new(), &cases, Steps::Rounding);
/// assert!(report.passed(), "{report}");
/// ```
#[must_use]
pub fn check_with(backend: &dyn Backend, cases: &[Case], steps: Steps) -> Report {
    let mut report = Report::new(backend.name());
    for case in cases {
        for dtype in FLOATS {
            let log = Log::new(&mut report, case.op.name(), call_name(case, dtype));
            watched(log, |log| results::check(backend, case, dtype, steps, log));
        }
    }
    for (area, checks) in [
        ("misuse of operands", misuse::checks(cases)),
        ("labels", labels::checks(cases)),
        ("copies", copies::checks()),
        ("memory", memory::checks()),
        ("threads", threads::checks(cases)),
    ] {
        for (name, check) in checks {
            watched(Log::new(&mut report, area, name), |log| check(backend, log));
        }
    }
    report
}

/// # Panics
/// Where [`check`] finds anything, with the list of it.
pub fn assert_conforms(backend: &dyn Backend) {
    let report = check(backend);
    assert!(report.passed(), "{report}");
    println!("{report}");
}

/// A check that is no case, by name.
type Named<'a> = (String, Box<dyn Fn(&dyn Backend, &mut Log<'_>) + 'a>);

/// Runs a check; a panic in it is a failure like any other.
fn watched(mut log: Log<'_>, check: impl FnOnce(&mut Log<'_>)) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| check(&mut log))) {
        let message = panic.downcast_ref::<String>().cloned();
        let message = message.or_else(|| panic.downcast_ref::<&str>().map(|&s| s.into()));
        log.fail(Check::Panic, message.unwrap_or_else(|| "without a message".into()));
    }
}

fn call_name(case: &Case, dtype: DType) -> String {
    let note = if case.note.is_empty() { String::new() } else { format!(" ({})", case.note) };
    // A step prints its whole chain and every segment: long, but what one needs to see.
    format!("{dtype} {:?}{note}", case.op)
}
