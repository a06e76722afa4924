//! Curvature and sharpness of the network that a run has ended with, and along the run.

use std::path::Path;
use std::time::Instant;

use lowland_landscape::{
    Ascent, End, Hessian, Objective, Search, eigenpairs, quadrature, sharpness, trace,
};

use super::network::{Network, SEED, images_in};
use super::stoppable::{Stoppable, finite, unless_stopped};
use super::surfaces::{line, plane};
use super::{Along, Estimate, Flatness, FlatnessConfig, Spectrum};
use crate::past::PastRun;
use crate::record::{Keep, weights_of};
use crate::run::{Options, Stop};
use crate::{Error, Result};

/// The part of an eigenvalue that its residual may be for the iteration to end.
const TOLERANCE: f64 = 0.01;
/// Steps of ascent after the first.
const ASCENT_STEPS: usize = 5;
/// Points of a spectrum.
const SPECTRUM_POINTS: usize = 200;

/// Measures how flat the minimum is that a run has ended in; none where a stop is wished.
///
/// The network is built again from the run's config and `weights.safetensors`. The images are
/// [`FlatnessConfig::images`] of those that the run was trained on, with the labels that it was trained on
/// by, drawn by class with seed 0 and without augmentation, in batches of the run's batch size. Random
/// vectors have seed 0 too. The loss is the one that was minimised, label smoothing included, but without
/// weight decay and not deformed. All is a function of the run and of `config`, to the bit, whatever the
/// number of threads.
///
/// A product with the Hessian costs two gradients and one loss; see
/// [`NetworkLoss`](lowland_landscape::NetworkLoss).
///
/// | measurement | how | cost, over the images |
/// |---|---|---|
/// | eigenvalues | [`eigenpairs`], until each residual is 1 % of its eigenvalue | a product a step |
/// | trace | [`trace`] | a product a probe |
/// | spectrum | [`quadrature`], 200 points, sigma a hundredth of the width | a product a probe and step |
/// | sharpness | [`sharpness`], 5 steps beyond that of SAM | 6 gradients, and 6 losses |
/// | along the run | as the eigenvalues, one at every epoch | a product a step and epoch |
/// | surfaces | [`line`](lowland_landscape::line), [`plane`](lowland_landscape::plane) | a loss a point |
///
/// Surfaces are measured where `with_landscape` says so and `config` has a landscape.
///
/// # Errors
/// [`Error::Usage`] for a config that cannot be; [`Error::File`] and [`Error::Damaged`] for weights that
/// are missing or not those of the network; [`Error::Dataset`] where the dataset is another than the run's;
/// [`Error::Landscape`] where the loss is not finite at the solution or too near to it.
pub fn measure(
    run: &PastRun,
    config: &FlatnessConfig,
    with_landscape: bool,
    data_folder: &Path,
    options: &Options,
    stop: &Stop,
) -> Result<Option<Flatness>> {
    config.check(&run.config)?;
    let began = Instant::now();
    let epoch = run.json.weights_epoch.ok_or_else(|| {
        let folder = run.folder.display();
        Error::Usage(format!("the run `{folder}` has no weights: no epoch of it is complete"))
    })?;
    let network = Network::of(run, data_folder, options)?;
    let measured = solution(&network, config, epoch, with_landscape, stop).and_then(|flatness| {
        let along = along(run, &network, config, flatness.eigenvalues.first(), stop)?;
        Ok(Flatness { along, seconds: began.elapsed().as_secs_f64(), ..flatness })
    });
    unless_stopped(measured)
}

