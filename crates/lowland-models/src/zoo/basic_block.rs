//! Two 3x3 convolutions and a shortcut: the block of He et al. 2016 for small images.

use lowland_core::{Result, Shape};
use lowland_tensor::Tensor;

use super::Shortcut;
use crate::layers::{Conv2dSpec, ConvNorm};
use crate::{Fan, Init, Module, Pass, Scope};

/// A convolution as residual networks have them: no bias, zeros around so that stride 1 keeps the
/// size, He normal by fan-out.
pub(super) fn conv(inputs: usize, outputs: usize, kernel: usize, stride: usize) -> Conv2dSpec {
    Conv2dSpec {
        stride: [stride; 2],
        padding: [kernel / 2; 2],
        bias: false,
        init: Init::HeNormal(Fan::Out),
        ..Conv2dSpec::new(inputs, outputs, kernel)
    }
}

/// `relu(bn2(conv2(relu(bn1(conv1 x)))) + shortcut(x))`.
#[derive(Debug)]
pub(super) struct BasicBlock {
    first: ConvNorm,
    second: ConvNorm,
    shortcut: Path,
}

/// What is added to the residual.
#[derive(Debug)]
enum Path {
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

impl BasicBlock {
    pub(super) fn new(
        mut scope: Scope<'_>,
        inputs: usize,
        outputs: usize,
        stride: usize,
        shortcut: Shortcut,
    ) -> Result<Self> {
        let mut pair = |conv_name: &str, norm_name: &str, spec: &Conv2dSpec| {
            ConvNorm::new(scope.reborrow(), conv_name, norm_name, spec)
        };
        let first = pair("conv1", "bn1", &conv(inputs, outputs, 3, stride))?;
        let second = pair("conv2", "bn2", &conv(outputs, outputs, 3, 1))?;
        let shortcut = match shortcut {
            _ if (stride, inputs) == (1, outputs) => Path::Identity,
            Shortcut::A => {
                let added = outputs - inputs;
                Path::Subsample { stride, before: added / 2, after: added - added / 2 }
            }
            Shortcut::B => {
                let spec = conv(inputs, outputs, 1, stride);
                Path::Projection(Box::new(pair("short_conv", "short_bn", &spec)?))
            }
        };
        Ok(BasicBlock { first, second, shortcut })
    }
}

impl Module for BasicBlock {
    fn forward(&self, x: &Tensor, pass: &Pass<'_>) -> Result<Tensor> {
        let h = self.first.forward_relu(x, pass)?;
        let short = match &self.shortcut {
            Path::Identity => x.clone(),
            &Path::Subsample { stride, before, after } => {
                subsample(x, stride)?.pad_channels(before, after)?
            }
            Path::Projection(short) => short.forward(x, pass)?,
        };
        self.second.forward_add_relu(&h, &short, pass)
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
    ) -> (BasicBlock, ParamStore) {
        let mut builder = StoreBuilder::new();
        let block = BasicBlock::new(builder.root(), inputs, outputs, stride, shortcut).unwrap();
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
