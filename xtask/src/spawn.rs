//! Starting other programs.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// The root of the workspace.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Cargo on this workspace, wherever it was called.
pub fn cargo(arguments: &[&str]) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    if let Some((name, rest)) = arguments.split_first() {
        command.arg(name).arg("--manifest-path").arg(root().join("Cargo.toml")).args(rest);
    }
    command
}

/// Runs a command and passes its exit code on.
pub fn run(command: &mut Command) -> ExitCode {
    match command.status() {
        // Ended by a signal: there is no code.
        Ok(status) => status.code().map_or(ExitCode::FAILURE, |code| ExitCode::from(code as u8)),
        Err(error) => cannot_start(command, &error),
    }
}

/// Builds the `lowland` program, showing how that goes, and becomes it.
pub fn lowland(name: &str, arguments: &[String]) -> ExitCode {
    let which = ["--release", "--package", "lowland-lab", "--bin", "lowland"];
    let built = cargo(&["build"]).args(which).status();
    match built {
        Ok(status) if status.success() => {}
        Ok(_) => return ExitCode::FAILURE,
        Err(error) => return cannot_start(&cargo(&["build"]), &error),
    }
    let mut command = cargo(&["run", "--quiet"]);
    command.args(which).arg("--").arg(name).args(arguments);
    command.env("LOWLAND_CALLED_AS", "cargo xtask");
    become_(&mut command)
}

/// Replaces this process, so that signals and exit codes reach and leave the program itself.
#[cfg(unix)]
fn become_(command: &mut Command) -> ExitCode {
    use std::os::unix::process::CommandExt;
    let error = command.exec();
    cannot_start(command, &error)
}

#[cfg(not(unix))]
fn become_(command: &mut Command) -> ExitCode {
    run(command)
}

fn cannot_start(command: &Command, error: &io::Error) -> ExitCode {
    eprintln!("error: cannot start {}: {error}", command.get_program().to_string_lossy());
    ExitCode::FAILURE
}
