//! Writes every unit that ops are compiled from as a file, and `units.tsv`, a table of their kernels:
//! what `cargo xtask kernels` hands to the compilers. With `--ptx`, writes the PTX that NVRTC makes of
//! each as well. Needs no device.
//!
//!     cargo run --release -p lowland-cuda --example units -- DIR [--ptx]
//!
//! Ops are run on a driver that launches nothing and writes down what it is asked for, so that the
//! table has the kernels as they are launched and the sizes of their arguments as Rust has them.

mod ops;
mod recipes;
mod recorder;
mod updates;

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use lowland_cuda::Cuda;
use lowland_cuda::driver::Unit;
use lowland_cuda::nvrtc::{self, Target};

use recorder::{Recorder, Request};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (folder, ptx) = match &arguments[..] {
        [folder] => (folder, false),
        [folder, flag] if flag == "--ptx" => (folder, true),
        _ => {
            eprintln!("error: name the folder to write to, and `--ptx` after it or nothing");
            return ExitCode::from(2);
        }
    };
    match write(Path::new(folder), ptx) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write(folder: &Path, ptx: bool) -> Result<(), Box<dyn Error>> {
    let recorder = Arc::new(Recorder::default());
    let cuda = Arc::new(Cuda::on(Arc::<Recorder>::clone(&recorder)));
    ops::run_all(&*cuda)?;
    updates::run_all(&cuda)?;
    fs::create_dir_all(folder)?;
    let requests = recorder.requests();
    fs::write(folder.join("units.tsv"), table(&requests, folder)?)?;
    if ptx {
        return write_ptx(requests.iter().map(|(unit, _)| unit), folder);
    }
    Ok(())
}

/// Writes the units. A line of the table is a kernel: the name of its unit, the file of that, its
/// fingerprint, the name of the kernel, the bytes of its argument.
fn table(requests: &[Request], folder: &Path) -> Result<String, Box<dyn Error>> {
    let mut table = String::new();
    let mut files = BTreeMap::new();
    for (unit, kernels) in requests {
        let file = file_name(&unit.name);
        if let Some(other) = files.insert(file.clone(), unit)
            && other != unit
        {
            return Err(format!("{} and {} are both {file}", other.name, unit.name).into());
        }
        fs::write(folder.join(&file), &unit.text)?;
        let fingerprint = lowland_kernels::fingerprint(&unit.text);
        for (kernel, bytes) in kernels {
            table += &format!("{}\t{file}\t{fingerprint}\t{kernel}\t{bytes}\n", unit.name);
        }
    }
    Ok(table)
}

/// Writes the PTX of the oldest devices that there are kernels for; every unit that NVRTC refuses is
/// in the error.
fn write_ptx<'a>(
    units: impl Iterator<Item = &'a Unit>,
    folder: &Path,
) -> Result<(), Box<dyn Error>> {
    let mut refused = Vec::new();
    for unit in units {
        match nvrtc::compile(unit, &Target::Ptx(80)) {
            Ok(ptx) => fs::write(folder.join(file_name(&unit.name)).with_extension("ptx"), ptx)?,
            Err(error) => refused.push(error.to_string()),
        }
    }
    if refused.is_empty() { Ok(()) } else { Err(refused.join("\n").into()) }
}

/// A unit's name as that of a file: `ops-fill.cu`, and `step-of-adam-0.cu` for `step of [adam<0>]`.
fn file_name(unit: &str) -> String {
    let name = unit.strip_suffix(".cu").unwrap_or(unit);
    let words = name.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.join("-") + ".cu"
}
