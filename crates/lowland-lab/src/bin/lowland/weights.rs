//! `weights`: a run's weights under the names of another program's networks.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use lowland_lab::console::{Console, counted};
use lowland_lab::output::write_whole;
use lowland_lab::{PastRun, Result};
use lowland_models::StateDict;
use lowland_models::state_dict::Convention;
use serde_json::json;

use crate::args::examples;

/// Write a run's weights and running statistics under the names of another program's networks.
///
/// The file is a safetensors state dict for `load_state_dict(strict=False)`: PyTorch's batch counters are
/// not in it. docs/examples/exchange.py shows both directions.
#[derive(Debug, Args)]
#[command(after_help = examples(&[
    "weights runs/first --names torchvision --out resnet20.safetensors",
]))]
pub struct Weights {
    /// The run directory.
    pub run: PathBuf,
    /// Whose names.
    #[arg(long, value_enum)]
    pub names: Whose,
    /// The file.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Whose names.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Whose {
    /// Those that Lowland's networks have.
    Lowland,
    /// ResNets of torchvision.
    Torchvision,
    /// ResNets of kuangliu/pytorch-cifar and akamaster/pytorch_resnet_cifar10.
    PytorchCifar,
    /// ZeroSNets of their authors.
    ZerosnetAuthors,
}

impl From<Whose> for Convention {
    fn from(whose: Whose) -> Self {
        match whose {
            Whose::Lowland => Convention::Lowland,
            Whose::Torchvision => Convention::Torchvision,
            Whose::PytorchCifar => Convention::PytorchCifar,
            Whose::ZerosnetAuthors => Convention::ZerosnetAuthors,
        }
    }
}

pub fn weights(arguments: &Weights) -> Result<ExitCode> {
    let console = Console::new(arguments.json);
    let run = PastRun::read(&arguments.run)?;
    let name = Path::new("weights.safetensors");
    let state = StateDict::from_bytes(&run.file(name)?, run.folder.join(name))?;
    let names = Convention::from(arguments.names).names(&run.config.model.spec()?)?;
    let state = names.export(&state);
    write_whole(&arguments.out, &state.to_bytes()?)?;
    let tensors = counted(state.tensors.len(), "tensor", "tensors");
    console.say(&format!("{tensors} in {}", arguments.out.display()));
    console
        .emit(&json!({ "event": "result", "tensors": state.tensors.len(), "out": arguments.out }));
    Ok(ExitCode::SUCCESS)
}
