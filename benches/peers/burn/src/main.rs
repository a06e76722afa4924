//! Burn doing the work that Lowland is timed against: a ResNet-20 on batches of synthetic images.
//!
//! The network is that of `benches/peers/pytorch.py` and of Lowland's zoo: three stages of three basic
//! blocks with 16, 32 and 64 channels, and shortcut A of He et al. 2016, which has no parameters. A
//! training step is forward, cross-entropy, backward and SGD with momentum and weight decay. It runs on
//! `flex`, Burn's own CPU backend, with the AVX-512 kernels of its matrix product where there are any.
//!
//! Each case is a line of JSON with the median over the timed iterations:
//!
//! ```text
//! RUSTFLAGS="-C target-cpu=native" cargo run --release --manifest-path benches/peers/burn/Cargo.toml -- \
//!     [train] [infer] [--threads 2] [--batch 128] [--iterations 9]
//! ```

use std::time::Instant;

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::loss::{CrossEntropyLoss, CrossEntropyLossConfig};
use burn::nn::{BatchNorm, BatchNormConfig, Initializer, Linear, LinearConfig, PaddingConfig2d};
use burn::optim::decay::WeightDecayConfig;
use burn::optim::momentum::MomentumConfig;
use burn::optim::{GradientsParams, ModuleOptimizer, SgdConfig};
use burn::prelude::{Device, Int, Tensor, TensorData, s};
use burn::tensor::Distribution;
use burn::tensor::activation::relu;
use burn::tensor::ops::PadMode;

const CLASSES: usize = 10;
const WIDTHS: [usize; 3] = [16, 32, 64];
const BLOCKS: usize = 3;
const LEARNING_RATE: f64 = 0.05;
/// Steps before the timed ones, in which the optimizer and the allocator take their memory.
const WARM_UP: usize = 2;

/// A 3x3 convolution without bias, and the batch norm behind it.
#[derive(Module, Debug)]
struct ConvNorm {
    conv: Conv2d,
    norm: BatchNorm,
}

impl ConvNorm {
    fn new(inputs: usize, outputs: usize, stride: usize, device: &Device) -> Self {
        let conv = Conv2dConfig::new([inputs, outputs], [3, 3])
            .with_stride([stride, stride])
            .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
            .with_bias(false)
            .with_initializer(Initializer::KaimingNormal { gain: 2f64.sqrt(), fan_out_only: true })
            .init(device);
        Self { conv, norm: BatchNormConfig::new(outputs).init(device) }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.norm.forward(self.conv.forward(x))
    }
}

/// The basic residual block; where the shape changes, its shortcut takes every second pixel and pads the
/// channels with zeros on both sides.
#[derive(Module, Debug)]
struct Block {
    first: ConvNorm,
    second: ConvNorm,
    stride: usize,
    added: usize,
}

impl Block {
    fn new(inputs: usize, outputs: usize, stride: usize, device: &Device) -> Self {
        Self {
            first: ConvNorm::new(inputs, outputs, stride, device),
            second: ConvNorm::new(outputs, outputs, 1, device),
            stride,
            added: outputs - inputs,
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let y = self.second.forward(relu(self.first.forward(x.clone())));
        relu(y + self.shortcut(x))
    }

    fn shortcut(&self, x: Tensor<4>) -> Tensor<4> {
        if self.stride == 1 && self.added == 0 {
            return x;
        }
        let before = self.added / 2;
        let channels = (before, self.added - before);
        let pixels = x.slice(s![.., .., ..;2, ..;2]);
        pixels.pad([(0, 0), channels, (0, 0), (0, 0)], PadMode::Constant(0.0))
    }
}

/// The ResNet-20 in CIFAR form.
#[derive(Module, Debug)]
struct ResNet {
    stem: ConvNorm,
    blocks: Vec<Block>,
    fc: Linear,
}

impl ResNet {
    fn new(device: &Device) -> Self {
        let stem = ConvNorm::new(3, WIDTHS[0], 1, device);
        let mut blocks = Vec::new();
        let mut inputs = WIDTHS[0];
        for (stage, width) in WIDTHS.into_iter().enumerate() {
            for i in 0..BLOCKS {
                let stride = if stage > 0 && i == 0 { 2 } else { 1 };
                blocks.push(Block::new(inputs, width, stride, device));
                inputs = width;
            }
        }
        Self { stem, blocks, fc: LinearConfig::new(inputs, CLASSES).init(device) }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        let stem = relu(self.stem.forward(x));
        let x = self.blocks.iter().fold(stem, |x, block| block.forward(x));
        let means = x.flatten::<3>(2, 3).mean_dim(2).flatten::<2>(1, 2);
        self.fc.forward(means)
    }
}

/// The network in training, with the batch that it sees again and again.
struct Training {
    model: ResNet,
    optimizer: ModuleOptimizer,
    loss: CrossEntropyLoss,
    images: Tensor<4>,
    labels: Tensor<1, Int>,
}

impl Training {
    fn new(batch: usize) -> Self {
        let device = Device::flex().autodiff();
        device.seed(0);
        let labels: Vec<i64> = (0..batch).map(|i| (i % CLASSES) as i64).collect();
        // Without dampening, which is the momentum of PyTorch and of Lowland.
        let optimizer = SgdConfig::new()
            .with_momentum(Some(MomentumConfig::new().with_momentum(0.9).with_dampening(0.0)))
            .with_weight_decay(Some(WeightDecayConfig::new(5e-4)))
            .init();
        Self {
            model: ResNet::new(&device),
            optimizer,
            loss: CrossEntropyLossConfig::new().init(&device),
            images: Tensor::random([batch, 3, 32, 32], Distribution::Normal(0.0, 1.0), &device),
            labels: Tensor::from_data(TensorData::new(labels, [batch]), &device),
        }
    }