/// What is measured of the weights that the network has.
fn solution(
    network: &Network,
    config: &FlatnessConfig,
    epoch: usize,
    with_landscape: bool,
    stop: &Stop,
) -> Result<Flatness> {
    let w = network.parameters()?;
    let batches = network.batches(config.images)?;
    let mut objective = network.loss(&batches, config.statistics, stop)?;
    let loss = objective.loss(&w)?;
    if !loss.is_finite() {
        let what = format!("the loss at the weights of epoch {epoch}");
        return Err(lowland_landscape::Error::NonFinite { what }.into());
    }
    let mut hessian = Hessian::new(&mut objective, &w)?;
    let eigenvalues = eigenvalues(&mut hessian, config.eigenvalues, config.lanczos_steps)?;
    let trace = match config.trace_probes {
        0 => None,
        probes => {
            let found = trace(&mut hessian, probes, SEED)?;
            Some(Estimate { value: found.mean, error: found.standard_error })
        }
    };
    let spectrum = spectrum(&mut hessian, config.density_probes, config.lanczos_steps)?;
    let ascent =
        Ascent { radius: config.sharpness_radius, steps: ASCENT_STEPS, rate: 1.0, seed: SEED };
    let sharpness = match config.sharpness_radius {
        0.0 => None,
        _ => finite(sharpness(&mut objective, &w, &ascent))?.map(|found| found.sharpness),
    };
    let (mut along_line, mut over_plane) = (None, None);
    if let Some(landscape) = config.landscape.as_ref().filter(|_| with_landscape) {
        let batches = network.batches(landscape.images)?;
        let mut objective = network.loss(&batches, landscape.statistics, stop)?;
        along_line = Some(line(&mut objective, network.entries(), &w, landscape)?);
        over_plane = Some(plane(&mut objective, network.entries(), &w, landscape)?);
    }
    Ok(Flatness {
        config: config.clone(),
        epoch,
        images: images_in(&batches),
        loss,
        eigenvalues,
        trace,
        spectrum,
        sharpness,
        along: Vec::new(),
        line: along_line,
        plane: over_plane,
        seconds: 0.0,
    })
}

/// The largest eigenvalue at every epoch whose weights were kept; `last` is that of the weights that the
/// run has ended with, where it is known.
fn along(
    run: &PastRun,
    network: &Network,
    config: &FlatnessConfig,
    last: Option<&Estimate>,
    stop: &Stop,
) -> Result<Vec<Along>> {
    if !config.along_the_run {
        return Ok(Vec::new());
    }
    let keep = Keep::of(&run.config);
    let batches = network.batches(config.images)?;
    let kept = run.epochs.iter().filter(|metrics| keep.wants(metrics.epoch));
    let at = kept.map(|metrics| {
        let known = last.filter(|_| run.json.weights_epoch == Some(metrics.epoch));
        let eigenvalue = match known {
            Some(eigenvalue) => *eigenvalue,
            None => {
                network.load(run, &weights_of(metrics.epoch))?;
                let w = network.parameters()?;
                let mut objective = network.loss(&batches, config.statistics, stop)?;
                let mut hessian = Hessian::new(&mut objective, &w)?;
                eigenvalues(&mut hessian, 1, config.lanczos_steps)?[0]
            }
        };
        Ok(Along { epoch: metrics.epoch, lr: metrics.lr, eigenvalue })
    });
    at.collect()
}

type LossHessian<'a, 'b> = Hessian<'a, Stoppable<'b>>;

fn eigenvalues(
    hessian: &mut LossHessian<'_, '_>,
    count: usize,
    steps: usize,
) -> Result<Vec<Estimate>> {
    if count == 0 {
        return Ok(Vec::new());
    }
    let search = Search { end: End::Top, count, steps, tolerance: TOLERANCE, seed: SEED };
    let found = eigenpairs(hessian, &search)?;
    let pairs = found.values.into_iter().zip(found.residuals);
    Ok(pairs.map(|(value, error)| Estimate { value, error }).collect())
}

/// The density of the spectrum; none where it is one point, which has no width.
fn spectrum(
    hessian: &mut LossHessian<'_, '_>,
    probes: usize,
    steps: usize,
) -> Result<Option<Spectrum>> {
    if probes == 0 {
        return Ok(None);
    }
    let nodes = quadrature(hessian, probes, steps, SEED)?;
    let (low, high) = nodes.range();
    let sigma = (high - low) / 100.0;
    if sigma == 0.0 {
        return Ok(None);
    }
    let found = nodes.density(sigma, SPECTRUM_POINTS)?;
    Ok(Some(Spectrum { eigenvalues: found.grid, density: found.density, sigma }))
}
