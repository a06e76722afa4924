//! The gates: what is compiled against what is launched, and against the figures.

use std::collections::BTreeMap;

use super::compile::{cubin, each};
use super::cubin::{Compiled, read};
use super::figures::{ARCHITECTURES, Figure, Figures};
use super::tools::Tools;
use super::units::Unit;

/// The kernels of one unit by name, compiled for each of [`ARCHITECTURES`].
pub type Kernels = BTreeMap<String, [Compiled; 2]>;

/// Compiles a unit for each architecture.
///
/// # Errors
/// What the compilers say, which includes each spilled register.
fn kernels(tools: &Tools, unit: &Unit) -> Result<Kernels, Vec<String>> {
    let compiled = ARCHITECTURES.map(|architecture| {
        let file = cubin(tools, unit, architecture)?;
        read(tools, &file).map_err(|error| format!("{} for {architecture}: {error}", unit.name))
    });
    match compiled {
        [Ok(a), Ok(mut b)] => Ok(a
            .into_iter()
            .filter_map(|(name, a)| Some((name.clone(), [a, b.remove(&name)?])))
            .collect()),
        [a, b] => Err([a.err(), b.err()].into_iter().flatten().collect()),
    }
}

/// What is wrong with a unit whatever its figures are: kernels that are launched and not there, or
/// there and never launched; arguments of another size in Rust; accesses to memory of no known kind.
fn problems(unit: &Unit, kernels: &Kernels) -> Vec<String> {
    let mut problems = Vec::new();
    for kernel in &unit.kernels {
        let Some(compiled) = kernels.get(&kernel.name) else {
            problems.push(format!("{}: it has no kernel `{}`", unit.name, kernel.name));
            continue;
        };
        for (compiled, architecture) in compiled.iter().zip(ARCHITECTURES) {
            let at = format!("{}: {} for {architecture}", unit.name, kernel.name);
            if compiled.args_bytes != kernel.args_bytes {
                let (here, there) = (kernel.args_bytes, compiled.args_bytes);
                problems.push(format!("{at}: its argument has {there} bytes, and {here} in Rust"));
            }
            if compiled.generic > 0 {
                let count = compiled.generic;
                problems.push(format!(
                    "{at}: {count} accesses to memory of no known kind; let a \
                     pointer be to global or to shared memory, not to either"
                ));
            }
        }
    }
    let launched = |name: &String| unit.kernels.iter().any(|kernel| kernel.name == *name);
    for name in kernels.keys().filter(|name| !launched(name)) {
        problems.push(format!("{}: no op that was run launches {name}", unit.name));
    }
    problems
}

/// The figures of all units, and what is wrong with them.
pub fn measure(tools: &Tools, units: &[Unit]) -> (Figures, Vec<String>) {
    let (mut figures, mut all) = (Figures::new(), Vec::new());
    for (unit, kernels) in units.iter().zip(each(units, |unit| kernels(tools, unit))) {
        match kernels {
            Ok(kernels) => {
                all.extend(problems(unit, &kernels));
                figures.extend(
                    kernels.iter().map(|(name, [a, b])| {
                        (format!("{} {name}", unit.name), Figure::of([a, b]))
                    }),
                );
            }
            Err(said) => all.extend(said),
        }
    }
    (figures, all)
}

