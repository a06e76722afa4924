//! The kernels through the compilers of a GPU, without a GPU: `cargo xtask kernels`.

mod check;
mod compile;
mod cubin;
mod figures;
mod hip;
mod ptx;
mod tools;
mod units;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::spawn::root;
use figures::{Figures, parse, render};
use tools::Tools;
use units::Unit;

const FILE: &str = "kernels/registers.toml";

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Compile all, and compare with the figures and the PTX.
    Check,
    /// Compile all, and write the figures anew.
    Update,
    /// Write the PTX anew.
    Ptx,
    /// Compile all for AMD's devices.
    Hip,
    /// Get the compilers.
    Install(Option<PathBuf>),
}

impl Command {
    /// The command of some arguments.
    pub fn parse(arguments: &[String]) -> Option<Self> {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        match arguments[..] {
            ["check"] => Some(Command::Check),
            ["check", "--update"] => Some(Command::Update),
            ["ptx"] => Some(Command::Ptx),
            ["hip"] => Some(Command::Hip),
            ["install"] => Some(Command::Install(None)),
            ["install", folder] => Some(Command::Install(Some(folder.into()))),
            _ => None,
        }
    }

    /// Does it.
    pub fn run(&self) -> ExitCode {
        let outcome = match self {
            Command::Check => compiled(check),
            Command::Update => compiled(update),
            Command::Ptx => compiled(|_, units| write_ptx(units)),
            Command::Hip if hip::available() => with_units(None, |units| Ok(hip::check(units))),
            Command::Hip => {
                eprintln!("skipped: hipcc is not installed (on Debian: apt-get install hipcc)");
                Ok(ExitCode::SUCCESS)
            }
            Command::Install(folder) => {
                tools::install(folder.as_deref()).map(|()| ExitCode::SUCCESS)
            }
        };
        outcome.unwrap_or_else(|error| {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        })
    }
}

/// Why kernels cannot be checked here, where they cannot.
pub fn unavailable() -> Option<String> {
    Tools::find().err()
}

/// Work on the units and on the PTX that NVRTC made of them.
fn compiled(
    work: impl FnOnce(&Tools, &[Unit]) -> Result<ExitCode, String>,
) -> Result<ExitCode, String> {
    let tools = Tools::find()?;
    with_units(Some(&tools), |units| work(&tools, units))
}

/// Writes the units into a folder that is gone afterwards.
fn with_units(
    tools: Option<&Tools>,
    work: impl FnOnce(&[Unit]) -> Result<ExitCode, String>,
) -> Result<ExitCode, String> {
    let folder = std::env::temp_dir().join(format!("lowland-kernels-{}", std::process::id()));
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let outcome = units::write(&folder, tools).and_then(|units| work(&units));
    // Left behind it would only take a little room.
    let _ = fs::remove_dir_all(&folder);
    outcome
}

fn check(tools: &Tools, units: &[Unit]) -> Result<ExitCode, String> {
    let text = fs::read_to_string(root().join(FILE)).map_err(|error| format!("{FILE}: {error}"))?;
    let committed = parse(&text).map_err(|error| format!("{FILE}: {error}"))?;
    let (measured, mut problems) = measure(tools, units)?;
    print(&measured);
    if problems.is_empty() {
        problems = check::compare(&measured, &committed);
        if problems.is_empty() && measured != committed {
            eprintln!("note: some figures are others now: `cargo xtask kernels check --update`");
        }
        problems.extend(ptx::stale(&ptx::files(units)?)?);
    }
    Ok(conclude(&problems))
}

fn update(tools: &Tools, units: &[Unit]) -> Result<ExitCode, String> {
    let (measured, problems) = measure(tools, units)?;
    print(&measured);
    if problems.is_empty() {
        fs::write(root().join(FILE), render(&measured)).map_err(|e| format!("{FILE}: {e}"))?;
        eprintln!("wrote {} figures to {FILE}", measured.len());
    }
    Ok(conclude(&problems))
}

fn measure(tools: &Tools, units: &[Unit]) -> Result<(Figures, Vec<String>), String> {
    let (measured, mut problems) = check::measure(tools, units);
    let unused = units::unused_files(units)?;
    problems.extend(
        unused.iter().map(|name| format!("{name}: no unit that was compiled is made of it")),
    );
    Ok((measured, problems))
}

fn print(figures: &Figures) {
    let names =
        [figures::ARCHITECTURES[0], figures::ARCHITECTURES[1], "ceiling", "loads", "stores"];
    let [a, b, ceiling, loads, stores] = names;
    println!("{:<56}{a:>7}{b:>7}{ceiling:>9}{loads:>7}{stores:>8}", "kernel");
    for (name, figure) in figures {
        let ([a, b], ceiling) = (figure.registers, figure.ceiling);
        let (loads, stores) = (figure.wide_loads, figure.wide_stores);
        println!("{name:<56}{a:>7}{b:>7}{ceiling:>9}{loads:>7}{stores:>8}");
    }
}

fn conclude(problems: &[String]) -> ExitCode {
    if problems.is_empty() {
        return ExitCode::SUCCESS;
    }
    for problem in problems {
        eprintln!("error: {problem}");
    }
    eprintln!(
        "mend these; where a figure has to change, run `cargo xtask kernels check --update`, where \
         PTX is not current, `cargo xtask kernels ptx`, and say why in the commit"
    );
    ExitCode::FAILURE
}

fn write_ptx(units: &[Unit]) -> Result<ExitCode, String> {
    let files = ptx::files(units)?;
    ptx::write(&files)?;
    eprintln!("wrote {} files to kernels/ptx", files.len());
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read() {
        let parse = |text: &str| {
            Command::parse(&text.split_whitespace().map(String::from).collect::<Vec<_>>())
        };
        assert_eq!(parse("check"), Some(Command::Check));
        assert_eq!(parse("check --update"), Some(Command::Update));
        assert_eq!(parse("install /x"), Some(Command::Install(Some("/x".into()))));
        assert_eq!(parse("check --updates"), None);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn the_committed_figures_are_read() {
        let text = fs::read_to_string(root().join(FILE)).unwrap();
        let figures = parse(&text).unwrap();
        assert!(figures.contains_key("ops/fill.cu fill"));
        assert_eq!(render(&figures), text);
    }
}
