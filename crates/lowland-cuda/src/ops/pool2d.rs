//! Averages and maxima over windows.

use lowland_core::Result;
use lowland_core::op::{Pool2d, PoolKind};

use crate::args::args;
use crate::driver::Address;
use crate::launcher::Launcher;
use crate::strided::{Divider, is_narrow};

/// The geometry, as `Windows` in the sources.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Windows {
    channels: Divider,
    input: [Divider; 2],
    output: [Divider; 2],
    stride: [Divider; 2],
    kernel: [u64; 2],
    padding: [u64; 2],
}

args! {
    struct Pool2dArgs { x: Address, y: Address, len: u64, windows: Windows, factor: f32 }
    struct AverageGradArgs { dy: Address, dx: Address, len: u64, windows: Windows, factor: f32 }
    struct FirstMaximumArgs { x: Address, pixel: Address, len: u64, windows: Windows }
    struct MaximumGradArgs {
        pixel: Address,
        dy: Address,
        dx: Address,
        len: u64,
        windows: Windows,
    }
}

const FILE: &str = "ops/pool2d.cu";

/// Whether this kind can be computed.
pub(super) fn supports(kind: PoolKind) -> bool {
    matches!(kind, PoolKind::Average | PoolKind::Max)
}

/// Why a gradient cannot be computed: that of a maximum numbers the pixels of an image in 32 bits.
pub(super) fn lacks(op: &Pool2d) -> Option<String> {
    let [height, width] = op.input;
    let pixels = u32::try_from(height.saturating_mul(width));
    let beyond = op.kind == PoolKind::Max && pixels.is_err() && !op.x().is_empty();
    beyond.then(|| {
        format!("images of {height} x {width} pixels, where those of kernels/ops/pool2d.cu have at most {}", u32::MAX)
    })
}

fn windows(op: &Pool2d) -> Windows {
    Windows {
        channels: Divider::by(op.channels),
        input: op.input.map(Divider::by),
        output: op.output.map(Divider::by),
        stride: op.stride.map(Divider::by),
        kernel: op.kernel.map(|n| n as u64),
        padding: op.padding.map(|n| n as u64),
    }
}

/// Of a kernel with indices of 32 bits and one of 64, the one for these sizes.
fn choose(op: &Pool2d, [narrow, wide]: [&'static str; 2]) -> &'static str {
    let padded = |axis: usize| {
        let parts = [op.input[axis], op.kernel[axis], op.stride[axis], 2 * op.padding[axis]];
        parts.into_iter().fold(0, usize::saturating_add)
    };
    if is_narrow(&[op.x().len(), op.y().len(), padded(0), padded(1)]) { narrow } else { wide }
}

/// What an average is multiplied with; padding counts.
fn factor(op: &Pool2d) -> f32 {
    (1.0 / (op.kernel[0] * op.kernel[1]) as f64) as f32
}

pub(super) fn forward(
    op: &Pool2d,
    launcher: &Launcher,
    [x]: [Address; 1],
    [y]: [Address; 1],
) -> Result<()> {
    let (kernels, factor) = match op.kind {
        PoolKind::Average => (["average", "average_wide"], factor(op)),
        PoolKind::Max => (["maximum", "maximum_wide"], 1.0),
        kind => return Err(launcher.unsupported(kind.name())),
    };
    let len = op.y().len();
    let args = Pool2dArgs { x, y, len: len as u64, windows: windows(op), factor };
    launcher.launch(FILE, choose(op, kernels), launcher.blocks(len), &args)
}

/// The inputs are those of the kind: `dy`, after `x` for a maximum.
pub(super) fn grad(
    op: &Pool2d,
    launcher: &Launcher,
    inputs: &[Address],
    [dx]: [Address; 1],
) -> Result<()> {
    match (op.kind, inputs) {
        (PoolKind::Average, &[dy]) => average_grad(op, launcher, dy, dx),
        (PoolKind::Max, &[x, dy]) => maximum_grad(op, launcher, [x, dy], dx),
        (kind, _) => Err(launcher.unsupported(kind.grad_name())),
    }
}

fn average_grad(op: &Pool2d, launcher: &Launcher, dy: Address, dx: Address) -> Result<()> {
    let len = op.x().len();
    let args =
        AverageGradArgs { dy, dx, len: len as u64, windows: windows(op), factor: factor(op) };
    let kernel = choose(op, ["average_grad", "average_grad_wide"]);
    launcher.launch(FILE, kernel, launcher.blocks(len), &args)
}

fn maximum_grad(
    op: &Pool2d,
    launcher: &Launcher,
    [x, dy]: [Address; 2],
    dx: Address,
) -> Result<()> {
    let (len, count, windows) = (op.x().len(), op.y().len(), windows(op));
    let pixels = launcher.scratch(count * size_of::<u32>())?;
    let pixel = pixels.address();
    let args = FirstMaximumArgs { x, pixel, len: count as u64, windows };
    let kernel = choose(op, ["first_maximum", "first_maximum_wide"]);
    launcher.launch(FILE, kernel, launcher.blocks(count), &args)?;
    let args = MaximumGradArgs { pixel, dy, dx, len: len as u64, windows };
    let kernel = choose(op, ["maximum_grad", "maximum_grad_wide"]);
    launcher.launch(FILE, kernel, launcher.blocks(len), &args)
}

#[cfg(test)]
mod tests {
    use lowland_core::Shape;

    use super::*;

    #[test]
    fn images_beyond_32_bits_are_refused_with_the_limit() {
        let pool = |kind, batch| {
            let x = Shape::from([batch, 1 << 16, 1 << 16, 1]);
            Pool2d::new(kind, x, [2, 2], [2, 2], [0, 0]).unwrap()
        };
        let limit = "images of 65536 x 65536 pixels, where those of kernels/ops/pool2d.cu have at most \
                     4294967295";
        assert_eq!(lacks(&pool(PoolKind::Max, 1)).as_deref(), Some(limit));
        assert_eq!(lacks(&pool(PoolKind::Max, 0)), None, "no pixel is numbered");
        assert_eq!(lacks(&pool(PoolKind::Average, 1)), None);
    }
}
