//! Fuzzing: every kind of file that is read, by cargo-fuzz.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use crate::spawn::{root, run};

/// What is asked for: which targets, for how long each, in how many processes.
#[derive(Debug, PartialEq)]
pub struct Request {
    target: Option<String>,
    minutes: u64,
    jobs: u64,
}

impl Request {
    /// Reads `[TARGET] [--minutes N] [--jobs N]`; nothing where it is something else.
    pub fn parse(arguments: &[String]) -> Option<Request> {
        let mut request = Request { target: None, minutes: 10, jobs: 1 };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut number = || arguments.next()?.parse().ok().filter(|n| (1..=10_000).contains(n));
            match argument.as_str() {
                "--minutes" => request.minutes = number()?,
                "--jobs" => request.jobs = number()?,
                name if !name.starts_with('-') && request.target.is_none() => {
                    request.target = Some(name.to_string());
                }
                _ => return None,
            }
        }
        Some(request)
    }

    /// Fuzzes the targets one after the other; ends at the first input that breaks one.
    pub fn run(&self) -> ExitCode {
        let all = match targets() {
            Ok(all) => all,
            Err(error) => {
                eprintln!("error: {error}");
                return ExitCode::FAILURE;
            }
        };
        let chosen = match &self.target {
            None => all,
            Some(name) if all.contains(name) => vec![name.clone()],
            Some(name) => {
                eprintln!("error: there is no target `{name}`; there are {}", all.join(", "));
                return ExitCode::from(2);
            }
        };
        if !is_installed() {
            eprintln!("== cargo-fuzz is not installed: installing it");
            let mut install = Command::new("cargo");
            install.args(["install", "cargo-fuzz", "--locked"]);
            if run(&mut install) != ExitCode::SUCCESS {
                return ExitCode::FAILURE;
            }
        }
        for name in chosen {
            eprintln!("== {name}: {} minutes", self.minutes);
            if let Err(problem) = self.fuzz(&name) {
                eprintln!("error: {problem}");
                return ExitCode::FAILURE;
            }
        }
        ExitCode::SUCCESS
    }

    /// Fuzzes one target.
    fn fuzz(&self, name: &str) -> Result<(), String> {
        let work = root().join("target/fuzz");
        let (corpus, found) = (work.join("corpus").join(name), work.join("found").join(name));
        for folder in [&corpus, &found] {
            fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        }
        let programs = root().join("crates/fuzz/fuzz");
        let mut command = Command::new("cargo");
        // The sanitizers are options of the compiler that a stable one has too, and does not admit to.
        command.env("RUSTC_BOOTSTRAP", "1").current_dir(&programs);
        command.args(["fuzz", "run", "--fuzz-dir"]).arg(&programs);
        command.arg("--target-dir").arg(&work).arg(name).arg(&corpus).arg(seeds().join(name));
        command.arg("--").args(self.limits());
        command.arg(format!("-artifact_prefix={}/", found.display()));
        let words = programs.join("dictionaries").join(name);
        if words.exists() {
            command.arg(format!("-dict={}", words.display()));
        }
        if run(&mut command) == ExitCode::SUCCESS {
            return Ok(());
        }
        Err(match newest(&found) {
            None => format!("`{name}` does not run"),
            Some(input) => format!(
                "`{name}` breaks on {}\nRead it again: cargo fuzz run --fuzz-dir {} --target-dir {} {name} {}\n\
                 Mend the reader, and copy the input to {}/accepted-WHAT or refused-WHAT: the tests of \
                 lowland-fuzz read it from then on.",
                input.display(),
                programs.display(),
                work.display(),
                input.display(),
                seeds().join(name).display()
            ),
        })
    }

    /// libFuzzer's options: no input is long, takes long, or takes much memory.
    fn limits(&self) -> Vec<String> {
        let mut limits = vec![format!("-max_total_time={}", 60 * self.minutes)];
        if self.jobs > 1 {
            limits.push(format!("-fork={}", self.jobs));
        }
        let fixed = ["-max_len=65536", "-timeout=10", "-rss_limit_mb=2048", "-malloc_limit_mb=512"];
        limits.extend(fixed.map(String::from));
        // What the system keeps of a thread that is just ending is taken for a leak now and then.
        limits.push("-detect_leaks=0".into());
        limits.push("-print_final_stats=1".into());
        limits
    }
}

/// The names of all targets, sorted: each has a folder of seeds.
fn targets() -> Result<Vec<String>, String> {
    let folder = seeds();
    let entries = fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    let mut names: Vec<String> = entries.flatten().map(name).collect();
    names.sort();
    Ok(names)
}

fn seeds() -> PathBuf {
    root().join("crates/fuzz/seeds")
}

/// The file that was written last.
fn newest(folder: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).ok()?.flatten();
    let dated = entries.filter_map(|e| Some((e.metadata().ok()?.modified().ok()?, e.path())));
    dated.max().map(|(_, path)| path)
}

fn is_installed() -> bool {
    let mut command = Command::new("cargo");
    let quiet = command.args(["fuzz", "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_read() {
        let parse = |text: &str| {
            Request::parse(&text.split_whitespace().map(String::from).collect::<Vec<_>>())
        };
        let request = |target: Option<&str>, minutes, jobs| {
            Some(Request { target: target.map(String::from), minutes, jobs })
        };
        assert_eq!(parse(""), request(None, 10, 1));
        assert_eq!(parse("idx --minutes 2 --jobs 3"), request(Some("idx"), 2, 3));
        for wrong in ["idx cifar", "--minutes", "--minutes 0", "--jobs x", "--hours 1"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn every_folder_of_seeds_has_its_program() {
        for name in targets().unwrap() {
            let program = root().join(format!("crates/fuzz/fuzz/targets/{name}.rs"));
            assert!(program.exists(), "{}", program.display());
        }
    }
}
