//! Units to shared libraries, by a C++ compiler, kept in a cache below the target folder.
//!
//! What a library is made of (the unit, the files it includes, the shim, the flags, the compiler) is
//! hashed to the name of its folder; so is the shim's own part, which all are linked with. A folder is
//! made beside its place and renamed, so that programs that need the same one at the same time do not
//! meet.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{fs, io};

use lowland_core::{Error, Result};
use lowland_cuda::driver::Unit;

use crate::Sanitizer;
use crate::shim::NAME;

/// What kernels see of the shim, and what every library is linked with.
const HEADER: (&str, &str) = ("shim.h", include_str!("../cpp/shim.h"));
const RUNTIME: (&str, &str) = ("shim.cpp", include_str!("../cpp/shim.cpp"));
/// Flags of all that is compiled: no contraction, so that arithmetic is that of the source.
const FLAGS: &[&str] = &[
    "-std=c++17",
    "-O1",
    "-g1",
    "-fPIC",
    "-fvisibility=hidden",
    "-fno-gnu-unique",
    "-ffp-contract=off",
    "-fno-strict-aliasing",
    "-DLOWLAND_SHIM",
    "-I.",
];

/// The C++ compiler that there is.
#[derive(Debug)]
struct Compiler {
    command: String,
    /// What it says of itself.
    version: String,
}

/// The compiler that `CXX` names, or `g++`.
///
/// # Errors
/// What was tried, in words.
fn compiler() -> Result<&'static Compiler, String> {
    static FOUND: OnceLock<Result<Compiler, String>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        let command = std::env::var("CXX").unwrap_or_else(|_| "g++".into());
        match clean(&command).arg("--version").output() {
            Ok(output) if output.status.success() => {
                let version = String::from_utf8_lossy(&output.stdout).into_owned();
                Ok(Compiler { command, version })
            }
            Ok(output) => Err(format!("`{command} --version` fails: {}", output.status)),
            Err(error) => Err(format!(
                "there is no C++ compiler `{command}` ({error}): install g++, or name one in CXX"
            )),
        }
    });
    found.as_ref().map_err(Clone::clone)
}

/// Whether there is a C++ compiler; otherwise why not, in words.
///
/// # Errors
/// What was tried.
pub(crate) fn find_compiler() -> Result<(), String> {
    compiler().map(|_| ())
}

/// A command that runs without the sanitizer that this process may run under.
fn clean(command: &str) -> Command {
    let mut clean = Command::new(command);
    clean.env_remove("LD_PRELOAD").env("LC_ALL", "C");
    clean
}

/// The path that the compiler has for one of its own files.
///
/// # Errors
/// What it says.
pub(crate) fn compilers_file(name: &str) -> Result<PathBuf> {
    let compiler = compiler().map_err(|what| Error::device(NAME, what))?;
    let output = clean(&compiler.command).arg(format!("-print-file-name={name}")).output();
    let output = output.map_err(|e| Error::device(NAME, format!("{}: {e}", compiler.command)))?;
    let path = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    if path.is_absolute() {
        return Ok(path);
    }
    Err(Error::device(NAME, format!("{} has no {name}: install it", compiler.command)))
}

/// All that a library is made of, but for the shim's own part.
#[derive(Debug)]
pub(crate) struct Program {
    /// The unit's name, for messages.
    unit: String,
    /// The file of the unit.
    main: String,
    /// Every file, by its path.
    files: BTreeMap<String, String>,
    sanitizer: Option<Sanitizer>,
}

impl Program {
    /// A unit with what it includes, where `source` knows the texts of files.
    pub(crate) fn new(
        unit: &Unit,
        source: impl Fn(&str) -> Option<String>,
        sanitizer: Option<Sanitizer>,
    ) -> Self {
        let main = file_name(&unit.name);
        let text = source(&unit.name).unwrap_or_else(|| unit.text.clone());
        let mut wanted = includes(&text);
        let mut files = BTreeMap::from([(HEADER.0.into(), HEADER.1.into()), (main.clone(), text)]);
        while let Some(name) = wanted.pop() {
            if files.contains_key(&name) {
                continue;
            }
            // What is not known is missed by the compiler, which says by whom.
            if let Some(text) = source(&name) {
                wanted.extend(includes(&text));
                files.insert(name, text);
            }
        }
        Program { unit: unit.name.clone(), main, files, sanitizer }
    }

    /// The library: compiled now, or before.
    ///
    /// # Errors
    /// What the compiler says, or the file system.
    pub(crate) fn library(&self) -> Result<PathBuf> {
        let compiler = compiler().map_err(|what| Error::device(NAME, what))?;
        let flags = self.sanitizer.map_or(&[][..], Sanitizer::flags);
        let unit = [flags, &["-shared", "-x", "c++", &self.main]].concat();
        let runtime = runtime(compiler)?;
        let linked = runtime.to_string_lossy();
        let folder = Folder { files: &self.files, args: &unit, linked: Some(&linked) };
        folder.make(compiler, &self.unit, "unit.so")
    }
}

