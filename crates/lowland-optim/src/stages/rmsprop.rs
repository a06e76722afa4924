//! RMSprop.

use lowland_core::Real;
use lowland_core::stage::{Block, Clock, Scalars, Stage};

/// RMSprop: the gradient over the root of the mean of its square, or where it is centered over the
/// root of its variance.
///
/// ```text
/// v <- alpha v + (1 - alpha) g^2                 centered: u <- alpha u + (1 - alpha) g
/// d  = g / (sqrt(v) + eps)                       centered: d  = g / (sqrt(max(v - u^2, 0)) + eps)
/// ```
///
/// State: `square_avg` = v, where it is centered `grad_avg` = u.
///
/// Source: Tieleman and Hinton, "Lecture 6.5: RMSProp" (2012); Graves, "Generating Sequences With
/// Recurrent Neural Networks" (2013), for the centered form; `torch.optim.RMSprop`. Deviation: a
/// variance that rounding makes negative is taken for 0, where PyTorch gives NaN. Its momentum is the
/// stage [`Momentum`](super::Momentum) behind this one.
///
/// ```
/// use lowland_core::{Chain, Clock};
/// use lowland_optim::stages::RmsProp;
///
/// let chain = Chain::new().then(RmsProp { alpha: 0.75, eps: 0.5, centered: false });
/// let (mut p, mut v) = ([1.0f64], [0.0f64]);
/// chain.step(&Clock::at_step(1, 0.25), &mut p, &[4.0], &mut [&mut v]);
/// assert_eq!((p, v), ([1.0 - 0.25 * 4.0 / (2.0 + 0.5)], [0.25 * 16.0]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RmsProp {
    /// The decay rate of the means.
    pub alpha: f64,
    /// What is added to the root.
    pub eps: f64,
    /// Whether the square of the mean is taken off the mean of the square.
    pub centered: bool,
}

impl Stage for RmsProp {
    fn name(&self) -> &'static str {
        "rmsprop"
    }

    fn slots(&self) -> Vec<String> {
        let all = ["square_avg", "grad_avg"];
        all[..1 + usize::from(self.centered)].iter().map(|&slot| slot.into()).collect()
    }

    fn scalars(&self, _: &Clock) -> Vec<f64> {
        vec![self.alpha, 1.0 - self.alpha, self.eps]
    }

    fn constants(&self) -> Vec<u32> {
        vec![u32::from(self.centered)]
    }

    #[inline(always)]
    fn apply_block<T: Real>(&self, scalars: Scalars<'_>, block: Block<'_, T>) {
        let [alpha, rest, eps] = scalars.get::<T, 3>();
        let ([square_avg], mut others) = block.state.split();
        let elements = block.direction.iter_mut().zip(square_avg);
        match others.next() {
            Some(grad_avg) => {
                for ((d, v), u) in elements.zip(grad_avg) {
                    *v = alpha * *v + rest * (*d * *d);
                    *u = alpha * *u + rest * *d;
                    let variance = *v - *u * *u;
                    let variance = if variance < T::zero() { T::zero() } else { variance };
                    *d /= variance.sqrt() + eps;
                }
            }
            None => {
                for (d, v) in elements {
                    *v = alpha * *v + rest * (*d * *d);
                    *d /= v.sqrt() + eps;
                }
            }
        }
    }
}
