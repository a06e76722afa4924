//! What must hold of any file that Lowland reads, whoever wrote it: one function for each kind of file.
//!
//! A function takes the bytes of a file, reads it as the program does, and says whether it was accepted.
//! It panics where a promise is broken: a file that was accepted is consistent, one that was refused
//! leaves nothing behind, and neither takes memory or time out of proportion to its length. The
//! program in `fuzz` hands these functions to libFuzzer; the tests hand them every file in `seeds`.

mod archive;
mod cifar;
mod config;
mod dataset;
mod idx;
mod image;
mod packed;
mod parts;
mod records;
mod resume;
mod safetensors;

pub use archive::archive;
pub use cifar::cifar;
pub use config::config;
pub use idx::idx;
pub use image::image;
pub use packed::packed;
pub use records::records;
pub use resume::{resume, small_run};
pub use safetensors::safetensors;

/// What a reader said of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was read, and what came of it is consistent.
    Accepted,
    /// It was refused by a typed error.
    Refused,
}

/// A function of this crate with its name, which is that of its folder of seeds and of its program.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name.
    pub name: &'static str,
    /// Reads a file.
    pub read: fn(&[u8]) -> Verdict,
}

/// All functions of this crate.
pub const TARGETS: &[Target] = &[
    Target { name: "archive", read: archive },
    Target { name: "cifar", read: cifar },
    Target { name: "config", read: config },
    Target { name: "idx", read: idx },
    Target { name: "image", read: image },
    Target { name: "packed", read: packed },
    Target { name: "records", read: records },
    Target { name: "resume", read: resume },
    Target { name: "safetensors", read: safetensors },
];
