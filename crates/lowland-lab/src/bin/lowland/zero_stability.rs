//! `zero-stability`: the roots of a multistep scheme, and what they say.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgGroup, Args};
use lowland_lab::Result;
use lowland_lab::picture::draw_stability;
use lowland_models::zero_stability::{Root, Scheme};

use crate::args::examples;

/// Analyse a multistep scheme: roots, consistency, zero stability.
///
/// The scheme is h_{n+1} = a0 h_n + a1 h_{n-1} + ... + b0 F(h_n). ResNet is `--coefficients 1`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("scheme").required(true).args(["coefficients", "c"]))]
#[command(after_help = examples(&[
    "zero-stability --coefficients 1 1 1",
    "zero-stability --coefficients 0.3333333333 0.5555555556 0.1111111111 --picture roots.png",
    "zero-stability --c -1.8 --json",
]))]
pub struct ZeroStability {
    /// The coefficients a0, a1, ... of the states, the newest first.
    #[arg(long, num_args = 1.., allow_negative_numbers = true)]
    pub coefficients: Vec<f64>,
    /// The coefficient of F, for the second condition of consistency.
    #[arg(long, allow_negative_numbers = true, requires = "coefficients")]
    pub b0: Option<f64>,
    /// The c of a ZeroSNet, which gives all four coefficients.
    #[arg(long, allow_negative_numbers = true)]
    pub c: Option<f64>,
    /// Draw the roots with the unit circle, and the stable region of c, into a PNG file.
    #[arg(long, value_name = "FILE")]
    pub picture: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

pub fn zero_stability(arguments: &ZeroStability) -> Result<ExitCode> {
    let scheme = match arguments.c {
        Some(c) => Scheme::from_c(c)?,
        None => {
            let scheme = Scheme::new(&arguments.coefficients)?;
            match arguments.b0 {
                Some(b0) => scheme.with_b0(b0)?,
                None => scheme,
            }
        }
    };
    let stability = scheme.analyse();
    if let Some(path) = &arguments.picture {
        draw_stability(&scheme, path)?;
    }
    if arguments.json {
        let roots = stability.roots.iter().map(
            |root| serde_json::json!({ "re": root.re, "im": root.im, "multiplicity": root.multiplicity }),
        );
        let json = serde_json::json!({
            "coefficients": scheme.a(),
            "b0": scheme.b0(),
            "roots": roots.collect::<Vec<_>>(),
            "consistent": stability.consistent,
            "zero_stable": stability.zero_stable,
            "parasitic_radius": stability.parasitic_radius,
            "largest": stability.largest,
        });
        println!("{json}");
        return Ok(ExitCode::SUCCESS);
    }
    println!("{stability}");
    for root in &stability.roots {
        println!(
            "  root {}, modulus {:.4}{}",
            number(root),
            root.modulus(),
            times(root.multiplicity)
        );
    }
    if let Some(path) = &arguments.picture {
        println!("picture: {}", path.display());
    }
    Ok(ExitCode::SUCCESS)
}

fn number(root: &Root) -> String {
    if root.im == 0.0 {
        format!("{:.4}", root.re)
    } else {
        format!("{:.4}{:+.4}i", root.re, root.im)
    }
}

fn times(multiplicity: usize) -> String {
    if multiplicity == 1 { String::new() } else { format!(", {multiplicity} times") }
}
