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
