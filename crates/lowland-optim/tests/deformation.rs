//! Deformations of the loss: the stored values, the two toy surfaces, the edges, the options.

use std::collections::BTreeMap;

use lowland_conformance::golden::{Error, FOLDER_VARIABLE, File, Folder, Report, compare, damage};
use lowland_optim::deformation::toy::{BOWLS, Surface, Toy, WELLS};
use lowland_optim::deformation::{
    AtanPower, CyclicSech, Deformation, DeformationConfig, Deformed, DeformedLoss, LinearQuadratic,
    LogExp, Sech, WindowedLinear,
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn check(folder: &Folder) -> Result<Report, Error> {
    let mut report = Report::default();
    for file in folder.files_with("functions")? {
        check_functions(&file, &mut report)?;
    }
    for file in folder.files_with("toys")? {
        check_toys(&file, &mut report)?;
    }
    Ok(report)
}

fn check_functions(file: &File, report: &mut Report) -> Result<(), Error> {
    let tensors = file.tensors()?;
    let (_, losses) = tensors.f64("l")?;
    let tolerance = file.tolerance("/tolerance", "f64_rel")?;
    for (name, function) in file.table("functions")? {
        let family = function["family"].as_str().unwrap_or_default();
        let config = json!({ family: function["params"] });
        let config: DeformationConfig =
            serde_json::from_value(config).map_err(|e| file.entry(name, e.to_string()))?;
        let deformed = config.build(1.0, None).map_err(|e| file.entry(name, e.to_string()))?;
        for (tensor, of) in [("f", 0), ("df", 1)] {
            let tensor = format!("{name}.{tensor}");
            let (_, want) = tensors.f64(&tensor)?;
            let got = losses.iter().map(|&loss| deformed.at(loss, 0.0));
            let got: Vec<f64> = got.map(|d| if of == 0 { d.value } else { d.slope }).collect();
            // Relative to each stored value; a stored 0 must be 0.
            let ratio = |(&got, &want): (&f64, &f64)| match want == 0.0 {
                true => 1.0 + got.abs(),
                false => got / want,
            };
            let ratios: Vec<f64> = got.iter().zip(&want).map(ratio).collect();
            compare(&tensor, &ratios, &vec![1.0; want.len()], tolerance)?;
        }
        report.check(family);
    }
    Ok(())
}

/// The toy that a file describes by an entry of that name.
fn toy(file: &File, name: &str, entry: &Value) -> Result<Toy, Error> {
    let wrong = |key: &str| file.entry(name, format!("`{key}` cannot be read"));
    let constants = &entry["constants"];
    let number = |of: &Value, key: &str| of[key].as_f64().ok_or_else(|| wrong(key));
    let point = |of: &Value, key: &str| -> Result<[f64; 2], Error> {
        serde_json::from_value(of[key].clone()).map_err(|_| wrong(key))
    };
    let two = |key: &str| {
        Ok([
            number(constants, &(key.to_owned() + "1"))?,
            number(constants, &(key.to_owned() + "2"))?,
        ])
    };
    let centres = [point(constants, "r1")?, point(constants, "r2")?];
    let (known, surface) = match name {
        "softmin" if number(constants, "e")? == 1.0 => {
            (BOWLS, Surface::Bowls { k: two("k")?, centres })
        }
        "wells" => {
            let (depths, widths) = (two("A")?, two("s")?);
            (WELLS, Surface::Wells { depths, widths, centres, floor: number(constants, "c")? })
        }
        _ => return Err(wrong("constants")),
    };
    let abgz = serde_json::from_value(entry["vdm_atan_power_abgz"].clone());
    let [a, b, g, z] = abgz.map_err(|_| wrong("vdm_atan_power_abgz"))?;
    Ok(Toy {
        name: known.name,
        surface,
        start: point(entry, "start")?,
        lr: number(entry, "lr")?,
        steps: number(entry, "steps")? as usize,
        deformation: AtanPower { a, b, g, z },
        ..known
    })
}

fn check_toys(file: &File, report: &mut Report) -> Result<(), Error> {
    let tensors = file.tensors()?;
    for (name, entry) in file.table("toys")? {
        let toy = toy(file, name, entry)?;
        if toy != BOWLS && toy != WELLS {
            return Err(file.entry(name, format!("{toy:?} is none of the library's")));
        }
        let tolerance = file.tolerance(&format!("/toys/{name}/tolerance"), "f64_abs")?;
        for (minimum, at) in [("sharp", toy.sharp), ("flat", toy.flat)] {
            let want: [f64; 2] = serde_json::from_value(entry["minima"][minimum]["at"].clone())
                .map_err(|e| file.entry(name, e.to_string()))?;
            compare(&format!("{name}: {minimum}"), &at, &want, 1e-12)?;
        }
        let plain = toy.descend(&LinearQuadratic { a: 0.0 });
        let deformed = toy.descend(&toy.deformation);
        // Plain descent ends in the sharp minimum, deformed descent in the flat one.
        for (kind, path, minimum) in [("plain", plain, toy.sharp), ("deformed", deformed, toy.flat)]
        {
            let trajectory: Vec<f64> = path.iter().flat_map(|point| point.at).collect();
            let losses: Vec<f64> = path.iter().map(|point| point.loss).collect();
            let prefix = format!("toy_{name}.{kind}");
            for (tensor, got) in [("traj", &trajectory), ("loss", &losses)] {
                let tensor = format!("{prefix}.{tensor}");
                compare(&tensor, got, &tensors.f64(&tensor)?.1, tolerance)?;
            }
            let end = &trajectory[2 * toy.steps..];
            compare(&format!("{prefix}: the end"), end, &minimum, 1e-6)?;
        }
        report.check("toy");
    }
    Ok(())
}

#[test]
fn golden_deformations_and_toy_surfaces() {
    let folder = Folder::open_from_env().unwrap();
    let report = check(&folder).unwrap();
    println!("{}\n{report}", folder.path().display());
    if std::env::var_os(FOLDER_VARIABLE).is_none() {
        let want = [
            ("atan_power", 4),
            ("linear_quadratic", 2),
            ("log_exp", 16),
            ("sech", 4),
            ("toy", 2),
            ("windowed_linear", 2),
        ];
        let want = want.map(|(kind, count)| (kind.to_owned(), count));
        assert_eq!(*report.checked_by_kind(), BTreeMap::from(want));
    }
}

#[test]
fn golden_deformation_damage_is_found() {
    let folder = Folder::own().unwrap();
    for file in folder.files_with("toys").unwrap() {
        let name = file.path().file_name().unwrap();
        for tensor in ["log_exp_1_0.99_1.df", "sech_2.5_0.2_1.f", "toy_wells.deformed.traj"] {
            let place = tempfile::tempdir().unwrap();
            let copy = damage::copy(&folder, place.path()).unwrap();
            let path = damage::tensors_beside(&copy.path().join(name));
            damage::change_element(&path, tensor, 5).unwrap();
            assert!(check(&copy).is_err(), "passes although {tensor} has changed");
        }
        for (pointer, value) in [
            ("/functions/log_exp_1_0.99_1/params/b", json!(0.98)),
            ("/toys/softmin/lr", json!(0.0401)),
            ("/toys/wells/vdm_atan_power_abgz", json!([10, 1, 1, 1.01])),
            ("/tolerance/f64_rel", json!(0)),
        ] {
            let place = tempfile::tempdir().unwrap();
            let copy = damage::copy(&folder, place.path()).unwrap();
            damage::change_json(&copy.path().join(name), pointer, value).unwrap();
            assert!(check(&copy).is_err(), "passes although {pointer} has changed");
        }
    }
}

fn close(got: f64, want: f64, tolerance: f64) {
    assert!((got - want).abs() <= tolerance * want.abs(), "{got:e} and {want:e}");
}

#[test]
fn edges_of_the_families() {
    // Losses of 0, tiny and huge ones, and the ends of hyper-parameters.
    let atan = AtanPower { a: 10.0, b: 2.0, g: 1.0, z: 1.0 };
    assert_eq!((atan.value(0.0), atan.slope(0.0)), (0.0, 21.0));
    assert_eq!((atan.slope(1e200), AtanPower { g: 2.0, ..atan }.slope(0.0)), (1.0, 1.0));
    close(atan.value(1e200), 1e200, 1e-15);

    // ln(e^x - b) for b within 1e-12 of 1 near a loss of 0: x - b + 1, to the last digits.
    let steep = LogExp { a: 1.0, b: 1.0 - 1e-12, c: 1.0 };
    let gap = 1.0 - steep.b;
    for loss in [0.0, 1e-14, 1e-12, 1e-9] {
        close(steep.value(loss), (gap + loss + 0.5 * loss * loss).ln(), 1e-14);
        close(steep.slope(loss), (1.0 + loss) / (gap + loss), 1e-8);
    }
    let mild = LogExp { a: 2.0, b: 0.5, c: 4.0 };
    close(mild.value(1e-9), 0.5 * (4e-9f64 + 0.5).ln(), 1e-15);
    // It is 0 where e^x - b is 1, and has all its digits beside it.
    let root = 1.5f64.ln() / 4.0;
    close(mild.value(root + 1e-9), 2.0 * 1.5 * 1e-9, 1e-6);
    assert_eq!((mild.value(1e6), mild.slope(1e6)), (2e6, 2.0));
    assert_eq!(LogExp { b: 0.0, ..mild }.value(3.0), 6.0);
    assert_eq!(LogExp { b: 0.0, ..mild }.slope(0.0), 2.0);

    let sech = Sech { a: 2.5, b: 1e-3, z: 1.0 };
    assert_eq!((sech.slope(0.0), sech.slope(1e3), sech.value(1e3)), (1.0, 1.0, 1e3));
    close(sech.slope(1e-3), 2.25, 1e-14);
    let window = WindowedLinear { a: 10.0, lo: 0.0, hi: 0.0 };
    assert_eq!([window.slope(0.0), window.slope(1e-300)], [10.0, 1.0]);
    assert_eq!(LinearQuadratic { a: 0.0 }.slope(7.0), 1.0);
    // What is no number stays none.
    let all: [&dyn Deformation; 4] = [&atan, &steep, &sech, &LinearQuadratic { a: 1.0 }];
    assert!(all.iter().all(|f| f.value(f64::NAN).is_nan() && f.slope(f64::NAN).is_nan()));
}

#[test]
fn options_by_hand() {
    let f = LogExp { a: 2.0, b: 0.5, c: 1.0 };
    let plain = Deformed { value: 3.0, slope: 1.0 };
    let normalised = DeformedLoss::new(f).normalised_by(2.0).unwrap();
    let want = Deformed { value: 2.0 * f.value(1.5), slope: f.slope(1.5) };
    assert_eq!(normalised.at(3.0, 0.0), want);
    let shifted = normalised.clone().through_origin();
    assert_eq!(shifted.at(0.0, 0.0).value, 0.0);
    assert_eq!(shifted.at(3.0, 0.0).value, 2.0 * (f.value(1.5) - f.value(0.0)));
    assert_eq!(shifted.at(3.0, 0.0).slope, f.slope(1.5));
    let timed = DeformedLoss::new(f).starting_at(1.0).calming_down_at(3.0);
    let active = [0.0, 0.99, 1.0, 2.99, 3.0, 10.0].map(|at| timed.is_active(at));
    assert_eq!(active, [false, false, true, true, false, false]);
    assert_eq!((timed.at(3.0, 0.5), timed.at(3.0, 3.5)), (plain, plain));
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(DeformedLoss::new(f).normalised_by(bad).is_err());
    }
    // The first point of time of a fraction that is not exact: 0.07 * 100 is a little above 7.
    let text =
        "start = { fraction = 0.07 }\ncalm_down = { epochs = 50 }\n[linear_quadratic]\na = 1.0";
    let config: DeformationConfig = toml::from_str(text).unwrap();
    let deformed = config.build(100.0, None).unwrap();
    let slopes = [6.9, 7.0, 49.9, 50.0].map(|at| deformed.at(3.0, at).slope);
    assert_eq!(slopes, [1.0, 7.0, 7.0, 1.0]);
    assert_eq!(config.name().unwrap(), "linear_quadratic");
    let text =
        "normalise = true\n[cyclic_sech]\na = 1.0\nb = [0.5, 0.1]\nz = 0.0\nperiod_epochs = 4.0";
    let config: DeformationConfig = toml::from_str(text).unwrap();
    let cyclic = config.cyclic_sech.unwrap();
    assert_eq!(config.build(9.0, Some(2.0)).unwrap().at(1.0, 3.0).slope, cyclic.at(0.5, 3.0).slope);
    close(cyclic.at(0.5, 3.0).slope, cyclic.sech(1.0).slope(0.5), 1e-14); // There and back.
    assert!((CyclicSech { ..cyclic }.sech(1.0).b - 0.3).abs() < 1e-15);
}

