//! The families of networks, and what one can choose within each.

use serde::{Deserialize, Serialize};

use crate::zero_stability::{Scheme, coefficients_of};
use crate::{Error, Result};

/// How a block's output comes from its input and its residual F.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Family {
    /// `relu(F(h) + h)`, normalisation behind each convolution: He et al. 2016, "Deep Residual Learning
    /// for Image Recognition".
    ResNet {
        /// The shortcut where the shapes of input and output differ.
        shortcut: Shortcut,
    },
    /// `relu(F(h))`: the ResNet without what makes it one, as He et al. compare them.
    Plain,
    /// `h + F(h)`, normalisation and activation before each convolution: He et al. 2016, "Identity
    /// Mappings in Deep Residual Networks". Where shapes differ, a 1x1 convolution of the activated
    /// input is added.
    PreActResNet,
    /// `(1-k) h_n + k h_{n-1} + F(h_n)` with one trainable k a block, drawn from -0.1..0: Lu et al.
    /// 2018, "Beyond Finite Layer Neural Networks". The first block, and blocks that change the shape,
    /// are `h + F(h)`, where `h` goes through normalisation, ReLU and a 1x1 convolution if its shape
    /// differs.
    LmResNet,
    /// `a0 h_n + a1 h_{n-1} + a2 h_{n-2} + b0 F(h_n)`: "Zero Stability Well Predicts Performance of
    /// Convolutional Neural Networks" (AAAI 2022). The first two blocks are `h + F(h)`. Where the shape
    /// changes, each of the three states goes through a 1x1 convolution of its own, and what comes out
    /// is the history of the blocks that follow.
    ///
    /// With [`Stem::ImageNet`](super::Stem::ImageNet) it is the authors' other form: the convolution of
    /// `h_n` takes the activated state, and there is no normalisation before the mean over the pixels.
    ZeroSNet(Coefficients),
}

/// Where the four coefficients of a ZeroSNet come from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Coefficients {
    /// They stay as they are.
    Fixed {
        /// Those of the states, the newest first.
        a: [f64; 3],
        /// That of F.
        b0: f64,
    },
    /// They are functions of a c that each block from the third on trains; see [`Scheme::from_c`].
    Trainable {
        /// Where every c starts.
        c: f64,
    },
}

impl Coefficients {
    /// Those of ZeroSNet-Opt, of the smallest parasitic radius.
    pub const OPT: Self =
        Coefficients::Fixed { a: [1.0 / 3.0, 5.0 / 9.0, 1.0 / 9.0], b0: 16.0 / 9.0 };
    /// ZeroSNet-Tra on CIFAR.
    pub const TRA: Self = Coefficients::Trainable { c: 1.0 };

    /// The fixed coefficients that belong to c; see [`Scheme::from_c`].
    ///
    /// # Errors
    /// [`Error::Config`] of the field `c` where its magnitude is not between 1e-6 and 1e6.
    pub fn of_c(c: f64) -> Result<Self> {
        check_c(c)?;
        let (a, b0) = coefficients_of(c);
        Ok(Coefficients::Fixed { a, b0 })
    }

    /// The scheme at the start of training.
    ///
    /// # Errors
    /// [`Error::Config`] of the field `coefficients` or `c`: coefficients are at most 1e6 in magnitude,
    /// and so are c and 1/c.
    pub fn scheme(&self) -> Result<Scheme> {
        match self {
            Coefficients::Fixed { a, b0 } => {
                let in_range = -LARGEST..=LARGEST;
                if let Some(wrong) = a.iter().chain([b0]).find(|x| !in_range.contains(*x)) {
                    let message = format!("{wrong}; each can be {} to {LARGEST}", -LARGEST);
                    return Err(Error::config("coefficients", message));
                }
                Scheme::new(a)?.with_b0(*b0)
            }
            Coefficients::Trainable { c } => {
                check_c(*c)?;
                Scheme::from_c(*c)
            }
        }
    }
}

/// Coefficients beyond this leave the range of f32 after a few blocks.
const LARGEST: f64 = 1e6;

fn check_c(c: f64) -> Result<()> {
    let least = 1.0 / LARGEST;
    if (least..=LARGEST).contains(&c.abs()) {
        return Ok(());
    }
    let why = "as coefficients divide by it";
    Err(Error::config("c", format!("{c}; its magnitude can be {least} to {LARGEST}, {why}")))
}

/// How a block of a ResNet whose output differs in shape from its input adds the one to the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shortcut {
    /// Every second pixel, and channels of zeros before (half of them, rounded down) and after: no
    /// parameters. What He et al. use on CIFAR.
    A,
    /// A 1x1 convolution and batch normalisation.
    B,
}
