//! Units that were compiled beforehand, for machines without a compiler.
//!
//! The files of `ptx/` are written by `cargo xtask kernels ptx`, together with `ptx/list.rs`, which
//! names them. They are PTX for `compute_80`: what a driver turns into code for the device that is
//! there, an A100 or anything later.

/// A unit in PTX.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ptx {
    /// The name of the unit, such as `ops/fill.cu`.
    pub unit: &'static str,
    /// The [`fingerprint`](crate::fingerprint) of the text that it was compiled from.
    pub fingerprint: &'static str,
    /// The PTX.
    pub text: &'static str,
}

/// Every unit that was compiled beforehand.
pub const PTX: &[Ptx] = include!("../ptx/list.rs");

/// The PTX of the unit with that fingerprint.
#[must_use]
pub fn ptx(fingerprint: &str) -> Option<Ptx> {
    PTX.iter().copied().find(|ptx| ptx.fingerprint == fingerprint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ptx_is_for_every_device_from_compute_80_on() {
        for Ptx { unit, text, .. } in PTX {
            assert!(text.contains("\n.target sm_80\n"), "{unit}");
            assert!(text.contains(".visible .entry "), "{unit} has no kernel");
        }
        assert_eq!(ptx("none such"), None);
    }
}
