//! The runner people type: it builds, spawns and checks. It has no dependencies, so that it is there
//! within seconds of a fresh clone.

mod built;
mod ci;
mod fuzz;
mod guard;
mod help;
mod isa;
mod kernels;
mod layout;
mod sanitize;
mod spawn;
#[cfg(test)]
mod unsafe_code;

use std::process::ExitCode;

use spawn::{cargo, run};

/// The commands of the `lowland` program, which are passed on to it.
const LOWLAND: &[&str] = &[
    "train",
    "evaluate",
    "experiment",
    "runs",
    "report",
    "demo",
    "data",
    "bench",
    "figures",
    "flatness",
    "lr-range",
    "methods",
    "soak",
    "tables",
    "verify",
    "weights",
    "zero-stability",
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => return usage(""),
    };
    let wants_help = rest.iter().take_while(|a| *a != "--").any(|a| a == "-h" || a == "--help");
    match command {
        _ if LOWLAND.contains(&command) => spawn::lowland(command, rest),
        "test" | "guard" | "kernels" | "fuzz" | "sanitize" | "ci" if wants_help => {
            show(help::of(command))
        }
        "test" => test(rest),
        "guard" => match rest {
            [] => guard::guard(false),
            [flag] if flag == "--update" => guard::guard(true),
            _ => usage(&format!("`guard` takes `--update` alone, got `{}`", rest.join(" "))),
        },
        "kernels" => match kernels::Command::parse(rest) {
            Some(command) => command.run(),
            None => {
                eprint!("{}", help::of("kernels"));
                ExitCode::from(2)
            }
        },
        "fuzz" => match fuzz::Request::parse(rest) {
            Some(request) => request.run(),
            None => {
                eprint!("{}", help::of("fuzz"));
                ExitCode::from(2)
            }
        },
        "sanitize" => sanitize::sanitize(rest),
        "ci" if rest.is_empty() => ci::all(),
        "ci" => usage(&format!("`ci` takes no arguments, got `{}`", rest.join(" "))),
        "help" | "-h" | "--help" => match rest.first().map(String::as_str) {
            Some(command @ ("test" | "guard" | "kernels" | "fuzz" | "sanitize" | "ci")) => {
                show(help::of(command))
            }
            Some(command) if LOWLAND.contains(&command) => {
                spawn::lowland(command, &["--help".to_string()])
            }
            Some(other) => usage(&format!("there is no command `{other}`")),
            None => show(help::ALL),
        },
        other => usage(&format!("there is no command `{other}`")),
    }
}

/// Tests of the whole workspace, or those whose names hold a filter; or all of them, and those of the
/// CPU's kernels once more with each slower instruction set.
fn test(arguments: &[String]) -> ExitCode {
    let mut all = cargo(&["test", "--release", "--workspace"]);
    match arguments {
        [flag] if flag == "--each-isa" => match run(&mut all) {
            ExitCode::SUCCESS => isa::test_slower(),
            code => code,
        },
        _ if arguments.iter().take_while(|a| *a != "--").any(|a| a == "--each-isa") => {
            usage("`--each-isa` runs whole test programs: give it alone")
        }
        _ => run(all.args(arguments)),
    }
}

fn show(text: &str) -> ExitCode {
    print!("{text}");
    ExitCode::SUCCESS
}

/// The help on standard error, for somebody who typed something else; exit code 2.
fn usage(problem: &str) -> ExitCode {
    if !problem.is_empty() {
        eprintln!("error: {problem}\n");
    }
    eprint!("{}", help::ALL);
    ExitCode::from(2)
}
