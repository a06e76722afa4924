#![doc = include_str!("../README.md")]

mod compile;
mod library;
mod memory;
mod module;
mod sanitize;
mod shim;

pub use sanitize::{Outcome, Sanitizer, assert_clean, sanitized};
pub use shim::Shim;

/// In which order the threads of a block take their turns, and blocks theirs. A kernel that forgets to
/// wait gives different results, or touches memory that was not written to, in one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// From the first to the last.
    Forward,
    /// From the last to the first.
    Reversed,
    /// At random, from this seed: differently for each block.
    Shuffled(u64),
}

impl Order {
    /// One of each.
    pub const ALL: [Order; 3] = [Order::Forward, Order::Reversed, Order::Shuffled(1)];
}

/// Whether there is a C++ compiler, which everything here needs. Where there is none, this prints that
/// `test` is skipped, and why.
///
/// # Panics
/// Where there is none and `LOWLAND_REQUIRE_SHIM` is 1: on machines where tests must not be skipped.
#[must_use]
pub fn available(test: &str) -> bool {
    let Err(why) = compile::find_compiler() else {
        return true;
    };
    let required = std::env::var("LOWLAND_REQUIRE_SHIM").is_ok_and(|value| value == "1");
    assert!(!required, "{test} needs the shim (LOWLAND_REQUIRE_SHIM=1): {why}");
    println!("SKIP {test}: {why}");
    false
}
