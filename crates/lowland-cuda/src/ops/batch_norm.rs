//! Batch normalisation, by the batch's statistics and by given ones, with what follows in the same
//! pass, and its gradients.

use lowland_core::Result;
use lowland_core::op::{BatchNorm, Epilogue};

use super::statistics::{self, Sums};
use crate::args::args;
use crate::driver::Address;
use crate::launcher::Launcher;
use crate::storage::DeviceMemory;
use crate::strided::Divider;
use crate::tiles::Tiles;

args! {
    struct TrainingTableArgs {
        sums: Address,
        x: Address,
        weight: Address,
        bias: Address,
        mean: Address,
        var: Address,
        table: Address,
        eps: f64,
        tiles: Tiles,
        rows: u64,
        from_rounded: u64,
    }
    struct InferenceTableArgs {
        weight: Address,
        bias: Address,
        mean: Address,
        var: Address,
        table: Address,
        eps: f64,
        channels: u64,
    }
    struct NormaliseArgs {
        table: Address,
        x: Address,
        residual: Address,
        y: Address,
        len: u64,
        channels: Divider,
    }
    struct GradSumsArgs {
        x: Address,
        weight: Address,
        bias: Address,
        mean: Address,
        var: Address,
        y: Address,
        dy: Address,
        passed: Address,
        sums: Address,
        eps: f64,
        tiles: Tiles,
    }
    struct GradTableArgs {
        sums: Address,
        weight: Address,
        bias: Address,
        mean: Address,
        var: Address,
        dweight: Address,
        dbias: Address,
        table: Address,
        eps: f64,
        tiles: Tiles,
        rows: u64,
        by_batch: u64,
    }
    struct GradInputArgs {
        table: Address,
        x: Address,
        dy: Address,
        dx: Address,
        len: u64,
        channels: Divider,
    }
}

const FILE: &str = "ops/batch_norm.cu";

/// What a kernel does not look at.
const NOWHERE: Address = Address(0);

/// `x`, `weight`, `bias` and, with [`Epilogue::AddRelu`], `residual`; `y`, `mean`, `var`.
pub(super) fn training(
    op: &BatchNorm,
    launcher: &Launcher,
    inputs: &[Address],
    [y, mean, var]: [Address; 3],
) -> Result<()> {
    let &[x, weight, bias, ref residual @ ..] = inputs else {
        unreachable!("three inputs or four")
    };
    let Sums { memory, tiles } = statistics::sums(launcher, op.rows, op.channels, x)?;
    let table = launcher.scratch(3 * op.channels * size_of::<f32>())?;
    let args = TrainingTableArgs {
        sums: memory.address(),
        x,
        weight,
        bias,
        mean,
        var,
        table: table.address(),
        eps: op.eps,
        tiles,
        rows: op.rows as u64,
        from_rounded: u64::from(op.epilogue != Epilogue::None),
    };
    launcher.launch(FILE, "training_table", launcher.items(tiles.items), &args)?;
    normalise(op, launcher, &table, x, residual, y)
}

/// `x`, `weight`, `bias`, `mean`, `var` and, with [`Epilogue::AddRelu`], `residual`; `y`.
pub(super) fn inference(
    op: &BatchNorm,
    launcher: &Launcher,
    inputs: &[Address],
    [y]: [Address; 1],
) -> Result<()> {
    let &[x, weight, bias, mean, var, ref residual @ ..] = inputs else {
        unreachable!("five inputs or six")
    };
    let table = launcher.scratch(3 * op.channels * size_of::<f32>())?;
    let args = InferenceTableArgs {
        weight,
        bias,
        mean,
        var,
        table: table.address(),
        eps: op.eps,
        channels: op.channels as u64,
    };
    launcher.launch(FILE, "inference_table", launcher.blocks(op.channels), &args)?;
    normalise(op, launcher, &table, x, residual, y)
}

fn normalise(
    op: &BatchNorm,
    launcher: &Launcher,
    table: &DeviceMemory,
    x: Address,
    residual: &[Address],
    y: Address,
) -> Result<()> {
    let kernel = match op.epilogue {
        Epilogue::None => "normalise",
        Epilogue::Relu => "normalise_relu",
        Epilogue::AddRelu => "normalise_add_relu",
    };
    let len = op.rows * op.channels;
    let args = NormaliseArgs {
        table: table.address(),
        x,
        residual: residual.first().copied().unwrap_or(NOWHERE),
        y,
        len: len as u64,
        channels: Divider::by(op.channels),
    };
    launcher.launch(FILE, kernel, launcher.blocks_of_fours(len), &args)
}

