//! Every check that a change has to pass.

use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use crate::layout;
use crate::spawn::{cargo, root, run};

/// Runs all checks; the first that fails ends it.
pub fn all() -> ExitCode {
    let mut documentation = cargo(&["doc", "--workspace", "--no-deps"]);
    documentation.env("RUSTDOCFLAGS", "-D warnings");
    let mut steps = vec![
        ("formatting", cargo(&["fmt", "--all", "--check"])),
        ("lints", cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])),
        ("documentation", documentation),
        ("tests", cargo(&["test", "--release", "--workspace"])),
    ];
    let book = root().join("docs");
    let mut skipped = None;
    if !book.join("book.toml").exists() {
        skipped = Some("the book: there is no docs/book.toml");
    } else if !mdbook_is_installed() {
        skipped = Some("the book: mdbook is not installed (cargo install mdbook)");
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
    if let Some(what) = skipped {
        eprintln!("== skipped {what}");
    }
    eprintln!("== all checks passed");
    ExitCode::SUCCESS
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
