//! Noise on test images: its definition, its distributions, and its place in the loader.

use lowland_data::random::{CounterRng, Purpose};
use lowland_data::{ChannelStats, InputNoise, Loader, LoaderConfig, NoiseKind, View, load_builtin};
use proptest::prelude::*;

const KINDS: [NoiseKind; 3] = [NoiseKind::Normal, NoiseKind::Uniform, NoiseKind::Constant];

fn rng(sample: u64) -> CounterRng {
    CounterRng::new(5, Purpose::InputNoise, 0, sample)
}

fn noisy(noise: InputNoise, image: &[u8], sample: u64) -> Vec<f32> {
    // Anything that is not written shows.
    let mut out = vec![f32::NAN; image.len()];
    noise.apply(image, &mut out, &mut rng(sample));
    out
}

fn digits() -> View {
    load_builtin("digits").unwrap().test()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Against the definition, with the documented draws, for even and odd lengths.
    #[test]
    fn noise_is_added_and_clamped(
        image in prop::collection::vec(any::<u8>(), 1..40), strength in 0.0f64..2.0, sample in any::<u64>(),
    ) {
        for kind in KINDS {
            let mut draws = rng(sample);
            let mut unit = || (draws.next_u64() >> 11) as f64 * 0.5f64.powi(53);
            let z: Vec<f64> = match kind {
                NoiseKind::Constant => vec![1.0; image.len()],
                NoiseKind::Uniform => image.iter().map(|_| unit()).collect(),
                NoiseKind::Normal => (0..image.len().div_ceil(2))
                    .flat_map(|_| {
                        let (r, angle) = ((-2.0 * (1.0 - unit()).ln()).sqrt(), std::f64::consts::TAU * unit());
                        [r * angle.cos(), r * angle.sin()]
                    })
                    .collect(),
            };
            let out = noisy(InputNoise { kind, strength }, &image, sample);
            for ((out, &byte), z) in out.iter().zip(&image).zip(z) {
                let want = (f64::from(byte) / 255.0 + strength * z).clamp(0.0, 1.0);
                prop_assert!((f64::from(*out) - want).abs() < 1e-6, "{kind:?}: {out} {want}");
            }
        }
    }

    #[test]
    fn no_strength_is_no_noise(image in prop::collection::vec(any::<u8>(), 1..40), sample in any::<u64>()) {
        let clean: Vec<f32> = image.iter().map(|&byte| (f64::from(byte) / 255.0) as f32).collect();
        for kind in KINDS {
            prop_assert_eq!(&noisy(InputNoise { kind, strength: 0.0 }, &image, sample), &clean);
        }
    }
}

/// Mean and deviation on grey images, which no noise of strength 0.1 takes to the ends of the range.
#[test]
fn noise_of_the_usual_strength_has_the_moments_of_its_kind() {
    for (kind, mean, deviation) in [
        (NoiseKind::Normal, 0.0, 0.1),
        (NoiseKind::Uniform, 0.05, 0.1 / 12f64.sqrt()),
        (NoiseKind::Constant, 0.1, 0.0),
    ] {
        let noise = InputNoise::new(kind);
        assert_eq!(noise.strength, 0.1);
        let values: Vec<f64> = (0..100)
            .flat_map(|sample| noisy(noise, &[102; 1000], sample))
            .map(|value| f64::from(value) - 0.4)
            .collect();
        let found = values.iter().sum::<f64>() / 1e5;
        let spread = (values.iter().map(|v| (v - found).powi(2)).sum::<f64>() / 1e5).sqrt();
        // The standard errors are 3.2e-4 and 2.2e-4 at most.
        assert!((found - mean).abs() < 1.6e-3, "{kind:?}: {found}");
        assert!((spread - deviation).abs() < 1.2e-3, "{kind:?}: {spread}");
    }
}

#[test]
fn the_loader_adds_it_before_normalisation_for_any_number_of_threads() {
    let (view, stats) = (digits(), ChannelStats { mean: vec![0.25], std: vec![0.5] });
    for kind in KINDS {
        let noise = InputNoise::new(kind);
        for workers in [0, 1, 3] {
            let evaluation = LoaderConfig::evaluation(64, stats.clone());
            let config = LoaderConfig { input_noise: Some(noise), seed: 5, workers, ..evaluation };
            let loader = Loader::new(view.clone(), config).unwrap();
            // The same in every epoch.
            for epoch in [0, 7] {
                for batch in loader.epoch(epoch) {
                    let batch = batch.unwrap();
                    for (&index, image) in batch.indices().iter().zip(batch.images().chunks(64)) {
                        let pixels = noisy(noise, view.image(index as usize), u64::from(index));
                        let want = pixels.iter().map(|v| ((f64::from(*v) - 0.25) / 0.5) as f32);
                        assert!(image.iter().copied().eq(want), "{kind:?}, {workers} workers");
                    }
                }
            }
        }
    }
}

#[test]
fn samples_and_seeds_get_their_own_noise() {
    let noise = InputNoise::new(NoiseKind::Normal);
    assert_ne!(noisy(noise, &[128; 8], 0), noisy(noise, &[128; 8], 1));
    let of = |seed| {
        let evaluation = LoaderConfig::evaluation(360, ChannelStats::identity(1));
        let config = LoaderConfig { input_noise: Some(noise), seed, ..evaluation };
        let loader = Loader::new(digits(), config).unwrap();
        loader.epoch(0).next().unwrap().unwrap().images().to_vec()
    };
    assert!(of(1) == of(1) && of(1) != of(2));
    assert!(of(1).iter().all(|value| (0.0..=1.0).contains(value)));
}

#[test]
fn impossible_strengths_are_refused() {
    for strength in [-0.1, f64::NAN, f64::INFINITY] {
        let noise = InputNoise { kind: NoiseKind::Uniform, strength };
        let evaluation = LoaderConfig::evaluation(64, ChannelStats::identity(1));
        let config = LoaderConfig { input_noise: Some(noise), ..evaluation };
        let message = Loader::new(digits(), config).unwrap_err().to_string();
        assert!(
            message.contains("noise strength = ") && message.contains("0 or more"),
            "{message}"
        );
    }
}
