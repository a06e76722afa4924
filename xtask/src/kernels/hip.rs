//! The same units through hipcc, for AMD's devices: a check that the sources stay portable. What comes
//! of it is not run.

use std::process::{Command, ExitCode, Stdio};

use super::compile::{each, run};
use super::units::Unit;
use crate::spawn::root;

/// MI200 of the data centre, with waves of 64 threads, and RDNA 2 of the desktop, with 32.
const ARCHITECTURES: [&str; 2] = ["gfx90a", "gfx1030"];

/// Whether hipcc is there.
pub fn available() -> bool {
    let mut hipcc = Command::new("hipcc");
    let quiet = hipcc.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// Compiles every unit and prints what each kernel takes; fails where one does not compile.
pub fn check(units: &[Unit]) -> ExitCode {
    println!("{:<44}{:>9}{:>7}{:>7}{:>9}", "kernel", "for", "VGPRs", "SGPRs", "scratch");
    let mut failed = false;
    let jobs: Vec<_> = units.iter().flat_map(|u| ARCHITECTURES.map(|a| (u, a))).collect();
    for ((unit, architecture), said) in jobs.iter().zip(each(&jobs, |(u, a)| compile(u, a))) {
        match said {
            Ok(remarks) => {
                for kernel in resources(&remarks) {
                    let name = format!("{} {}", unit.name, kernel.name);
                    let [vector, scalar, scratch] = kernel.numbers;
                    println!("{name:<44}{architecture:>9}{vector:>7}{scalar:>7}{scratch:>9}");
                }
            }
            Err(error) => {
                eprintln!("error: {error}");
                failed = true;
            }
        }
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn compile(unit: &Unit, architecture: &str) -> Result<String, String> {
    let kernels = root().join("kernels");
    let mut hipcc = Command::new("hipcc");
    hipcc
        .args(["--genco", "-std=c++17", "-O3", "-ffp-contract=off", "-Wall", "-Werror"])
        .args(["-Rpass-analysis=kernel-resource-usage", "-x", "hip"])
        .arg(format!("--offload-arch={architecture}"))
        .arg("-include")
        .arg(kernels.join("hip/cuda.h"))
        .arg("-I")
        .arg(kernels)
        .arg("-o")
        .arg(unit.file.with_extension(format!("{architecture}.hsaco")))
        .arg(&unit.file);
    run(&mut hipcc, &format!("{} for {architecture}", unit.name))
}

/// What a kernel takes: vector registers, scalar registers, bytes of scratch memory a thread.
#[derive(Debug, PartialEq)]
struct Resources {
    name: String,
    numbers: [u32; 3],
}

/// Remarks of the form `file:10:1: remark:     VGPRs: 7 [-Rpass-analysis=..]`, the name first.
fn resources(remarks: &str) -> Vec<Resources> {
    let mut kernels: Vec<Resources> = Vec::new();
    for line in remarks.lines() {
        let Some((_, remark)) = line.split_once("remark: ") else { continue };
        let Some((key, rest)) = remark.trim_start().split_once(": ") else { continue };
        let value = rest.split(' ').next().unwrap_or("");
        if key == "Function Name" {
            kernels.push(Resources { name: value.into(), numbers: [0; 3] });
            continue;
        }
        let Some(kernel) = kernels.last_mut() else { continue };
        let keys = ["VGPRs", "SGPRs", "ScratchSize [bytes/lane]"];
        if let Some(index) = keys.iter().position(|k| *k == key) {
            kernel.numbers[index] = value.parse().unwrap_or(0);
        }
    }
    kernels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remarks_are_read() {
        let remarks = "\
fill.cu:10:1: remark: Function Name: fill [-Rpass-analysis=kernel-resource-usage]
KERNEL(fill, FillArgs) {
^
fill.cu:10:1: remark:     SGPRs: 16 [-Rpass-analysis=kernel-resource-usage]
fill.cu:10:1: remark:     VGPRs: 7 [-Rpass-analysis=kernel-resource-usage]
fill.cu:10:1: remark:     ScratchSize [bytes/lane]: 8 [-Rpass-analysis=kernel-resource-usage]
fill.cu:10:1: remark:     VGPRs Spill: 2 [-Rpass-analysis=kernel-resource-usage]
";
        assert_eq!(resources(remarks), [Resources { name: "fill".into(), numbers: [7, 16, 8] }]);
    }
}
