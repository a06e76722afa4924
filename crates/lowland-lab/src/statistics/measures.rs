//! What a run has one number of.

use lowland_data::{InputNoise, NoiseKind};

use super::{Better, Measure, MeasuredRun, Unit};

/// A kind of noise as it is written in keys.
fn name_of(kind: NoiseKind) -> &'static str {
    match kind {
        NoiseKind::Normal => "normal",
        NoiseKind::Uniform => "uniform",
        NoiseKind::Constant => "constant",
    }
}

/// A measure, and where its number is.
pub struct Definition {
    /// What it is called, and how it is read.
    pub measure: Measure,
    number: Number,
}

enum Number {
    Of(fn(&MeasuredRun) -> Option<f64>),
    UnderNoise(InputNoise),
}

impl Definition {
    /// The measures that any of the runs has a number of, in the order they are shown in.
    #[must_use]
    pub fn of_runs(runs: &[MeasuredRun]) -> Vec<Definition> {
        let mut all = scores();
        all.extend(noises(runs).into_iter().map(Definition::under_noise));
        all.extend(flatness());
        all.extend(costs());
        all.retain(|definition| runs.iter().any(|run| definition.number_of(run).is_some()));
        all
    }

    /// The number of a run; none where it was not measured or is not finite.
    #[must_use]
    pub fn number_of(&self, run: &MeasuredRun) -> Option<f64> {
        let number = match &self.number {
            Number::Of(number) => number(run),
            Number::UnderNoise(noise) => {
                let scores = &run.run.json.input_noise;
                scores.iter().find(|score| score.noise == *noise).map(|score| score.test_acc)
            }
        };
        number.filter(|number| number.is_finite())
    }

    fn new(
        key: &str,
        title: &str,
        unit: Unit,
        better: Better,
        number: fn(&MeasuredRun) -> Option<f64>,
    ) -> Definition {
        let measure = Measure { key: key.into(), title: title.into(), unit, better, tested: true };
        Definition { measure, number: Number::Of(number) }
    }

    fn under_noise(noise: InputNoise) -> Definition {
        let kind = name_of(noise.kind);
        let strength = noise.strength;
        let measure = Measure {
            key: noise_key(&noise),
            title: format!("test accuracy under {kind} noise of {strength}"),
            unit: Unit::Fraction,
            better: Better::Higher,
            tested: true,
        };
        Definition { measure, number: Number::UnderNoise(noise) }
    }
}

/// The key of the accuracy under a noise.
pub(crate) fn noise_key(noise: &InputNoise) -> String {
    format!("noise_{}_{}_acc", name_of(noise.kind), noise.strength)
}

/// The keys that a measure can have. Under noise on the test images there is one for each kind and
/// strength, as `noise_normal_0.1_acc`.
///
/// ```
/// use lowland_lab::statistics::{is_measure, keys};
///
/// assert!(keys().contains(&"final_test_acc".to_string()));
/// assert!(is_measure("sharpness") && is_measure("noise_uniform_0.2_acc"));
/// assert!(!is_measure("final_acc") && !is_measure("noise_pink_0.1_acc"));
/// ```
#[must_use]
pub fn keys() -> Vec<String> {
    let all = [scores(), flatness(), costs()].into_iter().flatten();
    all.map(|definition| definition.measure.key).collect()
}

/// Whether a measure can have this key.
#[must_use]
pub fn is_measure(key: &str) -> bool {
    let kinds = [NoiseKind::Normal, NoiseKind::Uniform, NoiseKind::Constant].map(name_of);
    let noise = key.strip_prefix("noise_").and_then(|rest| rest.strip_suffix("_acc"));
    let is_noise = noise
        .and_then(|noise| noise.split_once('_'))
        .is_some_and(|(kind, strength)| kinds.contains(&kind) && strength.parse::<f64>().is_ok());
    is_noise || keys().iter().any(|known| known == key)
}

fn scores() -> Vec<Definition> {
    use Better::{Higher, Lower};
    use Unit::{Fraction, Plain};
    vec![
        Definition::new("final_test_acc", "final test accuracy", Fraction, Higher, |run| {
            run.run.json.results.map(|results| results.final_epoch.test_acc)
        }),
        Definition::new(
            "validation_selected_test_acc",
            "validation-selected test accuracy",
            Fraction,
            Higher,
            |run| Some(run.run.json.results?.validation_selected_epoch?.test_acc),
        ),
        Definition::new(
            "best_test_acc",
            "best test accuracy (upper bound)",
            Fraction,
            Higher,
            |run| run.run.json.results.map(|results| results.best_test_epoch.test_acc),
        ),
        Definition::new("final_train_loss", "final training loss", Plain, Lower, |run| {
            run.run.epochs.last().map(|epoch| epoch.train_loss)
        }),
        Definition::new("final_test_loss", "final test loss", Plain, Lower, |run| {
            run.run.epochs.last().map(|epoch| epoch.test_loss)
        }),
        Definition::new("calibration_error", "calibration error", Fraction, Lower, |run| {
            Some(run.run.json.calibration.as_ref()?.expected_error)
        }),
    ]
}

fn flatness() -> Vec<Definition> {
    let new = |key, title, number| Definition::new(key, title, Unit::Plain, Better::Lower, number);
    vec![
        new("hessian_top_eigenvalue", "largest Hessian eigenvalue", |run| {
            Some(run.flatness.as_ref()?.eigenvalues.first()?.value)
        }),
        new("hessian_trace", "Hessian trace", |run| Some(run.flatness.as_ref()?.trace?.value)),
        new("sharpness", "sharpness", |run| run.flatness.as_ref()?.sharpness),
    ]
}

/// What depends on the machine and on what else it did: not tested.
fn costs() -> Vec<Definition> {
    let new = |key, title, unit, number| {
        let mut definition = Definition::new(key, title, unit, Better::Lower, number);
        definition.measure.tested = false;
        definition
    };
    vec![
        new("seconds_per_step", "seconds a training step", Unit::Seconds, seconds_per_step),
        new("peak_tensor_bytes", "peak tensor memory", Unit::Bytes, |run| {
            run.run.json.memory.map(|memory| memory.peak_tensor_bytes as f64)
        }),
    ]
}

/// The median over epochs: the first is slower, and others may be disturbed.
fn seconds_per_step(run: &MeasuredRun) -> Option<f64> {
    let batch = run.run.json.run.batch_size as f64;
    let mut seconds: Vec<f64> =
        run.run.epochs.iter().map(|epoch| batch / epoch.images_per_s).collect();
    seconds.sort_by(f64::total_cmp);
    let middle = seconds.len() / 2;
    match seconds.len() {
        0 => None,
        n if n % 2 == 1 => Some(seconds[middle]),
        _ => Some((seconds[middle - 1] + seconds[middle]) / 2.0),
    }
}

/// The kinds of noise that runs were tested under, in the order in which they come.
fn noises(runs: &[MeasuredRun]) -> Vec<InputNoise> {
    let mut noises: Vec<InputNoise> = Vec::new();
    for score in runs.iter().flat_map(|run| &run.run.json.input_noise) {
        if !noises.contains(&score.noise) {
            noises.push(score.noise);
        }
    }
    noises
}
