//! The multistep schemes that the blocks of a network are at the moment.

use super::family::{Coefficients, Family};
use super::spec::Spec;
use crate::zero_stability::Scheme;
use crate::{ParamStore, Result};

/// The scheme of one block.
#[derive(Clone, Debug, PartialEq)]
pub struct BlockScheme {
    /// The index of the block.
    pub block: usize,
    /// The number that the block trains, if it does: c of a ZeroSNet, k of an LM-ResNet.
    pub trained: Option<f64>,
    /// The coefficients.
    pub scheme: Scheme,
}

impl Spec {
    /// The scheme of every block that looks back on more than one state.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) where training has led c to 0 or to no number; as
    /// [`ParamStore::value_of`].
    pub fn schemes(&self, store: &ParamStore) -> Result<Vec<BlockScheme>> {
        let blocks = self.plan().enumerate().filter(|(_, plan)| plan.projections.len() > 1);
        let scheme = |block| {
            let trained = |name: &str| {
                let name = format!("blocks.{block}.{name}");
                let Some(param) = store.param(&name) else {
                    let message = format!("has no `{name}`; use the store of this network");
                    return Err(lowland_core::Error::invalid("parameter store", message));
                };
                Ok(store.value_of(&param)?[0])
            };
            let (trained, scheme) = match self.family {
                Family::ZeroSNet(fixed @ Coefficients::Fixed { .. }) => (None, fixed.scheme()?),
                Family::ZeroSNet(Coefficients::Trainable { .. }) => {
                    let c = trained("c")?;
                    (Some(c), Scheme::from_c(c)?)
                }
                Family::LmResNet => {
                    let k = trained("k")?;
                    (Some(k), Scheme::lm_resnet(k)?)
                }
                Family::ResNet { .. } | Family::Plain | Family::PreActResNet => {
                    (None, Scheme::resnet())
                }
            };
            Ok(BlockScheme { block, trained, scheme })
        };
        blocks.map(|(block, _)| scheme(block)).collect()
    }
}
