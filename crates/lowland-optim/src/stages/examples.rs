//! An example of every stage, in each of the forms that its options give it.

use std::sync::Arc;

use lowland_core::{Chain, DynMeasure, DynStage};

use super::{
    Activate, AdaBelief, AdaBound, Adai, Adam, Atan, ClipValue, DecoupledWeightDecay, Log, MiAdam,
    Momentum, NAdam, RAdam, RmsProp, StepScale, Swats, Switch, Tanh, WeightDecay,
};
use crate::Update;

const BETAS: [f64; 2] = [0.9, 0.99];
const EPS: f64 = 1e-8;

/// Every stage of this crate, in each of the forms that its options give it: for whoever must have
/// something for all of them, as tests of other hardware have.
///
/// ```
/// let stages = lowland_optim::stages::examples();
/// assert!(stages.iter().any(|stage| stage.name() == "miadam" && stage.slots().len() == 5));
/// ```
#[must_use]
pub fn examples() -> Vec<Arc<dyn DynStage>> {
    let (amsgrad, uncorrected_eps) = (true, true);
    let rmsprop = |centered| RmsProp { alpha: 0.9, eps: EPS, centered };
    let momentum = |dampening, nesterov| Momentum { momentum: 0.9, dampening, nesterov };
    let bound = |amsbound| AdaBound {
        betas: BETAS,
        eps: EPS,
        final_lr_factor: 100.0,
        gamma: 1e-3,
        amsbound,
    };
    let mut all = Chain::new()
        .then(WeightDecay { weight_decay: 1e-2 })
        .then(DecoupledWeightDecay { weight_decay: 1e-2 })
        .then(ClipValue { limit: 0.5 })
        .then(Activate(Atan::default()))
        .then(Activate(Tanh::default()))
        .then(Activate(Log::default()))
        .then(momentum(0.25, false))
        .then(momentum(0.0, true))
        .then(rmsprop(false))
        .then(rmsprop(true))
        .then(Adam { betas: BETAS, eps: EPS, ..Adam::default() })
        .then(Adam { amsgrad, ..Adam::default() })
        .then(Adam { uncorrected_eps, ..Adam::default() })
        .then(NAdam::new(BETAS, EPS, 4e-3))
        .then(RAdam { betas: BETAS, eps: EPS })
        .then(AdaBelief { betas: BETAS, eps: EPS })
        .then(bound(false))
        .then(bound(true));
    for (order, amsgrad) in [(1, false), (2, true), (3, false), (5, true)] {
        let (switch, step_scale) = (Switch::Step(4), StepScale::UnitGain);
        let (kappa, betas, eps) = (0.5, BETAS, EPS);
        all = all.then(MiAdam { order, kappa, switch, step_scale, betas, eps, amsgrad });
    }
    let measured = Update::new().measured(Adai::default()).measured(Swats::default());
    let chains = measured.chains().fold(all, |all, chain| all.then_all(chain));
    chains.stages().to_vec()
}

/// Every measure of this crate: what the measured ones of [`examples`] are told sums of.
#[must_use]
pub fn measures() -> Vec<Arc<dyn DynMeasure>> {
    vec![Arc::new(Adai::default()), Arc::new(Swats::default())]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    /// The names of the files of a folder whose stages have them as names, too.
    fn files(folder: &str) -> BTreeSet<String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(folder);
        let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let paths =
            paths.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
        let no_stages = ["mod", "moments", "examples"];
        let names = paths.map(|path| path.file_stem().unwrap().to_str().unwrap().to_string());
        names.filter(|name| !no_stages.contains(&name.as_str())).collect()
    }

    #[test]
    fn there_is_an_example_of_every_stage() {
        let names: BTreeSet<String> =
            examples().iter().map(|stage| stage.name().to_string()).collect();
        let mut files_of_stages = files("stages");
        files_of_stages.extend(files("stages/activation"));
        assert_eq!(names, files_of_stages, "each stage, and no other file, has an example");
    }

    #[test]
    fn every_measure_is_listed() {
        let names: BTreeSet<String> =
            measures().iter().map(|measure| measure.name().to_string()).collect();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/stages");
        let measured = |name: &String| {
            let text = std::fs::read_to_string(folder.join(format!("{name}.rs"))).unwrap();
            text.contains("\nimpl Measured for ")
        };
        assert_eq!(names, files("stages").into_iter().filter(measured).collect());
    }
}
