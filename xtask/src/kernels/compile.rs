//! Running compilers, several at a time.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::tools::Tools;
use super::units::Unit;
use crate::spawn::root;

/// What every compiler is told: no product and sum become one rounding that the source does not ask for.
const NVCC: [&str; 4] = ["-std=c++17", "--fmad=false", "-Werror", "all-warnings"];

/// Local memory is a trip to memory where a register was meant: none is allowed.
const PTXAS: &str = "--warn-on-spills,--warn-on-local-memory-usage,-Werror";

/// Compiles a unit for an architecture, such as `sm_80`.
pub fn cubin(tools: &Tools, unit: &Unit, architecture: &str) -> Result<PathBuf, String> {
    let out = unit.file.with_extension(format!("{architecture}.cubin"));
    let mut nvcc = tools.command("nvcc");
    nvcc.args(NVCC).arg("-I").arg(root().join("kernels"));
    nvcc.args(["-cubin", "-Xptxas", PTXAS]).arg(format!("-arch={architecture}"));
    run(nvcc.arg("-o").arg(&out).arg(&unit.file), &format!("{} for {architecture}", unit.name))?;
    Ok(out)
}

/// Runs a compiler; what it says where it fails, with the name of what it compiled.
pub fn run(compiler: &mut Command, what: &str) -> Result<String, String> {
    let output = compiler.stdin(Stdio::null()).output();
    let output = output.map_err(|error| {
        format!("cannot start {}: {error}", compiler.get_program().to_string_lossy())
    })?;
    let said = String::from_utf8_lossy(&output.stderr).trim().to_string();
    if output.status.success() { Ok(said) } else { Err(format!("{what}: {said}")) }
}

/// Calls a function with each of these, on as many threads as there are processors; the results in the
/// order of the calls.
pub fn each<T: Sync, R: Send>(of: &[T], call: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    let threads = thread::available_parallelism().map_or(1, usize::from).min(of.len());
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((index, item)) = {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    of.get(index).map(|item| (index, item))
                } {
                    let result = call(item);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((index, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_have_the_order_of_the_calls() {
        let numbers: Vec<u64> = (0..100).collect();
        assert_eq!(each(&numbers, |n| n * n), numbers.iter().map(|n| n * n).collect::<Vec<_>>());
        assert!(each(&[] as &[u64], |n| *n).is_empty());
    }
}
