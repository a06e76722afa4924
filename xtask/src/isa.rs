//! The tests whose results go through the kernels of the CPU backend, with each instruction set.

use std::process::{Command, ExitCode};
use std::time::Instant;

use crate::built;
use crate::spawn::{cargo, root, run};

/// Instruction sets as `LOWLAND_CPU_ISA` names them, the slowest first, and whether this processor has
/// each.
fn sets() -> [(&'static str, bool); 3] {
    #[cfg(target_arch = "x86_64")]
    let (avx2, avx512) = (
        is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
        is_x86_feature_detected!("avx512f"),
    );
    #[cfg(not(target_arch = "x86_64"))]
    let (avx2, avx512) = (false, false);
    [("portable", true), ("avx2", avx2), ("avx512", avx512)]
}

/// Crates whose tests compute on the CPU backend.
const CRATES: [&str; 7] = [
    "lowland-conformance",
    "lowland-cpu",
    "lowland-lab",
    "lowland-landscape",
    "lowland-models",
    "lowland-optim",
    "lowland-tensor",
];

/// Runs them once for each instruction set but the fastest, which is what they take unasked. The test
/// programs are those of the whole workspace's tests, so that nothing is built twice; documentation
/// tests are not among them.
pub fn test_slower() -> ExitCode {
    let available: Vec<&str> = sets().into_iter().filter(|set| set.1).map(|set| set.0).collect();
    for (name, _) in sets().iter().filter(|set| !set.1) {
        eprintln!("-- skipped {name}: this processor lacks it");
    }
    let mut build = cargo(&["test", "--release", "--workspace", "--no-run"]);
    let programs = match built::programs(&mut build) {
        Ok(programs) => programs,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    let folders = CRATES.map(|name| root().join("crates").join(name));
    let slower = available.split_last().map_or(&[][..], |(_, slower)| slower);
    for isa in slower {
        let began = Instant::now();
        let mine = programs.iter().filter(|p| p.test && folders.contains(&p.package));
        for program in mine {
            let mut command = Command::new(&program.path);
            command.current_dir(&program.package).arg("--quiet").env("LOWLAND_CPU_ISA", isa);
            let code = run(&mut command);
            if code != ExitCode::SUCCESS {
                eprintln!("-- {isa}: {} failed ({})", program.name, program.path.display());
                return code;
            }
        }
        eprintln!("-- {isa}: passed in {:.0} s", began.elapsed().as_secs_f64());
    }
    ExitCode::SUCCESS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crates_exist() {
        for name in CRATES {
            assert!(root().join("crates").join(name).join("Cargo.toml").exists(), "{name}");
        }
    }

    #[test]
    fn there_is_always_one_set() {
        assert!(sets()[0].1);
    }
}