/// Where figures are worse than the committed ones; units that did not compile are told of elsewhere.
pub fn compare(measured: &Figures, committed: &Figures) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, now) in measured {
        let Some(figure) = committed.get(name) else {
            problems.push(format!("{name}: it has no figure"));
            continue;
        };
        for (registers, architecture) in now.registers.iter().zip(ARCHITECTURES) {
            if *registers > figure.ceiling {
                let ceiling = figure.ceiling;
                problems.push(format!(
                    "{name} for {architecture}: {registers} registers, above its ceiling {ceiling}"
                ));
            }
        }
        for (now, least, what) in [
            (now.wide_loads, figure.wide_loads, "loads"),
            (now.wide_stores, figure.wide_stores, "stores"),
        ] {
            if now < least {
                problems.push(format!("{name}: {now} {what} of 16 bytes, and there were {least}"));
            }
        }
    }
    let gone = committed.keys().filter(|name| !measured.contains_key(*name));
    problems.extend(gone.map(|name| format!("{name}: it has a figure and is not there")));
    problems
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::tools;
    use super::super::units::Kernel;
    use super::*;

    fn figures(registers: [u32; 2], ceiling: u32, wide: u32) -> Figures {
        let figure = Figure { registers, ceiling, wide_loads: wide, wide_stores: wide };
        [("u k".to_string(), figure)].into()
    }

    #[test]
    fn worse_figures_are_named_and_better_ones_pass() {
        let committed = figures([30, 31], 32, 2);
        assert!(compare(&figures([32, 20], 32, 3), &committed).is_empty());
        assert_eq!(
            compare(&figures([31, 33], 40, 1), &committed),
            [
                "u k for sm_90: 33 registers, above its ceiling 32",
                "u k: 1 loads of 16 bytes, and there were 2",
                "u k: 1 stores of 16 bytes, and there were 2",
            ]
        );
        assert_eq!(compare(&committed, &Figures::new()), ["u k: it has no figure"]);
        assert_eq!(compare(&Figures::new(), &committed), ["u k: it has a figure and is not there"]);
    }

    /// A unit of that text in a folder of the temporary one.
    fn unit(name: &str, text: &str, kernels: &[(&str, usize)]) -> Unit {
        let folder = std::env::temp_dir().join(format!("lowland-gates-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join(format!("{name}.cu"));
        fs::write(&file, format!("#include \"lowland.cuh\"\n{text}")).unwrap();
        let kernel = |&(name, args_bytes): &(&str, usize)| Kernel { name: name.into(), args_bytes };
        Unit {
            name: name.into(),
            file,
            fingerprint: String::new(),
            kernels: kernels.iter().map(kernel).collect(),
        }
    }

    const ARGS: &str = "struct PlantedArgs { float* x; float4* wide; float** table; u64 len; };\n";

    #[test]
    fn planted_faults_are_refused() {
        let Some(tools) = tools::for_test("planted_faults_are_refused") else { return };
        let spills = unit(
            "spills",
            &format!(
                "{ARGS}KERNEL(spills, PlantedArgs) {{\n\
                 float held[300];\n\
                 _Pragma(\"unroll\") for (int i = 0; i < 300; ++i) held[i] = a.x[i * a.len];\n\
                 __syncthreads();\n\
                 float sum = 0.0f;\n\
                 _Pragma(\"unroll\") for (int i = 0; i < 300; ++i)\n\
                 sum = sum * held[i] + held[(i * 7) % 300];\n\
                 a.x[0] = sum;\n}}\n"
            ),
            &[("spills", 32)],
        );
        let indexes = unit(
            "indexes",
            &format!(
                "{ARGS}KERNEL(indexes, PlantedArgs) {{\n\
                 float held[30];\n\
                 for (int i = 0; i < 30; ++i) held[(i * a.len) % 30] = a.x[i];\n\
                 a.x[0] = held[threadIdx.x % 30];\n}}\n"
            ),
            &[("indexes", 32)],
        );
        let good = "KERNEL(good, PlantedArgs) { a.wide[a.len] = a.wide[0]; }\n";
        let other = "KERNEL(other, PlantedArgs) {\n\
            __shared__ float near[THREADS];\n\
            near[threadIdx.x] = a.x[threadIdx.x];\n\
            __syncthreads();\n\
            const float* from = a.len & 1 ? near : a.x;\n\
            a.wide[0].x = from[(threadIdx.x * 7) % THREADS];\n}\n";
        let smaller = unit("smaller", &format!("{ARGS}{good}"), &[("good", 40)]);
        let generic = unit("generic", &format!("{ARGS}{good}{other}"), &[("other", 32)]);
        let absent = unit("absent", ARGS, &[("good", 32)]);
        let broken = unit("broken", "KERNEL(broken, NoArgs) {}\n", &[("broken", 0)]);
        let units = [spills, indexes, smaller, generic, absent, broken];
        let (figures, problems) = measure(&tools, &units);
        fs::remove_dir_all(units[0].file.parent().unwrap()).unwrap();
        let all = problems.join("\n");
        for arch in ARCHITECTURES {
            for says in [
                &format!(
                    "spills for {arch}: ptxas error   : Local memory used for function 'spills'"
                ),
                "Registers are spilled to local memory in function 'spills'",
                &format!(
                    "indexes for {arch}: ptxas error   : Local memory used for function 'indexes'"
                ),
                &format!("smaller: good for {arch}: its argument has 32 bytes, and 40 in Rust"),
                &format!("generic: other for {arch}: 1 accesses to memory of no known kind"),
                "generic: no op that was run launches good",
                "absent: it has no kernel `good`",
                &format!("broken for {arch}: {}(2): error: ", units[5].file.display()),
            ] {
                assert!(all.contains(says), "{says}\nis not in\n{all}");
            }
        }
        let good = figures["smaller good"];
        assert_eq!((good.wide_loads, good.wide_stores), (1, 1), "{good:?}");
        assert!(good.registers[0] > 0 && good.ceiling == 32, "{good:?}");
    }
}