/// Whether the statistics change with `x`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// Those of the batch.
    Batch,
    /// Given ones.
    Given,
}

/// What the gradients take; [`NOWHERE`] stands for what an epilogue does not have.
struct GradInputs {
    x: Address,
    weight: Address,
    bias: Address,
    mean: Address,
    var: Address,
    y: Address,
    dy: Address,
}

impl GradInputs {
    /// From the operands of the op, in order.
    fn new(op: &BatchNorm, inputs: &[Address]) -> Self {
        let none = NOWHERE;
        match (op.epilogue, inputs) {
            (Epilogue::None, &[x, weight, mean, var, dy]) => {
                GradInputs { x, weight, bias: none, mean, var, y: none, dy }
            }
            (Epilogue::Relu, &[x, weight, bias, mean, var, dy]) => {
                GradInputs { x, weight, bias, mean, var, y: none, dy }
            }
            (Epilogue::AddRelu, &[x, weight, mean, var, y, dy]) => {
                GradInputs { x, weight, bias: none, mean, var, y, dy }
            }
            (epilogue, inputs) => unreachable!("{} inputs with {epilogue:?}", inputs.len()),
        }
    }
}

/// `dx`, `dweight`, `dbias` and, with [`Epilogue::AddRelu`], `dresidual`.
pub(super) fn grad(
    op: &BatchNorm,
    by: By,
    launcher: &Launcher,
    inputs: &[Address],
    outputs: &[Address],
) -> Result<()> {
    let &[dx, dweight, dbias, ref passed @ ..] = outputs else {
        unreachable!("three outputs or four")
    };
    let passed = passed.first().copied().unwrap_or(NOWHERE);
    let inputs = GradInputs::new(op, inputs);
    let Sums { memory, tiles } = grad_sums(op, launcher, &inputs, passed)?;
    let numbers = if op.epilogue == Epilogue::Relu { 6 } else { 4 };
    let table = launcher.scratch(numbers * op.channels * size_of::<f32>())?;
    let args = GradTableArgs {
        sums: memory.address(),
        weight: inputs.weight,
        bias: inputs.bias,
        mean: inputs.mean,
        var: inputs.var,
        dweight,
        dbias,
        table: table.address(),
        eps: op.eps,
        tiles,
        rows: op.rows as u64,
        by_batch: u64::from(by == By::Batch),
    };
    launcher.launch(FILE, "grad_table", launcher.items(tiles.items), &args)?;
    let (kernel, dy) = match (op.epilogue, by) {
        (Epilogue::Relu, _) => ("grad_input_relu", inputs.dy),
        (Epilogue::None, By::Batch) => ("grad_input", inputs.dy),
        (Epilogue::None, By::Given) => ("grad_input_given", inputs.dy),
        (Epilogue::AddRelu, By::Batch) => ("grad_input", passed),
        (Epilogue::AddRelu, By::Given) => ("grad_input_given", passed),
    };
    let len = op.rows * op.channels;
    let args = GradInputArgs {
        table: table.address(),
        x: inputs.x,
        dy,
        dx,
        len: len as u64,
        channels: Divider::by(op.channels),
    };
    launcher.launch(FILE, kernel, launcher.blocks_of_fours(len), &args)
}

/// The sums of `dy` and of `dy (x - mean)`, where `dy` is what reaches the normalisation. Behind an
/// addition that is written to `passed` on the way.
fn grad_sums(
    op: &BatchNorm,
    launcher: &Launcher,
    inputs: &GradInputs,
    passed: Address,
) -> Result<Sums> {
    let kernel = match op.epilogue {
        Epilogue::None => "grad_sums",
        Epilogue::Relu => "grad_sums_relu",
        Epilogue::AddRelu => "grad_sums_add_relu",
    };
    let tiles = Tiles::cut(1, op.rows, op.channels);
    let memory = launcher.scratch(2 * tiles.results() * size_of::<f64>())?;
    let &GradInputs { x, weight, bias, mean, var, y, dy } = inputs;
    let args = GradSumsArgs {
        x,
        weight,
        bias,
        mean,
        var,
        y,
        dy,
        passed,
        sums: memory.address(),
        eps: op.eps,
        tiles,
    };
    launcher.launch(FILE, kernel, launcher.items(tiles.items), &args)?;
    Ok(Sums { memory, tiles: tiles.of_pieces() })
}
