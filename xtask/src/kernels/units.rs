//! What is compiled: the units that ops are made of, written as files by an example of `lowland-cuda`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::tools::Tools;
use crate::built;
use crate::spawn::{cargo, root};

/// A piece of text that is compiled as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Its name, such as `ops/fill.cu`.
    pub name: String,
    /// Its file.
    pub file: PathBuf,
    /// The hash of its text and of what that includes.
    pub fingerprint: String,
    /// Its kernels, as they are launched.
    pub kernels: Vec<Kernel>,
}

/// A kernel as it is launched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// Its name.
    pub name: String,
    /// The bytes of its argument in Rust.
    pub args_bytes: usize,
}

/// Builds the example `units`, which writes every unit into a folder, and reads its table. With tools,
/// there is a file beside each that NVRTC compiled it to, which ends in `.ptx`.
pub fn write(folder: &Path, tools: Option<&Tools>) -> Result<Vec<Unit>, String> {
    // The features of a build of the whole workspace are those of its tests, so that CI builds once.
    let mut build = cargo(&["build", "--release", "--workspace", "--example", "units"]);
    let programs = built::programs(&mut build)?;
    let program = programs.into_iter().find(|program| program.name == "units");
    let program = program.ok_or("cargo built no example `units`")?.path;
    let mut command = Command::new(&program);
    command.arg(folder).stdin(Stdio::null());
    if let Some(tools) = tools {
        command.arg("--ptx").env("LD_LIBRARY_PATH", tools.libraries());
    }
    match command.status() {
        Ok(status) if status.success() => {}
        Ok(_) => return Err("there are units that cannot be written, as said above".into()),
        Err(error) => return Err(format!("cannot start {}: {error}", program.display())),
    }
    let table = folder.join("units.tsv");
    let text = fs::read_to_string(&table).map_err(|e| format!("{}: {e}", table.display()))?;
    parse(&text, folder)
}

/// A line is a kernel: the name of its unit, the file of that, its fingerprint, the name of the kernel,
/// the bytes of its argument. The kernels of a unit follow one another.
fn parse(table: &str, folder: &Path) -> Result<Vec<Unit>, String> {
    let mut units: Vec<Unit> = Vec::new();
    for line in table.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let [unit, file, fingerprint, kernel, bytes] = fields[..] else {
            return Err(format!("units.tsv: `{line}` is no kernel"));
        };
        let args_bytes = bytes.parse().map_err(|_| format!("units.tsv: `{line}`: bytes"))?;
        let kernel = Kernel { name: kernel.into(), args_bytes };
        match units.last_mut() {
            Some(last) if last.name == unit => last.kernels.push(kernel),
            _ => units.push(Unit {
                name: unit.into(),
                file: folder.join(file),
                fingerprint: fingerprint.into(),
                kernels: vec![kernel],
            }),
        }
    }
    Ok(units)
}

/// The files of `kernels` that no unit includes, be it through others: nothing that ran is made of them.
/// A file of `kernels/ops` is a unit.
pub fn unused_files(units: &[Unit]) -> Result<Vec<String>, String> {
    let folder = root().join("kernels");
    let mut unused = Vec::new();
    for part in ["", "ops/", "stages/", "transforms/", "measures/"] {
        let entries =
            fs::read_dir(folder.join(part)).map_err(|e| format!("kernels/{part}: {e}"))?;
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let kernels = names.filter(|name| name.ends_with(".cu") || name.ends_with(".cuh"));
        unused.extend(kernels.map(|name| format!("{part}{name}")));
    }
    unused.retain(|name| units.iter().all(|unit| unit.name != *name));
    let mut files: Vec<PathBuf> = units.iter().map(|unit| unit.file.clone()).collect();
    while let Some(file) = files.pop() {
        let text = fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
        for name in text.lines().filter_map(included) {
            if let Some(index) = unused.iter().position(|unused| unused == name) {
                files.push(folder.join(unused.swap_remove(index)));
            }
        }
    }
    unused.sort();
    Ok(unused)
}

/// The file that a line includes.
fn included(line: &str) -> Option<&str> {
    line.strip_prefix("#include \"")?.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_no_unit_includes_is_found() {
        let unit = |name: &str, file: &str| Unit {
            name: name.into(),
            file: root().join("kernels").join(file),
            fingerprint: String::new(),
            kernels: Vec::new(),
        };
        // As the file of a chain, which includes adam.cuh, which includes moments.cuh.
        let units = [unit("step of [adam]", "stages/adam.cuh"), unit("ops/fill.cu", "ops/fill.cu")];
        let unused = unused_files(&units).unwrap();
        let has = |name: &str| unused.iter().any(|unused| unused == name);
        assert!(has("ops/unary.cu") && has("stages/momentum.cuh") && has("columns.cuh"));
        assert!(has("transforms/reduced.cuh") && has("measures/adai.cuh"));
        assert!(!has("ops/fill.cu") && !has("stages/moments.cuh") && !has("lowland.cuh"));
    }

    #[test]
    fn the_table_is_read() {
        let text = "ops/a.cu\tops-a.cu\tff\ta\t24\nops/a.cu\tops-a.cu\tff\ta_grad\t32\nb\tb.cu\t00\tb\t8\n";
        let units = parse(text, Path::new("/x")).unwrap();
        assert_eq!(units.len(), 2);
        assert_eq!(units[0].file, Path::new("/x/ops-a.cu"));
        assert_eq!(units[0].kernels[1], Kernel { name: "a_grad".into(), args_bytes: 32 });
        assert_eq!((units[1].name.as_str(), units[1].fingerprint.as_str()), ("b", "00"));
        assert!(parse("a\tb\n", Path::new("/x")).is_err());
        assert!(parse("a\tb\tc\td\te\n", Path::new("/x")).is_err());
    }
}
