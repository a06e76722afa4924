#![doc = include_str!("../README.md")]

mod ptx;
mod unit;

pub use ptx::{PTX, Ptx, ptx};
pub use unit::{fingerprint, included};

/// One file of this folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its path from the folder, as an `#include` names it.
    pub name: &'static str,
    /// Its text.
    pub text: &'static str,
}

macro_rules! sources {
    ($($name:literal),* $(,)?) => {
        &[$(Source { name: $name, text: include_str!(concat!("../", $name)) }),*]
    };
}

/// Every file that a compiler may be asked for. A new file is one line here; a test finds those that
/// are missing.
pub const SOURCES: &[Source] = sources![
    "columns.cuh",
    "elementary.cuh",
    "exact_sum.cuh",
    "lowland.cuh",
    "measure.cuh",
    "measures/adai.cuh",
    "measures/swats.cuh",
    "numbers.cuh",
    "ops/accumulate.cu",
    "ops/batch_norm.cu",
    "ops/binary.cu",
    "ops/broadcast.cu",
    "ops/clip_norm.cu",
    "ops/cross_entropy.cu",
    "ops/fill.cu",
    "ops/permute.cu",
    "ops/pool2d.cu",
    "ops/reduce.cu",
    "ops/scaled_sum.cu",
    "ops/slice.cu",
    "ops/softmax.cu",
    "ops/statistics.cu",
    "ops/unary.cu",
    "quotient.cuh",
    "rows.cuh",
    "stages/adabelief.cuh",
    "stages/adabound.cuh",
    "stages/adai.cuh",
    "stages/adam.cuh",
    "stages/atan.cuh",
    "stages/clip_value.cuh",
    "stages/decoupled_weight_decay.cuh",
    "stages/log.cuh",
    "stages/miadam.cuh",
    "stages/moments.cuh",
    "stages/momentum.cuh",
    "stages/nadam.cuh",
    "stages/radam.cuh",
    "stages/rmsprop.cuh",
    "stages/swats.cuh",
    "stages/tanh.cuh",
    "stages/weight_decay.cuh",
    "statistics.cuh",
    "step.cuh",
    "strided.cuh",
    "transforms/adaptive_atan.cuh",
    "transforms/channel_directed_h0.cuh",
    "transforms/channel_directed_h1.cuh",
    "transforms/channel_directed_sobolev.cuh",
    "transforms/columns.cuh",
    "transforms/reduced.cuh",
    "vector.cuh",
];

/// The file of that name.
#[must_use]
pub fn source(name: &str) -> Option<Source> {
    SOURCES.iter().copied().find(|source| source.name == name)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// The files below a folder that are CUDA C++, by their names in this crate.
    fn files(folder: &Path, prefix: &str, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
            if entry.file_type().unwrap().is_dir() {
                files(&entry.path(), &format!("{name}/"), found);
            } else if name.ends_with(".cu") || name.ends_with(".cuh") {
                found.push(name);
            }
        }
    }

    #[test]
    fn every_file_is_listed_once() {
        let mut found = Vec::new();
        files(Path::new(env!("CARGO_MANIFEST_DIR")), "", &mut found);
        found.sort();
        let mut listed: Vec<&str> = SOURCES.iter().map(|source| source.name).collect();
        listed.sort_unstable();
        assert_eq!(found, listed, "list each file in SOURCES");
    }

    #[test]
    fn a_file_is_found_by_its_name() {
        assert!(source("lowland.cuh").unwrap().text.contains("FOR_EACH"));
        assert_eq!(source("nothing.cuh"), None);
    }
}
