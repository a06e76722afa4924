//! Blocks of ResNets and of plain networks: normalisation behind each convolution.

use lowland_core::{Result, Shape};
use lowland_tensor::Tensor;

use super::plan::BlockPlan;
use crate::layers::ConvNorm;
use crate::{Module, Pass, Scope};

/// `relu(F(x) + shortcut(x))`, where F is convolutions and normalisations with a ReLU between them.
#[derive(Debug)]
pub(super) struct PostActivation {
    inner: Vec<ConvNorm>,
    last: ConvNorm,
    shortcut: Path,
}

/// What is added to the residual.
#[derive(Debug)]
enum Path {
    /// In plain networks.
    Nothing,
    Identity,
    /// Shortcut A: every `stride`-th pixel, and channels of zeros before and after.
    Subsample {
        stride: usize,
        before: usize,
        after: usize,
    },
    /// Shortcut B.
    Projection(Box<ConvNorm>),
}

impl PostActivation {
    /// Declares `conv1`, `bn1`, `conv2`, `bn2` and so on, and for shortcut B `short_conv` and
    /// `short_bn`.
    pub(super) fn new(mut scope: Scope<'_>, plan: &BlockPlan) -> Result<Self> {
        let mut layer = |i: usize, window: &super::plan::Window| {
            let names = [format!("conv{i}"), format!("bn{i}")];
            ConvNorm::new(scope.reborrow(), &names[0], &names[1], &window.spec())
        };
        let inner = plan.inner.iter().zip(1..).map(|(window, i)| layer(i, window));
        let inner = inner.collect::<Result<Vec<_>>>()?;
        let last = layer(inner.len() + 1, &plan.last)?;
        let shortcut = match plan.projections.first() {
            None => Path::Nothing,
            Some(Some(window)) => {
                let conv = ConvNorm::new(scope, "short_conv", "short_bn", &window.spec())?;
                Path::Projection(Box::new(conv))
            }
            Some(None) if (plan.inputs, plan.stride) == (plan.outputs, 1) => Path::Identity,
            Some(None) => {
                let added = plan.outputs - plan.inputs;
                let before = added / 2;
                Path::Subsample { stride: plan.stride, before, after: added - before }
            }
        };
        Ok(PostActivation { inner, last, shortcut })
    }
}

impl Module for PostActivation {
    fn forward(&self, x: &Tensor, pass: &Pass<'_>) -> Result<Tensor> {
        let mut h = x.clone();
        for layer in &self.inner {
            h = layer.forward_relu(&h, pass)?;
        }
        let shortcut = match &self.shortcut {
            Path::Nothing => return self.last.forward_relu(&h, pass),
            Path::Identity => x.clone(),
            &Path::Subsample { stride, before, after } => {
                subsample(x, stride)?.pad_channels(before, after)?
            }
            Path::Projection(conv) => conv.forward(x, pass)?,
        };
        self.last.forward_add_relu(&h, &shortcut, pass)
    }
}

