//! Zero stability of multistep schemes, and so of the networks that are built like them.
//!
//! A network whose state moves as `h_{n+1} = a_0 h_n + a_1 h_{n-1} + ... + b_0 F(h_n)` is an explicit
//! multistep scheme for a differential equation. What becomes of a small disturbance, whatever `F` is,
//! follows from the roots of the *characteristic polynomial* `z^k - a_0 z^{k-1} - ... - a_{k-1}`. The
//! scheme is zero-stable where no root lies outside the unit circle and those on it are simple
//! (Dahlquist's root condition; Hairer, Norsett and Wanner, "Solving Ordinary Differential Equations I",
//! section III.3). "Zero Stability Well Predicts Performance of Convolutional Neural Networks" (AAAI
//! 2022, arXiv 2206.13100) builds networks by it.
//!
//! ```
//! use lowland_models::zero_stability::Scheme;
//!
//! // The coefficients of ZeroSNet-Opt.
//! let best = Scheme::new(&[1.0 / 3.0, 5.0 / 9.0, 1.0 / 9.0])?.with_b0(16.0 / 9.0)?;
//! assert_eq!(best.analyse().to_string(), "zero-stable, parasitic radius 0.333");
//!
//! let sum = Scheme::new(&[1.0, 1.0, 1.0])?.with_b0(1.0)?;
//! assert_eq!(sum.analyse().to_string(), "unstable, largest root 1.839, inconsistent");
//! # Ok::<(), lowland_models::Error>(())
//! ```

mod complex;
mod polynomial;
mod scheme;
mod stability;

pub use scheme::Scheme;
pub(crate) use scheme::coefficients_of;
pub use stability::{Root, Stability};
