//! `flatness`: how flat the minimum is that a recorded run has ended in.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use lowland_lab::console::{Align, Console, Table, duration};
use lowland_lab::flatness::{
    self, Estimate, Flatness, FlatnessConfig, Interpolation, LandscapeConfig, StatisticsOf,
};
use lowland_lab::{Options, PastRun, Result, Stop};
use serde_json::json;

use crate::args::{Device, called_as, examples, quoted};
use crate::{INTERRUPTED, signals};

/// Measure how flat the minimum is that a run has ended in.
///
/// The network is built again from the run directory, and measured on images that it was trained on:
/// the largest eigenvalues and the trace of the Hessian of the loss, and how much the loss grows within a
/// radius; where asked for, the density of the spectrum, the largest eigenvalue along the run, and surfaces of
/// the loss. The run directory gets flatness.json, in place of one that is there, of which `report` draws
/// what can be drawn, and interpolation.json with --against.
#[derive(Debug, Args)]
#[command(after_help = examples(&[
    "flatness runs/first",
    "flatness runs/first --images 256 --eigenvalues 5 --along",
    "flatness runs/first --trace-probes 0 --density-probes 2 --landscape 21",
    "flatness runs/sgd --against runs/adam --json",
]))]
pub struct FlatnessOf {
    /// The run directory.
    pub run: PathBuf,
    /// Another run of the same network: the loss on the straight way to its solution is measured too.
    #[arg(long, value_name = "RUN")]
    pub against: Option<PathBuf>,
    /// Training images to measure on.
    #[arg(long, value_name = "N", default_value_t = defaults().images)]
    pub images: usize,
    /// By which statistics batch normalisation normalises: those of each batch, as in training, or the
    /// running ones, as in evaluation.
    #[arg(long, value_enum, default_value = "batch")]
    pub statistics: Curvature,
    /// Largest eigenvalues of the Hessian; 0 measures none.
    #[arg(long, value_name = "K", default_value_t = defaults().eigenvalues)]
    pub eigenvalues: usize,
    /// Lanczos steps at most, for eigenvalues and for each probe of the density.
    #[arg(long, value_name = "K", default_value_t = defaults().lanczos_steps)]
    pub lanczos_steps: usize,
    /// Random vectors for the trace of the Hessian; 0 leaves it out.
    #[arg(long, value_name = "K", default_value_t = defaults().trace_probes)]
    pub trace_probes: usize,
    /// Random vectors for the density of its spectrum; 0 leaves it out.
    #[arg(long, value_name = "K", default_value_t = defaults().density_probes)]
    pub density_probes: usize,
    /// The radius that sharpness is measured within; 0 leaves it out.
    #[arg(long, value_name = "R", default_value_t = defaults().sharpness_radius)]
    pub radius: f64,
    /// Measure the largest eigenvalue at every epoch whose weights the run has kept.
    #[arg(long)]
    pub along: bool,
    /// Measure the loss along a line and over a plane of so many points a side, an odd number.
    #[arg(long, value_name = "POINTS")]
    pub landscape: Option<usize>,
    /// How far surfaces reach, in lengths of the filters.
    #[arg(long, value_name = "R", default_value_t = surface_defaults().reach)]
    pub reach: f64,
    /// Training images to measure surfaces on.
    #[arg(long, value_name = "N", default_value_t = surface_defaults().images)]
    pub surface_images: usize,
    /// By which statistics batch normalisation normalises on surfaces: re-estimated ones follow the
    /// weights from point to point.
    #[arg(long, value_enum, default_value = "running")]
    pub surface_statistics: Surface,
    /// Where datasets are looked for by name.
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub data_dir: PathBuf,
    #[command(flatten)]
    pub device: Device,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

fn defaults() -> FlatnessConfig {
    FlatnessConfig::default()
}

fn surface_defaults() -> LandscapeConfig {
    LandscapeConfig::default()
}

/// Statistics that curvature can be measured by.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Curvature {
    Batch,
    Running,
}

/// Statistics that surfaces can be measured by.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Surface {
    Batch,
    Running,
    ReEstimated,
}

impl FlatnessOf {
    fn config(&self) -> FlatnessConfig {
        FlatnessConfig {
            images: self.images,
            statistics: match self.statistics {
                Curvature::Batch => StatisticsOf::Batch,
                Curvature::Running => StatisticsOf::Running,
            },
            eigenvalues: self.eigenvalues,
            lanczos_steps: self.lanczos_steps,
            trace_probes: self.trace_probes,
            density_probes: self.density_probes,
            sharpness_radius: self.radius,
            along_the_run: self.along,
            landscape: self.landscape.map(|points| self.surfaces(points)),
        }
    }

    fn surfaces(&self, points: usize) -> LandscapeConfig {
        LandscapeConfig {
            points,
            reach: self.reach,
            images: self.surface_images,
            statistics: match self.surface_statistics {
                Surface::Batch => StatisticsOf::Batch,
                Surface::Running => StatisticsOf::Running,
                Surface::ReEstimated => StatisticsOf::ReEstimated,
            },
            ..surface_defaults()
        }
    }

    fn options(&self) -> Options {
        let (device, threads) = (self.device.device.clone(), self.device.threads());
        Options { device, threads, workers: 0 }
    }
}

