//! Which instruction set the kernels use.

use lowland_core::{Error, Result};

/// An instruction set that kernels are written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Isa {
    /// What the compiler may assume of every processor of the target.
    Portable,
    /// AVX2 and FMA: vectors of eight `f32`.
    Avx2,
    /// AVX-512F: vectors of sixteen `f32`.
    Avx512,
}

impl Isa {
    /// All of them, the slowest first.
    pub const ALL: [Isa; 3] = [Isa::Portable, Isa::Avx2, Isa::Avx512];

    /// The environment variable that [`Isa::from_env`] reads.
    pub const VARIABLE: &'static str = "LOWLAND_CPU_ISA";

    /// The fastest that this processor has.
    #[must_use]
    pub fn detect() -> Self {
        let best = Self::ALL.into_iter().rev().find(|isa| isa.is_available());
        best.unwrap_or(Isa::Portable)
    }

    /// The one that `LOWLAND_CPU_ISA` names, or where that is unset the fastest.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the variable names none, or one that this processor lacks.
    pub fn from_env() -> Result<Self> {
        let Some(value) = std::env::var_os(Self::VARIABLE) else { return Ok(Self::detect()) };
        let value = value.to_string_lossy();
        let invalid = |why: &str| {
            let message = format!("{}={value}: {why}; use one of", Self::VARIABLE);
            let usable = Self::ALL.into_iter().filter(|isa| isa.is_available()).map(Self::name);
            Error::invalid(
                "cpu backend",
                format!("{message} {}", usable.collect::<Vec<_>>().join(", ")),
            )
        };
        match Self::ALL.into_iter().find(|isa| isa.name() == value) {
            None => Err(invalid("no such instruction set")),
            Some(isa) if !isa.is_available() => Err(invalid("this processor lacks it")),
            Some(isa) => Ok(isa),
        }
    }

    /// The name that [`Isa::VARIABLE`] takes.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Isa::Portable => "portable",
            Isa::Avx2 => "avx2",
            Isa::Avx512 => "avx512",
        }
    }

    /// Whether this processor has it.
    #[must_use]
    pub fn is_available(self) -> bool {
        match self {
            Isa::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => is_x86_feature_detected!("avx512f"),
            #[cfg(not(target_arch = "x86_64"))]
            Isa::Avx2 | Isa::Avx512 => false,
        }
    }
}
