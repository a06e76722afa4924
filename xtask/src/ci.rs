//! Every check that a change has to pass.

use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use crate::spawn::{cargo, root, run};
use crate::{guard, kernels, layout};

/// Runs all checks; the first that fails ends it.
pub fn all() -> ExitCode {
    let mut documentation = cargo(&["doc", "--workspace", "--no-deps"]);
    documentation.env("RUSTDOCFLAGS", "-D warnings");
    let mut steps = vec![
        ("formatting", cargo(&["fmt", "--all", "--check"])),
        ("lints", cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])),
        ("documentation", documentation),
        ("tests with each instruction set", this(&["test", "--each-isa"])),
    ];
    let mut skipped = Vec::new();
    match guard::unavailable() {
        None => steps.push(("the guard against regressions", this(&["guard"]))),
        Some(why) => skipped.push(format!("the guard against regressions: {why}")),
    }
    match kernels::unavailable() {
        None => steps.push(("the kernels", this(&["kernels", "check"]))),
        Some(why) => skipped.push(format!("the kernels: {why}")),
    }
    let book = root().join("docs");
    if !book.join("book.toml").exists() {
        skipped.push("the book: there is no docs/book.toml".into());
    } else if !mdbook_is_installed() {
        skipped.push("the book: mdbook is not installed (cargo install mdbook)".into());
    } else {
        let mut command = Command::new("mdbook");
        command.arg("build").arg(&book);
        steps.push(("the book", command));
    }
    begin("layout");
    if let Err(problems) = layout::check(&root()) {
        eprintln!("{}", problems.join("\n"));
        return failed("layout");
    }
    for (name, command) in &mut steps {
        begin(name);
        let began = Instant::now();
        if run(command) != ExitCode::SUCCESS {
            return failed(name);
        }
        eprintln!("== {name}: passed in {:.0} s", began.elapsed().as_secs_f64());
    }
    for what in skipped {
        eprintln!("== skipped {what}");
    }
    eprintln!("== all checks passed");
    ExitCode::SUCCESS
}

/// This program with other arguments.
fn this(arguments: &[&str]) -> Command {
    let program = std::env::current_exe().unwrap_or_else(|_| "xtask".into());
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

fn begin(name: &str) {
    eprintln!("== {name}");
}

fn failed(name: &str) -> ExitCode {
    eprintln!("== {name}: FAILED");
    ExitCode::FAILURE
}

fn mdbook_is_installed() -> bool {
    let mut command = Command::new("mdbook");
    let quiet = command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}