pub fn flatness(arguments: &FlatnessOf) -> Result<ExitCode> {
    let console = Console::new(arguments.json);
    let run = PastRun::read(&arguments.run)?;
    let stop = signals::stop_on_signal(console)?;
    let Some((flatness, between)) = measure(arguments, &run, &stop)? else {
        console.say("Interrupted; nothing was written.");
        return Ok(ExitCode::from(INTERRUPTED));
    };
    flatness::write(&run.folder, &flatness)?;
    console.say(&heading(&run, &flatness));
    console.say(&format!("\n{}", numbers(&run, &flatness)));
    if !flatness.along.is_empty() {
        console.say(&along(&flatness));
    }
    if let Some(between) = &between {
        flatness::write_interpolation(&run.folder, between)?;
        console.say(&barrier(between));
    }
    let file = run.folder.join("flatness.json");
    console.say(&format!("Took {}. Recorded in {}", duration(flatness.seconds), file.display()));
    if flatness.spectrum.is_some() || flatness.line.is_some() || !flatness.along.is_empty() {
        let folder = quoted(&run.folder.to_string_lossy());
        console.say(&format!("To see it: {} report {folder}", called_as()));
    }
    console.emit(&json!({
        "event": "result",
        "folder": run.folder,
        "flatness": flatness,
        "interpolation": between,
    }));
    Ok(ExitCode::SUCCESS)
}

/// What was measured; none where it was stopped.
fn measure(
    arguments: &FlatnessOf,
    run: &PastRun,
    stop: &Stop,
) -> Result<Option<(Flatness, Option<Interpolation>)>> {
    let (options, data) = (arguments.options(), arguments.data_dir.as_path());
    // What cannot be compared is told before the first minute is spent.
    let between = match &arguments.against {
        None => None,
        Some(other) => {
            let points = arguments.landscape.unwrap_or(surface_defaults().points);
            let config = arguments.surfaces(points);
            let to = PastRun::read(other)?;
            match flatness::interpolation(run, &to, &config, data, &options, stop)? {
                None => return Ok(None),
                between => between,
            }
        }
    };
    let measured = flatness::measure(run, &arguments.config(), true, data, &options, stop)?;
    Ok(measured.map(|flatness| (flatness, between)))
}

fn heading(run: &PastRun, flatness: &Flatness) -> String {
    let info = &run.json.run;
    let statistics = match flatness.config.statistics {
        StatisticsOf::Batch => "by the statistics of each batch",
        _ => "by running statistics",
    };
    format!(
        "{}, seed {}: {} after epoch {}; loss {:.4} on {} training images {statistics}",
        info.name, info.seed, info.model.name, flatness.epoch, flatness.loss, flatness.images
    )
}

/// A table of the numbers with their errors.
fn numbers(run: &PastRun, flatness: &Flatness) -> String {
    use Align::{Left, Right};
    let mut table =
        Table::new(&[("measure", Left), ("value", Right), ("error", Right), ("", Left)]);
    for (i, Estimate { value, error }) in flatness.eigenvalues.iter().enumerate() {
        let name = match i {
            0 => "largest eigenvalue of the Hessian".to_string(),
            i => format!("eigenvalue {}", i + 1),
        };
        table.row([name, number(*value), number(*error), "residual".into()]);
    }
    if let Some(Estimate { value, error }) = flatness.trace {
        let name = "trace of the Hessian".to_string();
        table.row([name, number(value), number(error), "standard error".into()]);
    }
    if let Some(sharpness) = flatness.sharpness {
        let name = format!("growth of the loss within {}", flatness.config.sharpness_radius);
        table.row([name, number(sharpness)]);
    }
    let Some(Estimate { value, .. }) = flatness.eigenvalues.first() else {
        return table.to_string();
    };
    let rates = run.epochs.iter().map(|epoch| epoch.lr);
    for (name, lr) in [("final", rates.clone().next_back()), ("peak", rates.reduce(f64::max))] {
        let Some(lr) = lr else { continue };
        let (name, product) =
            (format!("{name} learning rate {lr:.3e} times it"), number(lr * value));
        table.row([name, product, String::new(), "descent is stable below 2".into()]);
    }
    table.to_string()
}

fn along(flatness: &Flatness) -> String {
    use Align::Right;
    let columns = ["epoch", "learning rate", "largest eigenvalue", "residual", "product"];
    let mut table = Table::new(&columns.map(|name| (name, Right)));
    for at in &flatness.along {
        let Estimate { value, error } = at.eigenvalue;
        let lr = format!("{:.3e}", at.lr);
        let product = number(at.lr * value);
        table.row([at.epoch.to_string(), lr, number(value), number(error), product]);
    }
    table.to_string()
}

/// The loss at the ends of a way, and the highest between.
fn barrier(between: &Interpolation) -> String {
    let points = || between.line.at.iter().zip(&between.line.losses);
    let end = |t: f64| points().find(|(at, _)| **at == t).and_then(|(_, loss)| *loss);
    let text = |loss: Option<f64>| loss.map_or("not finite".into(), |loss| format!("{loss:.4}"));
    let within = points().filter(|(t, _)| (0.0..=1.0).contains(*t));
    let highest = within.reduce(|a, b| {
        let key = |loss: &Option<f64>| loss.unwrap_or(f64::INFINITY);
        if key(b.1) > key(a.1) { b } else { a }
    });
    let highest = highest.map_or(String::new(), |(t, loss)| {
        format!("; the highest between them is {}, at {t:.2} of the way", text(*loss))
    });
    let statistics = match between.statistics {
        StatisticsOf::Batch => "by the statistics of each batch",
        StatisticsOf::Running => "by running statistics",
        StatisticsOf::ReEstimated => "by statistics estimated at each point",
    };
    format!(
        "Loss on {} training images {statistics}: {} here, {} at {}{highest}",
        between.images,
        text(end(0.0)),
        text(end(1.0)),
        Path::new(&between.to).display()
    )
}

/// Four digits, with a power of ten where it is far from 1.
fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".into(),
        size if !(1e-3..1e5).contains(&size) => format!("{value:.2e}"),
        size => format!("{value:.*}", (3 - size.log10().floor() as i32).clamp(0, 6) as usize),
    }
}
