//! The compilers of CUDA 13.0: where they are, and how to get them without a toolkit or a GPU.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What they are on PyPI. The figures are of these versions, and drivers of CUDA 13.0 take what they
/// compile; unpinned, newer parts of the compiler come in.
pub const PACKAGES: [&str; 8] = [
    "nvidia-cuda-nvcc==13.0.88",
    "nvidia-cuda-crt==13.0.88",
    "nvidia-nvvm==13.0.88",
    "nvidia-cuda-nvrtc==13.0.88",
    "nvidia-cuda-runtime==13.0.96",
    "nvidia-cuda-cccl==13.0.85",
    "nvidia-cuda-cuobjdump==13.5.37",
    "nvidia-cuda-nvdisasm==13.5.37",
];

/// What `nvcc --version` says of the version that the figures are of.
const RELEASE: &str = "release 13.0";

/// Compilers and disassemblers.
#[derive(Clone, Debug)]
pub struct Tools {
    /// The folder with `bin`, `include` and `lib`.
    folder: PathBuf,
}

impl Tools {
    /// Those in the folder `LOWLAND_CUDA_TOOLS`, or else where [`install`] puts them, or else those
    /// whose nvcc is on the PATH.
    pub fn find() -> Result<Self, String> {
        let named = env::var_os("LOWLAND_CUDA_TOOLS").map(PathBuf::from);
        let tools = match &named {
            Some(folder) => Self::below(folder),
            None => default_folder().and_then(|folder| Self::below(&folder)).or_else(Self::on_path),
        };
        let tools = tools.ok_or_else(|| match &named {
            Some(folder) => format!(
                "LOWLAND_CUDA_TOOLS={}: there is neither bin/nvcc nor nvidia/cu13/bin/nvcc in it",
                folder.display()
            ),
            None => format!(
                "the compilers of CUDA 13.0 are not here: `cargo xtask kernels install` gets them \
                 from PyPI (520 MB), or set LOWLAND_CUDA_TOOLS to the DIR of\n  {}",
                pip(Path::new("DIR"))
            ),
        })?;
        tools.check_version()?;
        Ok(tools)
    }

    /// Those of a toolkit, or of the packages that pip put into a folder.
    fn below(folder: &Path) -> Option<Self> {
        let folders = [folder.to_path_buf(), folder.join("nvidia/cu13")];
        folders.into_iter().find(|f| f.join("bin/nvcc").exists()).map(|folder| Tools { folder })
    }

    fn on_path() -> Option<Self> {
        let path = env::var_os("PATH")?;
        env::split_paths(&path).find_map(|bin| {
            let nvcc = fs::canonicalize(bin.join("nvcc")).ok()?;
            Self::below(nvcc.parent()?.parent()?)
        })
    }

    fn check_version(&self) -> Result<(), String> {
        let output = self.command("nvcc").arg("--version").output();
        let output = output.map_err(|e| format!("{}: {e}", self.folder.display()))?;
        let version = String::from_utf8_lossy(&output.stdout);
        if version.contains(RELEASE) {
            return Ok(());
        }
        let found = version.lines().find(|line| line.contains("release")).unwrap_or("no version");
        Err(format!(
            "{}: the figures are of CUDA 13.0, and nvcc says `{found}`; `cargo xtask kernels \
             install` gets the right one, which LOWLAND_CUDA_TOOLS names",
            self.folder.display()
        ))
    }

    /// One of the programs, which find each other.
    pub fn command(&self, program: &str) -> Command {
        let bin = self.folder.join("bin");
        let others = env::var_os("PATH").unwrap_or_default();
        let path = env::join_paths([bin.clone()].into_iter().chain(env::split_paths(&others)));
        let mut command = Command::new(bin.join(program));
        command.env("PATH", path.unwrap_or_else(|_| OsString::from(&bin)));
        command
    }

    /// The folder with libraries.
    pub fn libraries(&self) -> PathBuf {
        let [packages, toolkit] = ["lib", "lib64"].map(|name| self.folder.join(name));
        if toolkit.exists() { toolkit } else { packages }
    }
}

/// Gets the packages into a folder, which is there as a whole afterwards or not at all, where there are
/// none yet that [`Tools::find`] finds or that are in the folder. Prints the folder of libraries.
pub fn install(folder: Option<&Path>) -> Result<(), String> {
    let there = match folder {
        Some(folder) => Tools::below(folder),
        None => Tools::find().ok(),
    };
    let tools = match (there, folder) {
        (Some(tools), _) => tools,
        (None, Some(folder)) => download(folder)?,
        (None, None) => {
            let folder = default_folder();
            download(&folder.ok_or("there is no home folder: name one to install into")?)?
        }
    };
    println!("{}", tools.libraries().display());
    Ok(())
}

fn download(folder: &Path) -> Result<Tools, String> {
    let mut partial = folder.to_path_buf().into_os_string();
    partial.push(format!(".{}", std::process::id()));
    let partial = PathBuf::from(partial);
    let cannot = |what: &str, error: &dyn std::fmt::Display| {
        // What is left of it would only take room.
        let _ = fs::remove_dir_all(&partial);
        Err(format!("{what}: {error}"))
    };
    eprintln!("{}", pip(folder));
    let mut python = Command::new("python3");
    python.args(["-m", "pip", "install", "--quiet", "--target"]).arg(&partial).args(PACKAGES);
    match python.stdin(Stdio::null()).status() {
        Ok(status) if status.success() => {}
        Ok(status) => return cannot("pip", &status),
        Err(error) => return cannot("cannot start python3", &error),
    }
    if let Err(error) = fs::rename(&partial, folder) {
        return cannot(&folder.display().to_string(), &error);
    }
    Tools::below(folder).ok_or_else(|| format!("{}: pip left no nvcc there", folder.display()))
}

/// What [`install`] runs, to be typed.
fn pip(folder: &Path) -> String {
    format!("python3 -m pip install --target {} {}", folder.display(), PACKAGES.join(" "))
}

/// `lowland/cuda-13.0` among the caches of this user.
fn default_folder() -> Option<PathBuf> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let caches = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")))?;
    Some(caches.join("lowland/cuda-13.0"))
}

/// The tools, for tests that say that they skip without them.
#[cfg(test)]
pub fn for_test(test: &str) -> Option<Tools> {
    match Tools::find() {
        Ok(tools) => Some(tools),
        Err(why) => {
            eprintln!("SKIP {test}: {why}");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_has_its_version() {
        assert!(PACKAGES.iter().all(|package| package.contains("==")));
        assert!(pip(Path::new("/x")).starts_with("python3 -m pip install --target /x nvidia-"));
    }

    #[test]
    fn a_folder_without_compilers_has_none() {
        assert!(Tools::below(Path::new("/nowhere")).is_none());
    }
}
