//! Another program's word: that of Python and its libraries.
#![allow(dead_code)]

use std::io::Write;
use std::process::{Command, Stdio};

/// Runs a script with the Python that the environment variable `PYTHON` names, by default `python3`,
/// and returns what it printed. None where a module that it needs is missing: then that is said, or
/// the test fails where `LOWLAND_REQUIRE_PYTHON` is 1.
pub fn run(script: &str, modules: &[&str], arguments: &[&str], input: &str) -> Option<String> {
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".into());
    let imports = format!("import {}", modules.join(", "));
    let check = Command::new(&python).args(["-c", &imports]).output();
    if !check.is_ok_and(|output| output.status.success()) {
        let missing = format!("{python} has not all of {}", modules.join(", "));
        assert!(std::env::var("LOWLAND_REQUIRE_PYTHON").as_deref() != Ok("1"), "{missing}");
        println!("skipped: {missing}");
        return None;
    }
    let mut child = Command::new(&python)
        .args(["-c", script])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "Python says no, see above");
    Some(String::from_utf8(output.stdout).unwrap())
}