/// Every `stride`-th pixel of `[N, H, W, C]`, from the first on.
fn subsample(x: &Tensor, stride: usize) -> Result<Tensor> {
    let whole = x.shape();
    let block =
        Shape::from([whole[0], whole[1].div_ceil(stride), whole[2].div_ceil(stride), whole[3]]);
    x.slice(&[0; 4], &[1, stride, stride, 1], block)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use lowland_core::DType;
    use lowland_tensor::Device;

    use super::super::family::Shortcut;
    use super::super::plan::Window;
    use super::*;
    use crate::{ParamStore, StateDict, StoreBuilder};

    fn device() -> Device {
        Arc::new(lowland_cpu::Cpu::new(1))
    }

    /// A block whose residual is 0, so that it gives `relu(shortcut(x))`.
    fn shortcut_alone(
        inputs: usize,
        outputs: usize,
        stride: usize,
        shortcut: Shortcut,
    ) -> (PostActivation, ParamStore) {
        let mut builder = StoreBuilder::new();
        let window = |inputs, kernel, stride| Window { inputs, outputs, kernel, stride };
        let projected = shortcut == Shortcut::B && (inputs, stride) != (outputs, 1);
        let plan = BlockPlan {
            inputs,
            outputs,
            stride,
            inner: vec![window(inputs, 3, stride)],
            last: window(outputs, 3, 1),
            projections: vec![projected.then_some(window(inputs, 1, stride))],
        };
        let block = PostActivation::new(builder.root(), &plan).unwrap();
        let store = builder.build(&device(), DType::F64, 0).unwrap();
        let mut state = StateDict::default();
        let mut scale = store.state_dict().unwrap().tensors.remove("bn2.weight").unwrap();
        scale.values = crate::Values::F64(vec![0.0; outputs]);
        state.tensors.insert("bn2.weight".to_owned(), scale);
        store.load_state_dict(&state, false).unwrap();
        (block, store)
    }

    /// Positive numbers, so that the ReLU at the end changes nothing.
    fn image(store: &ParamStore, shape: [usize; 4]) -> Tensor {
        let values: Vec<f64> = (1..=shape.iter().product()).map(|i| i as f64).collect();
        Tensor::from_slice(store.device(), shape, &values).unwrap()
    }

    #[test]
    fn shortcut_a_is_every_second_pixel_between_channels_of_zeros() {
        // Odd sizes, and five channels more: two before, three after.
        let (n, h, w, c, outputs) = (2, 5, 4, 3, 8);
        let (block, store) = shortcut_alone(c, outputs, 2, Shortcut::A);
        assert_eq!(store.count(), 9 * (c * outputs + outputs * outputs) + 4 * outputs);
        let x = image(&store, [n, h, w, c]);
        let y = block.forward(&x, &Pass::train(&store)).unwrap();
        assert_eq!(y.shape(), Shape::from([n, 3, 2, outputs]));
        let (x, y) = (x.to_array::<f64>().unwrap(), y.to_array::<f64>().unwrap());
        for (at, &got) in y.indexed_iter() {
            let expected = match at[3] {
                k @ 2..5 => x[[at[0], 2 * at[1], 2 * at[2], k - 2]],
                _ => 0.0,
            };
            assert_eq!(got, expected, "{at:?}");
        }
    }

    #[test]
    fn a_block_that_keeps_its_shape_adds_its_input() {
        for shortcut in [Shortcut::A, Shortcut::B] {
            let (block, store) = shortcut_alone(3, 3, 1, shortcut);
            assert_eq!(store.count(), 9 * 18 + 12);
            let x = image(&store, [2, 3, 4, 3]);
            let y = block.forward(&x, &Pass::train(&store)).unwrap();
            assert_eq!(y.to_vec::<f64>().unwrap(), x.to_vec::<f64>().unwrap());
        }
    }

    #[test]
    fn shortcut_b_is_a_convolution_and_a_normalisation() {
        let (block, store) = shortcut_alone(3, 2, 2, Shortcut::B);
        let x = image(&store, [2, 3, 4, 3]);
        let pass = Pass::train(&store).frozen_stats();
        let weight = pass.param(&store.param("short_conv.weight").unwrap()).unwrap();
        let scale = pass.param(&store.param("short_bn.weight").unwrap()).unwrap();
        let shift = pass.param(&store.param("short_bn.bias").unwrap()).unwrap();
        let projected = x.conv2d(&weight, [2, 2], [0, 0], 1).unwrap();
        let expected = projected.batch_norm(&scale, &shift, 1e-5).unwrap().y.relu().unwrap();
        let y = block.forward(&x, &pass).unwrap();
        assert_eq!(y.shape(), Shape::from([2, 2, 2, 2]));
        assert_eq!(y.to_vec::<f64>().unwrap(), expected.to_vec::<f64>().unwrap());
    }
}
