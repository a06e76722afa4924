//! The same work done here and in PyTorch, step by step in turn, so that the ratio of the two holds
//! while the speed of the machine drifts.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use lowland_core::{Clock, DType, Shape};
use lowland_models::ModelConfig;
use lowland_optim::{Adam, ArenaOptimizer, ArenaParam, GroupSpec, Method, MiAdam, Sgd};
use lowland_tensor::Device;
use serde::Serialize;

use crate::bench::{quantile, synthetic};
use crate::plan::Groups;
use crate::trainer::{Images, Trainer};
use crate::{Error, Result, device};

/// The other side's program. It takes the name of a case, and a step for each line of its input.
const PEER: &str = include_str!("../../../benches/peers/pytorch.py");

/// Steps of each side that are not counted.
const WARMUP: usize = 3;

/// How to compare.
#[derive(Clone, Debug)]
pub struct Options {
    /// The Python that has PyTorch.
    pub python: String,
    /// Images a step.
    pub batch: usize,
    /// Pairs of steps, one of each side, that are counted.
    pub pairs: usize,
    /// Threads of each side.
    pub threads: usize,
}

/// One case, compared.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// The work.
    pub case: &'static str,
    /// Threads of each side.
    pub threads: usize,
    /// How many times as fast as PyTorch: the median over pairs of steps.
    pub ratio: f64,
    /// 5 % of the pairs had a smaller ratio.
    pub ratio_p5: f64,
    /// 95 % of the pairs had a smaller ratio.
    pub ratio_p95: f64,
    /// The median of our steps, in milliseconds.
    pub ours_ms: f64,
    /// The median of PyTorch's steps, in milliseconds.
    pub theirs_ms: f64,
    /// The other side's version.
    pub peer: String,
}

/// What is compared: a name for people, what to call it over there, what to do here.
const CASES: [(&str, &str, Work); 9] = [
    ("ResNet-20 train", "resnet20-train", Work::Train("resnet20")),
    ("ResNet-20 infer, PyTorch compiled", "resnet20-infer-compiled", Work::Infer("resnet20")),
    ("PreActResNet-20 train", "preactresnet20-train", Work::Train("preact-resnet20")),
    ("ZeroSNet-20 train", "zerosnet20-train", Work::Train("zerosnet20")),
    ("ResNet-18 train", "resnet18-train", Work::Train("resnet18")),
    ("ResNet-18 infer", "resnet18-infer", Work::Infer("resnet18")),
    ("SGD with momentum, PyTorch fused", "sgd", Work::Step("sgd")),
    ("Adam, PyTorch fused", "adam", Work::Step("adam")),
    ("MIAdam of order 3, PyTorch eager", "miadam3", Work::Step("miadam3")),
];

