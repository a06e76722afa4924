#![doc = include_str!("../README.md")]

pub mod cases;
pub mod golden;
pub mod oracle;

#[cfg(test)]
mod planted;
mod reference;
mod suite;
mod values;

pub use reference::Reference;
pub use suite::{Check, Failure, Report, Row, Steps, assert_conforms, check, check_with};

/// The chapter of the book that writes a backend: its code is compiled and run with the tests of the
/// documentation.
#[cfg(doctest)]
mod book {
    #[doc = include_str!("../../../docs/src/add-a-backend.md")]
    mod add_a_backend {}
}
