//! A gradient of a convolution before and after its channels are directed.

use std::sync::Arc;

use lowland_core::DType;
use lowland_cpu::Cpu;
use lowland_data::load_builtin;
use lowland_models::{CrossEntropy, ModelConfig};
use lowland_optim::transforms::channel_directed::{
    Ends, MeanSplitSobolev, Metric, ReweightedL2, Sobolev, smooth,
};
use lowland_tensor::{Device, Tensor};
use plotters::style::RGBColor;

use super::chart::{Axis, Chart, Mark, Panel, colour, mix};
use crate::{Error, Result};

/// The columns that are shown: those of this many input channels.
const INPUTS: usize = 3;
const WEIGHT: &str = "blocks.1.conv1.weight";

/// The gradient of the first 64 digits at the start, by four metrics.
pub(super) fn smoothed() -> Result<Chart> {
    let (gradient, dims) = gradient()?;
    let ends = Ends::Periodic;
    let panels = vec![
        panel("L2: as it is".into(), &gradient, dims),
        by(&ReweightedL2 { lambda: 4.0 }, 4.0, &gradient, dims),
        by(&MeanSplitSobolev { lambda: 0.02, ends }, 0.02, &gradient, dims),
        by(&Sobolev { lambda: 0.005, ends }, 0.005, &gradient, dims),
    ];
    Ok(Chart {
        title: "A gradient of a convolution by four metrics along the output channels",
        legend: vec![
            ("negative".into(), colour(0)),
            ("0".into(), RGBColor(235, 235, 235)),
            ("positive".into(), colour(1)),
        ],
        panels,
    })
}

/// A gradient and the shape of its weight, `[O, I, kh, kw]`.
fn gradient() -> Result<(Vec<f64>, [usize; 4])> {
    const IMAGES: usize = 64;
    let device: Device = Arc::new(Cpu::new(1));
    let digits = load_builtin("digits")?.train();
    let [height, width, channels] = digits.shape();
    let model =
        ModelConfig::named("resnet-tiny").build(digits.shape(), 10, &device, DType::F32, 0)?;
    let pixels = (0..IMAGES).flat_map(|i| digits.image(i)).map(|&p| f32::from(p) / 255.0);
    let pixels: Vec<f32> = pixels.collect();
    let labels: Vec<u32> = (0..IMAGES).map(|i| u32::from(digits.label(i))).collect();
    let images = Tensor::from_slice(&device, [IMAGES, height, width, channels], &pixels)?;
    let labels = Tensor::from_slice(&device, [IMAGES], &labels)?;
    model.store.zero_grad()?;
    CrossEntropy::default().forward(&model.train(&images)?, &labels)?.backward()?;
    let no_weight = || Error::Picture(format!("the network has no weight `{WEIGHT}` of four axes"));
    let weight = model.store.param(WEIGHT).ok_or_else(no_weight)?;
    let dims = weight.shape().extents().try_into().map_err(|_| no_weight())?;
    Ok((model.store.grad_of(&weight)?, dims))
}

fn by<M: Metric>(metric: &M, lambda: f64, gradient: &[f64], dims: [usize; 4]) -> Panel {
    let mut smoothed = gradient.to_vec();
    smooth(&mut smoothed, &dims, 0, metric);
    panel(format!("{}, lambda {lambda}", metric.name()), &smoothed, dims)
}

/// Output channels from top to bottom, columns from left to right.
fn panel(title: String, gradient: &[f64], [outputs, inputs, height, width]: [usize; 4]) -> Panel {
    let columns = INPUTS * height * width;
    let rows = gradient.chunks(inputs * height * width).map(|row| &row[..columns]);
    let shown: Vec<f64> = rows.flatten().copied().collect();
    let largest = shown.iter().fold(0.0f64, |largest, g| largest.max(g.abs()));
    let white = RGBColor(245, 245, 245);
    let shade = |g: &f64| mix(white, colour(usize::from(*g > 0.0)), (g.abs() / largest).min(1.0));
    Panel {
        title: format!("{title}; up to {largest:.4}"),
        x: Axis::bare("input channel and place in the kernel", 0.0, columns as f64),
        y: Axis::bare("output channel", 0.0, outputs as f64),
        equal: false,
        marks: vec![Mark::Cells { columns, colours: shown.iter().map(shade).collect() }],
    }
}