#[test]
fn what_cannot_be_is_refused_by_name() {
    let refused = |text: &str| {
        let config: DeformationConfig = toml::from_str(text).unwrap();
        let message = config.validate(10.0).unwrap_err().to_string();
        assert_eq!(config.build(10.0, Some(1.0)).unwrap_err().to_string(), message);
        message
    };
    for (text, says) in [
        (
            "",
            "deformation: exactly one deformation must be given, as a table named after it; got none",
        ),
        (
            "[sech]\na = 1.0\nb = 1.0\nz = 1.0\n[linear_quadratic]\na = 1.0",
            "deformation: exactly one deformation must be given, as a table named after it; got sech and \
             linear_quadratic",
        ),
        (
            "[atan_power]\na = 1.0\nb = 1.0\ng = 0.5\nz = 1.0",
            "deformation.atan_power.g must be 1.0 or more, and finite; got 0.5",
        ),
        (
            "[log_exp]\na = 1.0\nb = 1.0\nc = 1.0",
            "deformation.log_exp.b must be in [0, 1); got 1.0",
        ),
        (
            "[cyclic_sech]\na = 1.0\nb = [0.5, 0.0]\nz = 0.0\nperiod_epochs = 4.0",
            "deformation.cyclic_sech.b[1] must be above 0 and finite; got 0.0",
        ),
        (
            "[windowed_linear]\na = 10.0\nlo = 0.5\nhi = 0.4",
            "deformation.windowed_linear.hi must be 0.5 or more, and finite; got 0.4",
        ),
        (
            "[linear_quadratic]\na = inf",
            "deformation.linear_quadratic.a must be 0.0 or more, and finite; got inf",
        ),
        (
            "calm_down = { epochs = 11 }\n[linear_quadratic]\na = 1.0",
            "deformation.calm_down must be no more than the 10.0 epochs of the run; got { epochs = 11.0 }",
        ),
        (
            "start = { fraction = 0.8 }\ncalm_down = { fraction = 0.5 }\n[linear_quadratic]\na = 1.0",
            "deformation.start must be before calm_down begins, 5.0 epochs into the run; got 8.0 epochs",
        ),
        (
            "calm_down = { epochs = 10 }\n[linear_quadratic]\na = 1.0",
            "deformation.start must be before calm_down begins, 0.0 epochs into the run; got 0.0 epochs",
        ),
        (
            "[atan_power]\na = 0.0\nb = 1.0\ng = 1.0\nz = 0.0",
            "deformation.atan_power must be a function whose slope is above 0 at some loss, and at none \
             beyond 3.4e38; got slopes up to 0.0",
        ),
        (
            "[linear_quadratic]\na = 1e60",
            "deformation.linear_quadratic must be a function whose slope is above 0 at some loss, and at \
             none beyond 3.4e38; got slopes up to 2e61",
        ),
        (
            "start = { fraction = 1.5 }\n[linear_quadratic]\na = 1.0",
            "deformation.start.fraction must be in [0, 1]; got 1.5",
        ),
    ] {
        assert_eq!(refused(text), says);
    }
    let config: DeformationConfig =
        toml::from_str("normalise = true\n[linear_quadratic]\na = 1.0").unwrap();
    config.validate(10.0).unwrap();
    assert_eq!(
        config.build(10.0, None).unwrap_err().to_string(),
        "deformation.normalise: the loss of the untrained network must be above 0 and finite; got NaN"
    );
    for text in [
        "[linear_quadratic]\nb = 1.0",
        "[cubic]\na = 1.0",
        "calm = { epochs = 1 }",
        "[sech]\na = 1.0",
    ] {
        assert!(toml::from_str::<DeformationConfig>(text).is_err(), "{text}");
    }
    let written = toml::to_string(&config).unwrap();
    assert_eq!(toml::from_str::<DeformationConfig>(&written).unwrap(), config);
}

