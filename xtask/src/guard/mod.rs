//! The guard against regressions: instructions counted under callgrind, compared with committed
//! figures. Unlike times, they do not depend on what else the machine does.

mod compare;
mod count;
mod table;

use std::fs;
use std::process::{Command, ExitCode, Stdio};

use crate::spawn::root;
use compare::{Verdict, compare, tolerance};
use table::Table;

const FILE: &str = "benches/instructions.toml";

/// Why instructions cannot be counted here, where they cannot.
pub fn unavailable() -> Option<String> {
    let mut valgrind = Command::new("valgrind");
    let quiet = valgrind.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    if !quiet.status().is_ok_and(|status| status.success()) {
        return Some("valgrind is not installed (on Debian: apt-get install valgrind)".into());
    }
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        return None;
    }
    Some("the figures are of AVX2, which this processor lacks".into())
}

/// Counts, prints every count beside its figure, and fails where one is too high; or writes the
/// figures anew.
pub fn guard(update: bool) -> ExitCode {
    let outcome = match unavailable() {
        Some(why) => Err(why),
        None if update => write(),
        None => check(),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::FAILURE
    })
}

fn write() -> Result<ExitCode, String> {
    let counts = count::all()?;
    let path = root().join(FILE);
    fs::write(&path, counts.render()).map_err(|error| format!("{}: {error}", path.display()))?;
    eprintln!("wrote {} figures to {FILE}", counts.instructions.len());
    Ok(ExitCode::SUCCESS)
}

fn check() -> Result<ExitCode, String> {
    let text = fs::read_to_string(root().join(FILE)).map_err(|error| format!("{FILE}: {error}"))?;
    let figures = Table::parse(&text).map_err(|error| format!("{FILE}: {error}"))?;
    let counts = count::all()?;
    let lines = compare(&figures, &counts);
    for line in &lines {
        println!("{line}");
    }
    let tolerance = tolerance(&figures, &counts);
    if figures.rustc != counts.rustc {
        eprintln!(
            "the figures are of {}, these counts of {}: tolerance {tolerance} %",
            figures.rustc, counts.rustc
        );
    }
    if lines.iter().any(|line| line.verdict.fails()) {
        eprintln!(
            "error: mend what takes more than {tolerance} % above its figure; where it has to, or \
             where work came or went, run `cargo xtask guard --update` and say why in the commit"
        );
        return Ok(ExitCode::FAILURE);
    }
    if lines.iter().any(|line| line.verdict == Verdict::Below) {
        eprintln!("note: some work takes less; lower its figure by `cargo xtask guard --update`");
    }
    Ok(ExitCode::SUCCESS)
}
