//! Everything that ops are compiled from: through the compiler that devices use, and as it is kept for
//! machines without one.

#[path = "../examples/units/ops.rs"]
mod ops;
#[path = "../examples/units/recipes.rs"]
mod recipes;
#[path = "../examples/units/recorder.rs"]
mod recorder;
#[path = "../examples/units/updates.rs"]
mod updates;

use std::sync::Arc;

use lowland_cuda::Cuda;
use lowland_cuda::driver::Unit;
use lowland_cuda::nvrtc::{self, Target};

use recorder::Recorder;

/// The units of all ops, optimizers and transforms.
fn units() -> Vec<Unit> {
    let recorder = Arc::new(Recorder::default());
    let cuda = Arc::new(Cuda::on(Arc::<Recorder>::clone(&recorder)));
    ops::run_all(&*cuda).unwrap();
    updates::run_all(&cuda).unwrap();
    recorder.requests().into_iter().map(|(unit, _)| unit).collect()
}

#[test]
fn every_unit_compiles_for_ampere_and_hopper() {
    if nvrtc::version().is_none() {
        println!("SKIP: NVRTC is not on this machine");
        let required = std::env::var("LOWLAND_REQUIRE_NVRTC").is_ok_and(|value| value == "1");
        assert!(!required, "LOWLAND_REQUIRE_NVRTC is set");
        return;
    }
    let units = units();
    assert!(units.len() > 30, "only {} units", units.len());
    for unit in &units {
        for architecture in [80, 90] {
            let cubin = nvrtc::compile(unit, &Target::Cubin(architecture));
            let cubin = cubin.unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(cubin[..4], *b"\x7fELF", "{}", unit.name);
        }
    }
}

#[test]
fn what_is_kept_compiled_is_of_the_sources_as_they_are() {
    let units = units();
    for ptx in lowland_kernels::PTX {
        let unit = units.iter().find(|unit| unit.name == ptx.unit);
        let current = unit.map(|unit| lowland_kernels::fingerprint(&unit.text));
        let advice = "write the PTX anew: `cargo xtask kernels ptx`";
        assert_eq!(current.as_deref(), Some(ptx.fingerprint), "{} changed; {advice}", ptx.unit);
    }
}

#[test]
fn every_step_is_kept_compiled() {
    for unit in units().iter().filter(|unit| unit.name.starts_with("step of ")) {
        let kept = lowland_kernels::PTX.iter().any(|ptx| ptx.unit == unit.name);
        assert!(kept, "{} is not: write the PTX anew: `cargo xtask kernels ptx`", unit.name);
    }
}
