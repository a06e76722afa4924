//! `figures`: the pictures of the book's chapters on methods.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use lowland_lab::Result;
use lowland_lab::console::Console;
use lowland_lab::picture::draw_methods;
use serde_json::json;

use crate::args::examples;

/// Draw the pictures of the book that show what each method does.
///
/// They are made by the code that trains: activations, deformations with two toy surfaces, directed
/// gradients, characteristic roots, and the integrals of MIAdam.
#[derive(Debug, Args)]
#[command(after_help = examples(&["figures --to docs/src/images"]))]
pub struct Figures {
    /// The folder, which is made where there is none; files of the same names are replaced.
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

pub fn figures(arguments: &Figures) -> Result<ExitCode> {
    let console = Console::new(arguments.json);
    let pictures = draw_methods(&arguments.to)?;
    for picture in &pictures {
        console.say(&format!("picture: {}", picture.display()));
    }
    console.emit(&json!({ "event": "result", "pictures": pictures }));
    Ok(ExitCode::SUCCESS)
}