    /// Takes one step and returns the loss before it.
    fn step(&mut self) -> f32 {
        let logits = self.model.forward(self.images.clone());
        let loss = self.loss.forward(logits, self.labels.clone());
        let gradients = GradientsParams::from_grads(loss.backward(), &self.model);
        self.model = self.optimizer.step(LEARNING_RATE, self.model.clone(), gradients);
        loss.into_scalar()
    }
}

struct Arguments {
    cases: Vec<String>,
    threads: usize,
    batch: usize,
    iterations: usize,
}

impl Arguments {
    fn parse() -> Result<Self, String> {
        let mut parsed = Self { cases: Vec::new(), threads: 2, batch: 128, iterations: 9 };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let option = match argument.as_str() {
                "train" | "infer" => {
                    parsed.cases.push(argument);
                    continue;
                }
                "--threads" => &mut parsed.threads,
                "--batch" => &mut parsed.batch,
                "--iterations" => &mut parsed.iterations,
                _ => return Err(format!("there is no case and no option `{argument}`")),
            };
            let value =
                arguments.next().and_then(|value| value.parse().ok()).filter(|&value| value > 0);
            *option = value.ok_or(format!("`{argument}` needs a number above 0"))?;
        }
        if parsed.cases.is_empty() {
            parsed.cases = vec!["train".into(), "infer".into()];
        }
        Ok(parsed)
    }
}

/// Times `step` and prints the case with the last value that it returned.
fn time(case: &str, arguments: &Arguments, result: &str, mut step: impl FnMut() -> f32) {
    for _ in 0..WARM_UP {
        step();
    }
    let mut last = 0.0;
    let mut times: Vec<f64> = (0..arguments.iterations)
        .map(|_| {
            let start = Instant::now();
            last = step();
            1e3 * start.elapsed().as_secs_f64()
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let count = times.len();
    let median = (times[(count - 1) / 2] + times[count / 2]) / 2.0;
    println!(
        "{{\"case\": \"resnet20-{case}\", \"threads\": {}, \"batch\": {}, \"iterations\": {count}, \
         \"median_ms\": {median:.3}, \"min_ms\": {:.3}, \"max_ms\": {:.3}, \"images_per_s\": {:.1}, \
         \"{result}\": {last:.4}}}",
        arguments.threads,
        arguments.batch,
        times[0],
        times[count - 1],
        1e3 * arguments.batch as f64 / median,
    );
}

fn main() -> Result<(), String> {
    let arguments = Arguments::parse()?;
    rayon::ThreadPoolBuilder::new()
        .num_threads(arguments.threads)
        .build_global()
        .map_err(|error| error.to_string())?;
    for case in &arguments.cases {
        let mut training = Training::new(arguments.batch);
        if case == "train" {
            time(case, &arguments, "last_loss", || training.step());
        } else {
            let model = training.model.valid();
            let images = training.images.inner();
            time(case, &arguments, "sum_of_logits", || {
                model.forward(images.clone()).sum().into_scalar()
            });
        }
    }
    Ok(())
}
