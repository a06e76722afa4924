//! Units compiled beforehand, in `kernels/ptx`, for machines that have a driver and no compiler: all
//! that an optimizer is made of. Networks need libraries besides, with which the compiler comes.

use std::fs;

use super::units::Unit;
use crate::spawn::root;

/// Ops that an optimizer runs besides its steps, measures and transforms.
const OPS: [&str; 2] = ["ops/clip_norm.cu", "ops/fill.cu"];

/// What the conformance suite alone runs: it leaves gradients as they are, so an optimizer skips it.
const IDLE: &str = "directions of []";

/// The files of `kernels/ptx` by name: the PTX that NVRTC made of the units, and `list.rs`, which
/// names them.
pub fn files(units: &[Unit]) -> Result<Vec<(String, String)>, String> {
    let mut list = String::from(
        "// Written by `cargo xtask kernels ptx`: each unit, the fingerprint of its text, its PTX.\n&[\n",
    );
    let mut files = Vec::new();
    for unit in units.iter().filter(|unit| is_listed(&unit.name)) {
        let name = unit.file.with_extension("ptx");
        let name = name.file_name().unwrap_or_default().to_string_lossy().into_owned();
        list += &format!(
            "    Ptx {{\n        unit: \"{}\",\n        fingerprint: \"{}\",\n        text: \
             include_str!(\"{name}\"),\n    }},\n",
            unit.name, unit.fingerprint
        );
        files.push((name, text(unit)?));
    }
    files.push(("list.rs".into(), list + "]\n"));
    Ok(files)
}

/// Whether an optimizer runs the unit of that name.
fn is_listed(unit: &str) -> bool {
    OPS.contains(&unit) || !(unit.starts_with("ops/") || unit == IDLE)
}

/// The PTX of a unit without the comments of its head, which name the compiler's build.
fn text(unit: &Unit) -> Result<String, String> {
    let file = unit.file.with_extension("ptx");
    let text = fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
    let from = text.find(".version").ok_or_else(|| format!("{}: no PTX came of it", unit.name))?;
    Ok(text[from..].trim_end().to_string() + "\n")
}

/// Writes them, and removes those of units that are no more.
pub fn write(files: &[(String, String)]) -> Result<(), String> {
    let folder = root().join("kernels/ptx");
    let cannot = |error: std::io::Error| format!("kernels/ptx: {error}");
    fs::create_dir_all(&folder).map_err(cannot)?;
    for name in written()?.iter().filter(|name| files.iter().all(|(file, _)| file != *name)) {
        fs::remove_file(folder.join(name)).map_err(cannot)?;
    }
    for (name, text) in files {
        fs::write(folder.join(name), text).map_err(cannot)?;
    }
    Ok(())
}

/// The names of the files of `kernels/ptx`.
fn written() -> Result<Vec<String>, String> {
    let entries = fs::read_dir(root().join("kernels/ptx"));
    let entries = entries.map_err(|error| format!("kernels/ptx: {error}"))?;
    let mut names: Vec<String> =
        entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    Ok(names)
}

/// Those that are missing, not of the sources as they are, or of no unit.
pub fn stale(files: &[(String, String)]) -> Result<Vec<String>, String> {
    let written = written()?;
    let mut problems = Vec::new();
    for (name, text) in files {
        let path = root().join("kernels/ptx").join(name);
        if fs::read_to_string(path).ok().as_ref() != Some(text) {
            problems.push(format!("kernels/ptx/{name}: it is not what its unit compiles to"));
        }
    }
    let extra = written.iter().filter(|name| files.iter().all(|(file, _)| file != *name));
    problems.extend(extra.map(|name| format!("kernels/ptx/{name}: there is no unit of it")));
    Ok(problems)
}

#[cfg(test)]
mod tests {
    use super::is_listed;

    #[test]
    fn what_an_optimizer_runs_is_listed() {
        for unit in ["step of []", "directions of [weight_decay]", "measure adai", "ops/fill.cu"] {
            assert!(is_listed(unit), "{unit}");
        }
        assert!(!is_listed("directions of []") && !is_listed("ops/softmax.cu"));
    }
}