proptest! {
    /// The slope is the derivative of the value, for every family and option.
    #[test]
    fn the_slope_is_the_derivative(
        loss in 0.01f64..8.0,
        initial_loss in 0.5f64..4.0,
        shift in any::<bool>(),
        (a, b, z) in (0.1f64..10.0, 0.1f64..0.95, 0.0f64..2.0),
        g in 1.0f64..3.0,
    ) {
        let families = [
            DeformedLoss::new(AtanPower { a, b: 5.0 * b, g, z }),
            DeformedLoss::new(LogExp { a, b, c: g }),
            DeformedLoss::new(Sech { a, b, z }),
            DeformedLoss::new(CyclicSech { a, b: [b, 2.0 * b], z, period_epochs: 3.0 }),
            DeformedLoss::new(LinearQuadratic { a }),
        ];
        for family in families {
            let family = family.normalised_by(initial_loss).unwrap();
            let family = if shift { family.through_origin() } else { family };
            let value = |loss: f64| family.at(loss, 0.7).value;
            let slope = family.at(loss, 0.7).slope;
            let step = 1e-5;
            let numeric = (value(loss + step) - value(loss - step)) / (2.0 * step);
            let scale = slope.abs() + value(loss).abs() / loss + a;
            prop_assert!((slope - numeric).abs() < 1e-5 * scale, "{family:?}: {slope} and {numeric}");
        }
    }
}