/// The shim's own part. It is never instrumented: it moves between stacks.
///
/// # Errors
/// As [`Program::library`].
fn runtime(compiler: &Compiler) -> Result<PathBuf> {
    let files = [HEADER, RUNTIME].map(|(name, text)| (name.to_string(), text.to_string())).into();
    let folder = Folder { files: &files, args: &["-O2", "-c", RUNTIME.0], linked: None };
    folder.make(compiler, RUNTIME.0, "shim.o")
}

/// What goes into a folder of the cache, and what is made of it.
struct Folder<'a> {
    files: &'a BTreeMap<String, String>,
    /// Of the compiler, besides [`FLAGS`].
    args: &'a [&'a str],
    /// An object file of another folder; its path is a hash of what it is made of.
    linked: Option<&'a str>,
}

impl Folder<'_> {
    /// The hash of all that its product depends on.
    fn key(&self, compiler: &Compiler) -> String {
        let mut hasher = blake3::Hasher::new();
        let mut add = |text: &str| {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        };
        [compiler.command.as_str(), &compiler.version].into_iter().for_each(&mut add);
        FLAGS.iter().chain(self.args).copied().chain(self.linked).for_each(&mut add);
        self.files.iter().flat_map(|(name, text)| [name, text]).for_each(|text| add(text));
        hasher.finalize().to_hex()[..32].to_string()
    }

    /// The path of the product, made now or before; `subject` is what messages are about.
    fn make(&self, compiler: &Compiler, subject: &str, product: &str) -> Result<PathBuf> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let cache = target_folder().join("shim");
        let folder = cache.join(self.key(compiler));
        let path = folder.join(product);
        if path.exists() {
            return Ok(path);
        }
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let draft = cache.join(format!("draft-{}-{count}", std::process::id()));
        let made = self.compile(compiler, subject, &draft, product).and_then(|()| {
            match fs::rename(&draft, &folder) {
                // Another was faster; theirs is the same.
                Err(_) if path.exists() => Ok(()),
                renamed => renamed.map_err(|error| file_error(&folder, &error)),
            }
        });
        // Gone where it was renamed; otherwise of no use.
        let _ = fs::remove_dir_all(&draft);
        made.map(|()| path)
    }

    fn compile(&self, by: &Compiler, subject: &str, draft: &Path, product: &str) -> Result<()> {
        for (name, text) in self.files {
            let path = draft.join(name);
            let parent = path.parent().unwrap_or(draft);
            let written = fs::create_dir_all(parent).and_then(|()| fs::write(&path, text));
            written.map_err(|error| file_error(&path, &error))?;
        }
        let mut command = clean(&by.command);
        // Reports name files as the sources do, not where this draft of them lay.
        command.arg(format!("-fdebug-prefix-map={}=.", draft.display()));
        command.current_dir(draft).args(FLAGS).args(self.args).args(["-o", product]);
        if let Some(linked) = self.linked {
            command.args(["-x", "none", linked]);
        }
        let fails = |what: String| Error::device(NAME, format!("{subject}: {what}"));
        let output = command.output().map_err(|e| fails(format!("{}: {e}", by.command)))?;
        if output.status.success() {
            return Ok(());
        }
        let says = String::from_utf8_lossy(&output.stderr);
        Err(fails(format!("{} says:\n{says}", by.command)))
    }
}

/// The files that a text includes by their names here.
fn includes(text: &str) -> Vec<String> {
    let quoted = text.lines().filter_map(|line| line.trim_start().strip_prefix("#include \""));
    quoted.filter_map(|rest| rest.split_once('"').map(|(name, _)| name.to_string())).collect()
}

/// The name of a unit as a path within a folder.
fn file_name(unit: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-/".contains(c) { c } else { '_' };
    let name: String = unit.chars().map(plain).collect();
    name.trim_start_matches('/').replace("..", "_")
}

/// The target folder of the build that this program is from.
fn target_folder() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    let tagged = program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").exists());
    let workspace = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
    tagged.map_or_else(workspace, Path::to_path_buf)
}

fn file_error(path: &Path, error: &io::Error) -> Error {
    Error::device(NAME, format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(name: &str, text: &str) -> Unit {
        Unit { name: name.into(), text: text.into() }
    }

    #[test]
    fn a_library_depends_on_what_its_unit_includes_alone() {
        let compiler = Compiler { command: "c++".into(), version: "1".into() };
        let key = |a: &str, b: &str| {
            let source = |name: &str| match name {
                "a.cuh" => Some(a.to_string()),
                "b.cuh" => Some(b.to_string()),
                _ => None,
            };
            let unit = unit("unit.cu", "#include \"a.cuh\"\n");
            let files = &Program::new(&unit, source, None).files;
            Folder { files, args: &[], linked: None }.key(&compiler)
        };
        assert_eq!(key("int a;", "int b;"), key("int a;", "int c;"));
        assert_ne!(key("int a;", "int b;"), key("int c;", "int b;"));
        let through = "#include \"b.cuh\"\n";
        assert_ne!(key(through, "int b;"), key(through, "int c;"));
    }

    #[test]
    fn a_unit_may_be_called_anything() {
        assert_eq!(file_name("ops/fill.cu"), "ops/fill.cu");
        assert_eq!(file_name("a chain: adam"), "a_chain__adam");
        assert_eq!(file_name("/../../etc"), "_/_/etc");
    }
}
