//! Two surfaces over the plane, each with a sharp and a flat minimum: plain descent from the start
//! ends in the sharp one, descent of the deformed loss in the flat one.
//!
//! Near the sharp minimum the loss is small and f'(L) large, so that the steps no longer fit into it;
//! the flat one is wide enough for the same steps.
//!
//! ```
//! use lowland_optim::deformation::LinearQuadratic;
//! use lowland_optim::deformation::toy::{BOWLS, Point};
//!
//! let end = |path: Vec<Point>| path[BOWLS.steps].at.map(|x| (1e6 * x).round() / 1e6);
//! // Plain descent is the deformation f(L) = L.
//! assert_eq!(end(BOWLS.descend(&LinearQuadratic { a: 0.0 })), BOWLS.sharp);
//! assert_eq!(end(BOWLS.descend(&BOWLS.deformation)), BOWLS.flat);
//! ```

use super::{AtanPower, Deformation};

/// A surface over the plane.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Surface {
    /// Half the harmonic mean of two round bowls: `q_1 q_2 / (q_1 + q_2)`, `q_i = k_i/2 |r - r_i|^2`.
    /// Its minima are the two centres, with the curvatures k_i and the loss 0.
    Bowls {
        /// The curvatures k_i.
        k: [f64; 2],
        /// The centres r_i.
        centres: [[f64; 2]; 2],
    },
    /// Two wells in a shallow bowl: `floor + 0.02 |r|^2 - sum of a_i exp(-|r - r_i|^2 / (2 s_i^2))`.
    Wells {
        /// The depths a_i.
        depths: [f64; 2],
        /// The widths s_i.
        widths: [f64; 2],
        /// The centres r_i.
        centres: [[f64; 2]; 2],
        /// What is added to the loss.
        floor: f64,
    },
}

impl Surface {
    /// The loss and its gradient.
    #[must_use]
    pub fn at(&self, at: [f64; 2]) -> (f64, [f64; 2]) {
        let from = |centre: [f64; 2]| {
            let (dx, dy) = (at[0] - centre[0], at[1] - centre[1]);
            ([dx, dy], dx * dx + dy * dy)
        };
        match *self {
            Surface::Bowls { k, centres } => {
                let [(r1, d1), (r2, d2)] = centres.map(from);
                let (q1, q2) = (0.5 * k[0] * d1, 0.5 * k[1] * d2);
                let sum = q1 + q2;
                let (w1, w2) = ((q2 / sum).powi(2) * k[0], (q1 / sum).powi(2) * k[1]);
                (q1 * q2 / sum, [w1 * r1[0] + w2 * r2[0], w1 * r1[1] + w2 * r2[1]])
            }
            Surface::Wells { depths, widths, centres, floor } => {
                let mut loss = floor + 0.02 * (at[0] * at[0] + at[1] * at[1]);
                let mut gradient = at.map(|x| 0.04 * x);
                for ((a, s), centre) in depths.into_iter().zip(widths).zip(centres) {
                    let (r, distance) = from(centre);
                    let well = a * (-distance / (2.0 * s * s)).exp();
                    loss -= well;
                    gradient[0] += well * r[0] / (s * s);
                    gradient[1] += well * r[1] / (s * s);
                }
                (loss, gradient)
            }
        }
    }
}

/// A surface with a descent on it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Toy {
    /// A word for it.
    pub name: &'static str,
    /// The surface.
    pub surface: Surface,
    /// Where the descent starts.
    pub start: [f64; 2],
    /// The learning rate.
    pub lr: f64,
    /// The number of steps.
    pub steps: usize,
    /// The deformation that leads into the flat minimum.
    pub deformation: AtanPower,
    /// The sharp minimum.
    pub sharp: [f64; 2],
    /// The flat minimum.
    pub flat: [f64; 2],
}

/// A point of a descent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Where it is.
    pub at: [f64; 2],
    /// The loss there, not deformed.
    pub loss: f64,
}

const DEFORMATION: AtanPower = AtanPower { a: 10.0, b: 1.0, g: 1.0, z: 1.0 };

/// [`Surface::Bowls`] of the curvatures 40 and 1.
pub const BOWLS: Toy = Toy {
    name: "bowls",
    surface: Surface::Bowls { k: [40.0, 1.0], centres: [[0.0, 0.0], [2.0, 0.5]] },
    start: [0.07, -0.18],
    lr: 0.04,
    steps: 150,
    deformation: DEFORMATION,
    sharp: [0.0, 0.0],
    flat: [2.0, 0.5],
};

/// [`Surface::Wells`], with Hessians of about 25 and 1.5 in the two minima.
pub const WELLS: Toy = Toy {
    name: "wells",
    surface: Surface::Wells {
        depths: [1.0, 1.2],
        widths: [0.2, 0.9],
        centres: [[-0.6, 0.0], [1.2, 0.4]],
        floor: 1.6,
    },
    start: [-0.7, -0.07],
    lr: 0.04,
    steps: 200,
    deformation: DEFORMATION,
    sharp: [-0.585_611_108_192_2, 0.002_985_558_200_7],
    flat: [1.168_430_796_760_4, 0.389_476_932_253_5],
};

impl Toy {
    /// Gradient descent of a deformed loss, `r <- r - lr f'(L) dL/dr`: the start and the point after
    /// each step.
    #[must_use]
    pub fn descend(&self, deformation: &impl Deformation) -> Vec<Point> {
        let mut at = self.start;
        let mut point = |_| {
            let (loss, gradient) = self.surface.at(at);
            let here = Point { at, loss };
            let step = self.lr * deformation.slope(loss);
            at = [at[0] - step * gradient[0], at[1] - step * gradient[1]];
            here
        };
        (0..=self.steps).map(&mut point).collect()
    }
}