#[derive(Clone, Copy, Debug)]
enum Work {
    Train(&'static str),
    Infer(&'static str),
    Step(&'static str),
}

/// Compares every case whose name holds `filter`, and hands each result over as it is there.
///
/// # Errors
/// [`Error::Usage`] where no case has such a name, or where Python or PyTorch cannot be started.
pub fn run(options: &Options, filter: &str, each: &mut dyn FnMut(&Comparison)) -> Result<()> {
    let wanted = |name: &str| name.to_lowercase().contains(&filter.to_lowercase());
    let cases: Vec<_> = CASES.iter().filter(|(name, ..)| wanted(name)).collect();
    if cases.is_empty() {
        let names = CASES.map(|(name, ..)| format!("`{name}`")).join(", ");
        return Err(Error::Usage(format!("no case has `{filter}` in its name; there are {names}")));
    }
    for &&(case, peer_case, work) in &cases {
        each(&compare(options, case, peer_case, work)?);
    }
    Ok(())
}

fn compare(
    options: &Options,
    case: &'static str,
    peer_case: &str,
    work: Work,
) -> Result<Comparison> {
    let mut peer = Peer::start(options, peer_case)?;
    let mut step = work.prepare(options)?;
    let mut ours_ms = || -> Result<f64> {
        let began = Instant::now();
        step()?;
        Ok(1e3 * began.elapsed().as_secs_f64())
    };
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for pair in 0..WARMUP + options.pairs {
        let times = (ours_ms()?, peer.step()?);
        if pair >= WARMUP {
            ours.push(times.0);
            theirs.push(times.1);
        }
    }
    let mut ratios: Vec<f64> = ours.iter().zip(&theirs).map(|(us, they)| they / us).collect();
    for times in [&mut ratios, &mut ours, &mut theirs] {
        times.sort_by(f64::total_cmp);
    }
    Ok(Comparison {
        case,
        threads: options.threads,
        ratio: quantile(&ratios, 0.5),
        ratio_p5: quantile(&ratios, 0.05),
        ratio_p95: quantile(&ratios, 0.95),
        ours_ms: quantile(&ours, 0.5),
        theirs_ms: quantile(&theirs, 0.5),
        peer: std::mem::take(&mut peer.version),
    })
}

impl Work {
    /// The network or the arenas of one case, as a step that can be repeated.
    fn prepare(self, options: &Options) -> Result<Box<dyn FnMut() -> Result<()>>> {
        let device = device::open("cpu", options.threads)?.device;
        match self {
            Work::Train(name) => {
                let (mut trainer, pixels, labels) = trainer(name, &device, options)?;
                let shape = [options.batch, 32, 32, 3];
                let clock = Clock::at_step(1, 0.05);
                Ok(Box::new(move || {
                    let batch = Images { shape, pixels: &pixels, labels: &labels };
                    trainer.step(&batch, &clock).map(drop)
                }))
            }
            Work::Infer(name) => {
                let (mut trainer, pixels, labels) = trainer(name, &device, options)?;
                let shape = [options.batch, 32, 32, 3];
                Ok(Box::new(move || {
                    let batch = Images { shape, pixels: &pixels, labels: &labels };
                    trainer.evaluate(&batch).map(drop)
                }))
            }
            Work::Step(name) => optimizer(name, &device),
        }
    }
}

fn trainer(
    name: &str,
    device: &Device,
    options: &Options,
) -> Result<(Trainer, Vec<f32>, Vec<u32>)> {
    let model = ModelConfig::named(name).build([32, 32, 3], 10, device, DType::F32, 1)?;
    let sgd = Method::Sgd(Sgd { momentum: 0.9, ..Sgd::default() });
    let trainer = Trainer::new(model, Groups::One(sgd.update()?), 0.0)?;
    let (pixels, labels) = synthetic(options.batch, [32, 32, 3], 10)?;
    Ok((trainer, pixels, labels))
}

/// A step over the 161 tensors of a ResNet-50, 25.6 million parameters.
fn optimizer(name: &str, device: &Device) -> Result<Box<dyn FnMut() -> Result<()>>> {
    let method = match name {
        "sgd" => Method::Sgd(Sgd { momentum: 0.9, ..Sgd::default() }),
        "adam" => Method::Adam(Adam::default()),
        _ => Method::Miadam(MiAdam { order: 3, ..MiAdam::default() }),
    };
    let mut table = Vec::new();
    let mut end = 0;
    for (i, shape) in resnet50_shapes().iter().enumerate() {
        table.push(ArenaParam { name: format!("parameter {i}"), offset: end, shape: *shape });
        end += lowland_core::Buffer::aligned_len(shape.len(), DType::F32);
    }
    let params = device.filled(end, DType::F32, 0.02)?;
    let grads = device.filled(end, DType::F32, 1e-3)?;
    let groups = vec![GroupSpec::all("all", method.update()?)];
    let mut optimizer = ArenaOptimizer::new(device.clone(), DType::F32, end, table, groups)?;
    Ok(Box::new(move || Ok(optimizer.step(&Clock::at_step(1, 1e-3), &params, &grads)?)))
}

/// The shapes of a ResNet-50's parameters, as benches/peers/pytorch.py lists them.
fn resnet50_shapes() -> Vec<Shape> {
    let mut shapes = vec![Shape::from([64, 3, 7, 7]), Shape::from([64]), Shape::from([64])];
    let mut inputs = 64;
    for (width, blocks) in [(64, 3), (128, 4), (256, 6), (512, 3)] {
        for block in 0..blocks {
            let mut convolutions =
                vec![[width, inputs, 1, 1], [width, width, 3, 3], [4 * width, width, 1, 1]];
            if block == 0 {
                convolutions.push([4 * width, inputs, 1, 1]);
            }
            for conv in convolutions {
                shapes.extend([Shape::from(conv), Shape::from([conv[0]]), Shape::from([conv[0]])]);
            }
            inputs = 4 * width;
        }
    }
    shapes.extend([Shape::from([1000, inputs]), Shape::from([1000])]);
    shapes
}

/// PyTorch in a process of its own, which ends with this value.
struct Peer {
    process: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
    python: String,
    version: String,
}

impl Peer {
    fn start(options: &Options, case: &str) -> Result<Peer> {
        let threads = options.threads.to_string();
        let batch = options.batch.to_string();
        let mut command = Command::new(&options.python);
        command.args(["-c", PEER, case, "--threads", &threads, "--batch", &batch]);
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut process = spawned.map_err(|error| {
            let python = &options.python;
            Error::Usage(format!(
                "cannot start `{python}`: {error}; set PYTHON to a Python with PyTorch"
            ))
        })?;
        let (Some(ask), Some(answers)) = (process.stdin.take(), process.stdout.take()) else {
            unreachable!("both were asked to be pipes");
        };
        let python = options.python.clone();
        let answers = BufReader::new(answers);
        let mut peer = Peer { process, ask, answers, python, version: String::new() };
        peer.version = peer.answer()?;
        Ok(peer)
    }

    /// One step over there, in milliseconds.
    fn step(&mut self) -> Result<f64> {
        if self.ask.write_all(b"step\n").and_then(|()| self.ask.flush()).is_err() {
            return Err(self.gone());
        }
        let answer = self.answer()?;
        answer.parse().map_err(|_| {
            Error::Usage(format!("`{}` answered `{answer}` in place of a time", self.python))
        })
    }

    fn answer(&mut self) -> Result<String> {
        let mut line = String::new();
        match self.answers.read_line(&mut line) {
            Ok(length) if length > 0 => Ok(line.trim().to_owned()),
            _ => Err(self.gone()),
        }
    }

    fn gone(&self) -> Error {
        let advice = "what it said is above; is PyTorch installed there (pip install torch)?";
        Error::Usage(format!("`{}` ended early: {advice}", self.python))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended already, which is as well.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tensors_are_those_of_a_resnet_50() {
        let shapes = resnet50_shapes();
        assert_eq!(shapes.len(), 161);
        assert_eq!(shapes.iter().map(Shape::len).sum::<usize>(), 25_557_032);
    }

    #[test]
    fn a_python_that_cannot_be_used_is_told() {
        let options =
            |python: &str| Options { python: python.into(), batch: 1, pairs: 1, threads: 1 };
        let run = |python, filter| run(&options(python), filter, &mut |_| ()).unwrap_err();
        let error = run("there-is-no-such-python", "adam, ").to_string();
        assert!(error.contains("set PYTHON to a Python with PyTorch"), "{error}");
        let error = run("true", "adam, ").to_string();
        assert!(error.contains("`true` ended early"), "{error}");
        assert!(run("true", "resnet-19").to_string().contains("`ResNet-20 train`"));
    }
}
