//! The libraries that are looked for at run time: whether they are there, and what to do where not.
//!
//! Unsafe, because asking whether a library is there loads it, which runs its constructors.
#![allow(unsafe_code)]

use std::sync::OnceLock;

/// A library of NVIDIA's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Library {
    /// The driver's own.
    Driver,
    /// The compiler.
    Nvrtc,
    /// Matrix products.
    Cublas,
    /// Convolutions.
    Cudnn,
}

impl Library {
    /// What people call it, and what it is for here.
    fn title(self) -> &'static str {
        match self {
            Library::Driver => "the NVIDIA driver",
            Library::Nvrtc => "NVRTC, which compiles the kernels,",
            Library::Cublas => "cuBLAS, which multiplies matrices,",
            Library::Cudnn => "cuDNN, which convolves,",
        }
    }

    /// What people call it.
    fn name(self) -> &'static str {
        match self {
            Library::Driver => "the NVIDIA driver",
            Library::Nvrtc => "NVRTC",
            Library::Cublas => "cuBLAS",
            Library::Cudnn => "cuDNN",
        }
    }

    /// The file that is looked for.
    pub(crate) fn file(self) -> &'static str {
        match self {
            Library::Driver => "libcuda.so.1",
            Library::Nvrtc => "libnvrtc.so.13",
            Library::Cublas => "libcublas.so.13",
            Library::Cudnn => "libcudnn.so.9",
        }
    }

    /// How to get it.
    fn advice(self) -> &'static str {
        match self {
            Library::Driver => "install NVIDIA's driver, 580 or newer",
            Library::Nvrtc => {
                "`pip install nvidia-cuda-nvrtc==13.0.88` has it, in the folder nvidia/cu13/lib of \
                 Python's site-packages: put that folder on LD_LIBRARY_PATH"
            }
            Library::Cublas => {
                "`pip install \"nvidia-cublas<13.1\"` has it, in the folder nvidia/cu13/lib of Python's \
                 site-packages: put that folder on LD_LIBRARY_PATH"
            }
            Library::Cudnn => {
                "`pip install nvidia-cudnn-cu13` has it, in the folder nvidia/cudnn/lib of Python's \
                 site-packages: put that folder on LD_LIBRARY_PATH"
            }
        }
    }

    /// A sentence for where it is not there: what is missing, where it was looked for, what to do.
    pub(crate) fn missing(self) -> String {
        let path = std::env::var("LD_LIBRARY_PATH").unwrap_or_default();
        self.missing_on(&path)
    }

    fn missing_on(self, path: &str) -> String {
        let folders = path.split(':').filter(|folder| !folder.is_empty()).count();
        let path = match folders {
            0 => "on LD_LIBRARY_PATH, which is empty".to_string(),
            1 => format!("in {path}, as LD_LIBRARY_PATH says"),
            folders => format!("in the {folders} folders of LD_LIBRARY_PATH"),
        };
        let (title, file, advice) = (self.title(), self.file(), self.advice());
        format!(
            "{title} was not found: looked for {file} where the system keeps its libraries and {path}; \
             {advice}"
        )
    }

    /// Refuses a version, major and minor, that is older than what is needed.
    ///
    /// # Errors
    /// A sentence: both versions, and what to do.
    pub(crate) fn check_version(self, found: (i32, i32), needed: (i32, i32)) -> Result<(), String> {
        if found >= needed {
            return Ok(());
        }
        let (name, file) = (self.name(), self.file());
        let ((major, minor), (needed_major, needed_minor)) = (found, needed);
        // The name that `cudarc` tries first.
        let plain = file.trim_end_matches(|c: char| c == '.' || c.is_ascii_digit());
        Err(format!(
            "{name} {major}.{minor} was found, and {needed_major}.{needed_minor} or newer is needed: \
             remove it, or link the right {file} as `{plain}` in a folder that is first on \
             LD_LIBRARY_PATH"
        ))
    }

    /// Whether it can be loaded. The calls of `cudarc` panic where theirs cannot, so this comes first.
    pub(crate) fn is_present(self) -> bool {
        static PRESENT: [OnceLock<bool>; 4] = [const { OnceLock::new() }; 4];
        // SAFETY: loading the vendor's library by its usual name has no demands of its own; what is
        // on the search path is the user's to decide.
        *PRESENT[self as usize].get_or_init(|| unsafe {
            match self {
                Library::Driver => cudarc::driver::sys::is_culib_present(),
                Library::Nvrtc => cudarc::nvrtc::sys::is_culib_present(),
                Library::Cublas => cudarc::cublas::sys::is_culib_present(),
                Library::Cudnn => cudarc::cudnn::sys::is_culib_present(),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Library; 4] = [Library::Driver, Library::Nvrtc, Library::Cublas, Library::Cudnn];

    #[test]
    fn a_missing_library_is_named_with_its_file_the_search_and_the_remedy() {
        assert_eq!(
            Library::Nvrtc.missing_on(""),
            "NVRTC, which compiles the kernels, was not found: looked for libnvrtc.so.13 where the \
             system keeps its libraries and on LD_LIBRARY_PATH, which is empty; `pip install \
             nvidia-cuda-nvrtc==13.0.88` has it, in the folder nvidia/cu13/lib of Python's \
             site-packages: put that folder on LD_LIBRARY_PATH"
        );
        let packages =
            ["driver, 580 or newer", "nvidia-cuda-nvrtc", "nvidia-cublas", "nvidia-cudnn-cu13"];
        for (library, package) in ALL.into_iter().zip(packages) {
            for (path, said) in [("/opt/lib", "in /opt/lib, as"), ("/a:/b", "in the 2 folders of")]
            {
                let sentence = library.missing_on(path);
                for part in [library.file(), said, package] {
                    assert!(sentence.contains(part), "{sentence}: {part}");
                }
            }
        }
    }

    #[test]
    fn an_old_library_is_refused_with_its_version_and_the_remedy() {
        let check = |found| Library::Nvrtc.check_version(found, (13, 0));
        assert_eq!(check((13, 0)), Ok(()));
        assert_eq!(check((14, 0)), Ok(()));
        assert_eq!(
            check((12, 8)).unwrap_err(),
            "NVRTC 12.8 was found, and 13.0 or newer is needed: remove it, or link the right \
             libnvrtc.so.13 as `libnvrtc.so` in a folder that is first on LD_LIBRARY_PATH"
        );
        let error = Library::Cublas.check_version((12, 9), (13, 0)).unwrap_err();
        assert!(error.starts_with("cuBLAS 12.9 was found, and 13.0 or newer"), "{error}");
    }

    #[test]
    fn asking_for_a_library_never_panics() {
        for library in ALL {
            assert_eq!(library.is_present(), library.is_present());
        }
    }
}
