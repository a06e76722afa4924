//! `methods`: what can be named in a config, in words and equations.

use std::process::ExitCode;

use clap::Args;
use lowland_lab::{Error, Result};
use lowland_optim::docs::{ENTRIES, find};

use crate::args::examples;

/// List the methods that a config can name, or describe one.
///
/// Optimization methods, gradient activations, clipping, metrics of channel-directed gradients and
/// deformations of the loss: definition, hyper-parameters with the paper's names and defaults, state
/// and memory traffic per parameter, source.
#[derive(Debug, Args)]
#[command(after_help = examples(&["methods", "methods miadam"]))]
pub struct Methods {
    /// Its name in a config.
    pub name: Option<String>,
}

pub fn methods(arguments: &Methods) -> Result<ExitCode> {
    let Some(name) = &arguments.name else {
        let width = ENTRIES.iter().map(|entry| entry.name.len()).max().unwrap_or(0);
        let tables = ENTRIES.iter().map(|entry| entry.table().len()).max().unwrap_or(0);
        for entry in ENTRIES {
            println!("{:width$}  {:tables$}  {}", entry.name, entry.table(), entry.title);
        }
        return Ok(ExitCode::SUCCESS);
    };
    let entries: Vec<_> = find(name).collect();
    if entries.is_empty() {
        let names: Vec<&str> = ENTRIES.iter().map(|entry| entry.name).collect();
        let message = format!("there is no method `{name}`; there are {}", names.join(", "));
        return Err(Error::Usage(message));
    }
    for entry in entries {
        println!("{entry}");
    }
    Ok(ExitCode::SUCCESS)
}
