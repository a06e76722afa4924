//! Statistics against those of SciPy and NumPy: numbers that are committed, and others of the day where
//! Python has these libraries.

#[path = "common/python.rs"]
mod python;

use lowland_lab::Confidences;
use lowland_lab::statistics::{difference, holm, summary};
use serde::{Deserialize, Serialize};

const SCRIPT: &str = include_str!("golden/statistics.py");

#[derive(Deserialize, Serialize)]
struct Cases {
    pairs: Vec<(Vec<f64>, Vec<f64>)>,
    holm: Vec<Vec<f64>>,
    calibration: Vec<(Vec<Vec<f32>>, Vec<u32>)>,
}

#[derive(Debug, Deserialize)]
struct Answers {
    pairs: Vec<Paired>,
    holm: Vec<Vec<f64>>,
    calibration: Vec<Calibrated>,
}

#[derive(Debug, Deserialize)]
struct Paired {
    mean: f64,
    sd: f64,
    low: f64,
    high: f64,
    p: f64,
}

#[derive(Debug, Deserialize)]
struct Calibrated {
    error: f64,
    counts: Vec<usize>,
}

#[derive(Deserialize)]
struct Golden {
    cases: Cases,
    answers: Answers,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("golden/statistics.json")).unwrap()
}

fn assert_near(found: f64, want: f64, relative: f64, what: &str) {
    assert!((found - want).abs() <= relative * want.abs(), "{what}: {found} instead of {want}");
}

/// Compares our answers with others.
fn compare(cases: &Cases, answers: &Answers) {
    assert_eq!(cases.pairs.len(), answers.pairs.len());
    for ((a, b), want) in cases.pairs.iter().zip(&answers.pairs) {
        let pairs: Vec<(f64, f64)> = a.iter().copied().zip(b.iter().copied()).collect();
        let found = difference(&pairs).unwrap();
        assert_eq!(found.n, a.len());
        let differences: Vec<f64> = pairs.iter().map(|(a, b)| a - b).collect();
        let spread = summary(&differences).unwrap();
        let scale = want.mean.abs().max(want.sd);
        for (found, want) in
            [(found.mean, want.mean), (found.low, want.low), (found.high, want.high)]
        {
            assert!((found - want).abs() <= 1e-9 * scale, "{found} instead of {want}");
        }
        assert_near(spread.sd.unwrap(), want.sd, 1e-9, "standard deviation");
        assert_near(found.p, want.p, 1e-8, "p");
    }
    assert_eq!(cases.holm.len(), answers.holm.len());
    for (p, want) in cases.holm.iter().zip(&answers.holm) {
        for (found, want) in holm(p).into_iter().zip(want) {
            assert_near(found, *want, 1e-14, "corrected p");
        }
    }
    assert_eq!(cases.calibration.len(), answers.calibration.len());
    for ((logits, labels), want) in cases.calibration.iter().zip(&answers.calibration) {
        let mut confidences = Confidences::default();
        confidences.add(&logits.concat(), labels);
        let found = confidences.calibration();
        let counts: Vec<usize> = found.bins.iter().map(|bin| bin.images).collect();
        assert_eq!(counts, want.counts);
        assert_near(found.expected_error, want.error, 1e-12, "calibration error");
    }
}

#[test]
fn golden_numbers_are_met() {
    let Golden { cases, answers } = golden();
    assert_eq!((cases.pairs.len(), cases.holm.len(), cases.calibration.len()), (8, 6, 3));
    compare(&cases, &answers);
}

/// Numbers in 0..1 that are new every day.
fn numbers() -> impl FnMut() -> f64 {
    let days = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs() / 86_400;
    println!("numbers of day {days}");
    let mut state = days;
    move || {
        // Knuth's linear congruential generator.
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[test]
fn scipy_agrees_on_other_numbers() {
    let mut next = numbers();
    let mut many = |n: usize| -> Vec<f64> { (0..n).map(|_| next()).collect() };
    let pairs = (2..40).map(|n| (many(n), many(n))).collect();
    let holm = (1..20).map(&mut many).collect();
    let images = |n: usize| {
        let logits = (0..n).map(|_| many(4).iter().map(|x| (8.0 * x) as f32).collect()).collect();
        (logits, many(n).iter().map(|x| (4.0 * x) as u32).collect())
    };
    let cases = Cases { pairs, holm, calibration: [50, 300].map(images).into() };
    let golden = golden();
    let input = serde_json::to_string(&cases).unwrap();
    let modules = ["numpy", "scipy.stats"];
    let Some(text) = python::run(SCRIPT, &modules, &[], &input) else { return };
    compare(&cases, &serde_json::from_str(&text).unwrap());
    // What is committed is what the script says.
    let text = python::run(SCRIPT, &modules, &["--golden"], "").unwrap();
    let again: Golden = serde_json::from_str(&text).unwrap();
    compare(&golden.cases, &again.answers);
}
