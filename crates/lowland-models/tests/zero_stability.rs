//! Zero stability against stored roots: a table over c, and coefficients as people give them.

use lowland_conformance::golden::{FOLDER_VARIABLE, File, Folder};
use lowland_models::zero_stability::{Scheme, Stability};
use serde_json::Value;

/// Moduli that were divided free of the root 1.
const PARASITIC: f64 = 1e-7;
/// Moduli of all roots at once: a triple root is off by the cube root of rounding.
const ALL: f64 = 2e-5;

fn numbers(value: &Value) -> Vec<f64> {
    let items = value.as_array().expect("a list of numbers");
    items.iter().map(|item| item.as_f64().expect("a number")).collect()
}

/// The modulus of every root, as often as it occurs, the largest first.
fn moduli(stability: &Stability) -> Vec<f64> {
    let each = stability.roots.iter();
    each.flat_map(|root| std::iter::repeat_n(root.modulus(), root.multiplicity)).collect()
}

#[track_caller]
fn assert_near(what: &str, got: &[f64], want: &[f64], tolerance: f64) {
    assert_eq!(got.len(), want.len(), "{what}: {got:?} and {want:?}");
    let off = got.iter().zip(want).map(|(g, w)| (g - w).abs()).fold(0.0, f64::max);
    assert!(off <= tolerance, "{what}: {got:?} is not {want:?}");
}

fn check_table(file: &File) -> usize {
    let rows = file.json()["table"].as_array().expect("a table");
    for row in rows {
        let c = row["coe"].as_f64().expect("c");
        let what = format!("c = {c}");
        let scheme = Scheme::from_c(c).unwrap();
        let stored = ["a0", "a1", "a2"].map(|key| row[key].as_f64().expect("a coefficient"));
        assert_near(&what, scheme.a(), &stored, 1e-13 * (1.0 + 1.0 / c.abs()));
        let b0 = [scheme.b0().unwrap()];
        assert_near(&what, &b0, &[row["b0"].as_f64().expect("b0")], 1e-13 * (1.0 + 1.0 / c.abs()));

        let stability = scheme.analyse();
        assert!(stability.consistent, "{what}");
        assert_eq!(
            stability.zero_stable,
            row["zero_stable"].as_bool().expect("a boolean"),
            "{what}"
        );
        assert_near(&what, &moduli(&stability), &numbers(&row["root_moduli"]), ALL);
        let parasitic = numbers(&row["parasitic_root_moduli"]);
        let radius = parasitic.iter().copied().fold(0.0, f64::max);
        assert_near(&what, &[stability.parasitic_radius.unwrap()], &[radius], PARASITIC);
    }
    rows.len()
}

fn check_given(file: &File) -> usize {
    let sets = file.table("given_coefficient_sets").unwrap();
    for (key, set) in sets {
        let given: Vec<f64> = serde_json::from_str(key).expect("a0, a1, a2 and b0");
        let scheme = Scheme::new(&given[..3]).unwrap().with_b0(given[3]).unwrap();
        let stability = scheme.analyse();
        assert_near(key, &moduli(&stability), &numbers(&set["root_moduli"]), ALL);
        let sum = set["sum_a"].as_f64().expect("a sum");
        assert_eq!(stability.consistent, (sum - 1.0).abs() < 1e-12, "{key}: {stability}");
    }
    sets.len()
}

#[test]
fn golden_roots() {
    let folder = Folder::open_from_env().unwrap();
    let (mut rows, mut sets) = (0, 0);
    for file in folder.files_with("given_coefficient_sets").unwrap() {
        rows += check_table(&file);
        sets += check_given(&file);
    }
    println!("{rows} values of c and {sets} sets of coefficients checked");
    if std::env::var_os(FOLDER_VARIABLE).is_none() {
        assert_eq!((rows, sets), (133, 6));
    }
}

/// The smallest parasitic radius over c is 1/3, at c = -9/5.
#[test]
fn no_c_beats_that_of_opt() {
    let radius = |c: f64| Scheme::from_c(c).unwrap().analyse().parasitic_radius.unwrap();
    let best = radius(-1.8);
    assert!((best - 1.0 / 3.0).abs() < 1e-14);
    for i in 1..2000 {
        for c in [f64::from(i) * 0.01, f64::from(i) * -0.01] {
            assert!(radius(c) > best || (c + 1.8).abs() < 1e-9, "{c}");
        }
    }
}
