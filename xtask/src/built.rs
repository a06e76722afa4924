//! The programs that cargo builds, found by its messages: no guess at the target folder.

use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A program that cargo built, or had built before.
#[derive(Debug, PartialEq)]
pub struct Program {
    /// The name of the target: of an example, a test, or a library whose tests these are.
    pub name: String,
    /// The folder of its package.
    pub package: PathBuf,
    /// The program.
    pub path: PathBuf,
    /// Whether it runs tests.
    pub test: bool,
}

/// Runs a build, which shows how it goes, and says which programs came of it.
pub fn programs(build: &mut Command) -> Result<Vec<Program>, String> {
    build.arg("--message-format=json-render-diagnostics").stdout(Stdio::piped());
    let output = build
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cannot start cargo: {error}"))?;
    if !output.status.success() {
        return Err("the build failed".into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).lines().filter_map(parse).collect())
}

/// One message: JSON without spaces, whose keys cargo writes in a fixed order.
fn parse(line: &str) -> Option<Program> {
    if !line.starts_with("{\"reason\":\"compiler-artifact\"") {
        return None;
    }
    let mut package = PathBuf::from(text(line, "manifest_path")?);
    package.pop();
    let (_, target) = line.split_once("\"target\":{")?;
    Some(Program {
        name: text(target, "name")?,
        package,
        path: text(line, "executable")?.into(),
        test: line.contains("\"test\":true},\"features\""),
    })
}

/// The string that a key has; `None` where it has none, or `null`.
fn text(json: &str, key: &str) -> Option<String> {
    let (_, rest) = json.split_once(&format!("\"{key}\":\""))?;
    let mut value = String::new();
    let mut characters = rest.chars();
    loop {
        match characters.next()? {
            '"' => return Some(value),
            '\\' => value.push(characters.next()?),
            other => value.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read() {
        let message = |test: bool, executable: &str| {
            format!(
                "{{\"reason\":\"compiler-artifact\",\"package_id\":\"path+file:///w/a#0.1.0\",\
                 \"manifest_path\":\"/w/a/Cargo.toml\",\"target\":{{\"kind\":[\"example\"],\
                 \"name\":\"kernels\",\"doctest\":false,\"test\":true}},\"profile\":{{\
                 \"opt_level\":\"3\",\"test\":{test}}},\"features\":[],\"filenames\":[\"x\"],\
                 \"executable\":{executable},\"fresh\":true}}"
            )
        };
        let program = |path: &str, test| Program {
            name: "kernels".into(),
            package: "/w/a".into(),
            path: path.into(),
            test,
        };
        assert_eq!(
            parse(&message(false, "\"/t/k \\\"1\\\"\"")),
            Some(program("/t/k \"1\"", false))
        );
        assert_eq!(parse(&message(true, "\"C:\\\\k\"")), Some(program("C:\\k", true)));
        assert_eq!(parse(&message(false, "null")), None);
        assert_eq!(parse("{\"reason\":\"build-finished\",\"success\":true}"), None);
    }
}
