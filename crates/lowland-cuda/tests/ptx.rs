//! The PTX that machines without a compiler use: its kernels take the arguments that ops launch them
//! with, and a driver loads it.
//!
//! Without a GPU the second test prints SKIP with the reason, and passes. On a machine that should have
//! one, `LOWLAND_REQUIRE_CUDA=1` makes that a failure.

#[path = "../examples/units/ops.rs"]
mod ops;
#[path = "../examples/units/recipes.rs"]
mod recipes;
#[path = "../examples/units/recorder.rs"]
mod recorder;
#[path = "../examples/units/updates.rs"]
mod updates;

use std::collections::BTreeMap;
use std::sync::Arc;

use cudarc::driver::CudaContext;
use cudarc::nvrtc::Ptx;
use lowland_cuda::Cuda;

use recorder::Recorder;

/// The kernels that ops launch, with the bytes of their arguments, by unit.
fn launched() -> BTreeMap<String, BTreeMap<String, usize>> {
    let recorder = Arc::new(Recorder::default());
    let cuda = Arc::new(Cuda::on(Arc::<Recorder>::clone(&recorder)));
    ops::run_all(&*cuda).unwrap();
    updates::run_all(&cuda).unwrap();
    recorder.requests().into_iter().map(|(unit, kernels)| (unit.name, kernels)).collect()
}

/// The bytes of each argument of a kernel, as PTX declares them:
/// `.param .align 8 .b8 fill_param_0[24]`.
fn parameters(ptx: &str, kernel: &str) -> Vec<usize> {
    let (_, from) = ptx.split_once(&format!(".visible .entry {kernel}(")).expect(kernel);
    let (declared, _) = from.split_once(')').expect(kernel);
    let bytes = |line: &str| line.split_once('[')?.1.split_once(']')?.0.parse().ok();
    declared.lines().filter(|line| line.contains(".param ")).filter_map(bytes).collect()
}

#[test]
fn kernels_take_the_arguments_that_they_are_launched_with() {
    let launched = launched();
    for ptx in lowland_kernels::PTX {
        let kernels = launched.get(ptx.unit).unwrap_or_else(|| panic!("{} has no op", ptx.unit));
        assert!(!kernels.is_empty(), "{}", ptx.unit);
        for (kernel, &bytes) in kernels {
            assert_eq!(parameters(ptx.text, kernel), [bytes], "{kernel} of {}", ptx.unit);
        }
    }
}

#[test]
fn a_driver_loads_every_unit() {
    if let Err(reason) = Cuda::open(0) {
        let required = std::env::var("LOWLAND_REQUIRE_CUDA").is_ok_and(|value| value == "1");
        assert!(!required, "LOWLAND_REQUIRE_CUDA is set, and {reason}");
        println!("SKIP: {reason}");
        return;
    }
    let launched = launched();
    let context = CudaContext::new(0).unwrap();
    for ptx in lowland_kernels::PTX {
        let module = context.load_module(Ptx::from_src(ptx.text));
        let module = module.unwrap_or_else(|error| panic!("{}: {error}", ptx.unit));
        for kernel in launched[ptx.unit].keys() {
            let found = module.load_function(kernel);
            assert!(found.is_ok(), "{kernel} of {}: {found:?}", ptx.unit);
        }
    }
}
