//! How many inputs and outputs one number of a weight connects.

use lowland_core::Shape;

/// Which of a weight's two fans scales its initial values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fan {
    /// Inputs of one output: I·kh·kw. Keeps the variance of activations on the way forward.
    In,
    /// Outputs of one input: O·kh·kw. Keeps the variance of gradients on the way back.
    Out,
}

impl Fan {
    /// The fan of a weight `[O, I]` or `[O, I, kh, kw]`, as PyTorch counts it: of a grouped
    /// convolution, I is the number of inputs per group, and O is not divided.
    #[must_use]
    pub fn of(self, weight: &Shape) -> usize {
        let extents = weight.extents();
        let window: usize = extents.iter().skip(2).product();
        let channels = match self {
            Fan::In => extents.get(1),
            Fan::Out => extents.first(),
        };
        channels.copied().unwrap_or(1) * window
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fans_are_those_of_pytorch() {
        let conv = Shape::from([16, 3, 5, 3]);
        assert_eq!((Fan::In.of(&conv), Fan::Out.of(&conv)), (45, 240));
        let linear = Shape::from([10, 64]);
        assert_eq!((Fan::In.of(&linear), Fan::Out.of(&linear)), (64, 10));
    }
}
