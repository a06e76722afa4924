//! Counting.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::table::Table;
use crate::built;
use crate::spawn::cargo;

/// Builds the example `kernels` and counts the instructions of each piece of its work.
pub fn all() -> Result<Table, String> {
    let program = kernels()?;
    let folder = std::env::temp_dir().join(format!("lowland-guard-{}", std::process::id()));
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    eprintln!("counting instructions under callgrind");
    let counted = run(&program, &folder);
    // Left behind it would only take a little room.
    let _ = fs::remove_dir_all(&folder);
    Ok(Table { rustc: rustc()?, instructions: counted?.into_iter().collect() })
}

/// The features of a build of the whole workspace are those of its tests, so that CI builds once.
fn kernels() -> Result<PathBuf, String> {
    let mut build = cargo(&["build", "--release", "--workspace", "--example", "kernels"]);
    let programs = built::programs(&mut build)?;
    let kernels = programs.into_iter().find(|program| program.name == "kernels");
    kernels.map(|program| program.path).ok_or_else(|| "cargo built no example `kernels`".into())
}

fn rustc() -> Result<String, String> {
    let output = Command::new("rustc").arg("--version").output();
    let output = output.map_err(|error| format!("cannot start rustc: {error}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_string())
}

/// Runs the program under callgrind, which counts in its function `counted` alone and writes what it
/// has counted whenever that returns, in the order of the names that the program prints.
fn run(program: &Path, folder: &Path) -> Result<Vec<(String, u64)>, String> {
    let out = folder.join("counts");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet"])
        .args(["--toggle-collect=kernels::counted", "--dump-after=kernels::counted"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(program)
        .env_remove("LOWLAND_CPU_ISA")
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cannot start valgrind: {error}"))?;
    if !output.status.success() {
        return Err(format!("{} under callgrind: {}", program.display(), output.status));
    }
    let names = String::from_utf8_lossy(&output.stdout);
    let count = |(index, name): (usize, &str)| {
        let path = folder.join(format!("counts.{}", index + 1));
        let text = fs::read_to_string(&path);
        let text =
            text.map_err(|error| format!("{name}: no count in {}: {error}", path.display()))?;
        match total(&text) {
            Some(total) if total > 0 => Ok((name.to_string(), total)),
            _ => Err(format!("{name}: callgrind has counted nothing")),
        }
    };
    let counts: Vec<_> = names.lines().enumerate().map(count).collect::<Result<_, _>>()?;
    if counts.is_empty() {
        return Err(format!("{} did nothing", program.display()));
    }
    Ok(counts)
}

/// The sum in a file of callgrind's.
fn total(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("summary: "))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_read() {
        assert_eq!(total("version: 1\nevents: Ir\nsummary: 1234\n\nfn=(1) x\n"), Some(1234));
        assert_eq!(total("version: 1\n"), None);
    }
}
