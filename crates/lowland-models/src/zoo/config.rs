//! Which network, as a person writes it in a file.

use lowland_core::DType;
use lowland_tensor::Device;
use serde::{Deserialize, Serialize};

use super::{ResNet, ResNetSpec, Shortcut, find, names};
use crate::{Error, Model, Result, StoreBuilder};

/// Images and labels beyond this are a mistake, and products of sizes might overflow.
const MAX_SIZE: usize = 1 << 20;

/// A network by name, with what differs from the published form.
///
/// ```
/// use lowland_models::ModelConfig;
/// let json = r#"{ "name": "resnet20", "widths": [4, 8, 16] }"#;
/// let config: ModelConfig = serde_json::from_str(json)?;
/// assert_eq!(config.spec()?.blocks, [3, 3, 3]);
/// let wrong = ModelConfig::named("resnet21").spec().unwrap_err();
/// assert!(wrong.to_string().starts_with("name: there is no network `resnet21`; one of resnet"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// One of [`names`].
    pub name: String,
    /// How a block whose output is smaller and wider than its input adds the one to the other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shortcut: Option<Shortcut>,
    /// Channels of each stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub widths: Option<Vec<usize>>,
    /// Residual blocks in each stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocks: Option<Vec<usize>>,
}

impl ModelConfig {
    /// The published form of a network.
    #[must_use]
    pub fn named(name: &str) -> Self {
        ModelConfig { name: name.to_owned(), shortcut: None, widths: None, blocks: None }
    }

    /// The structure, checked.
    ///
    /// # Errors
    /// [`Error::Config`] that names the field and the allowed values.
    pub fn spec(&self) -> Result<ResNetSpec> {
        let Some(entry) = find(&self.name) else {
            let all: Vec<&str> = names().collect();
            let message = format!("there is no network `{}`; one of {}", self.name, all.join(", "));
            return Err(Error::config("name", message));
        };
        let published = entry.spec();
        let spec = ResNetSpec {
            widths: self.widths.clone().unwrap_or(published.widths),
            blocks: self.blocks.clone().unwrap_or(published.blocks),
            shortcut: self.shortcut.unwrap_or(published.shortcut),
        };
        spec.validate()?;
        Ok(spec)
    }

    /// The same network with every field written out.
    ///
    /// # Errors
    /// As [`ModelConfig::spec`].
    pub fn resolved(&self) -> Result<Self> {
        let ResNetSpec { widths, blocks, shortcut } = self.spec()?;
        Ok(ModelConfig {
            name: self.name.clone(),
            shortcut: Some(shortcut),
            widths: Some(widths),
            blocks: Some(blocks),
        })
    }

    /// The network for images of `input` = H, W, C, with initial values drawn from `seed`: He
    /// normal by fan-out for convolutions, 1 and 0 for normalisations, PyTorch's for `fc`.
    ///
    /// # Errors
    /// As [`ModelConfig::spec`]; [`Error::Config`] for images or classes that cannot be; and as
    /// [`StoreBuilder::build`].
    pub fn build(
        &self,
        input: [usize; 3],
        classes: usize,
        device: &Device,
        dtype: DType,
        seed: u64,
    ) -> Result<Model> {
        let spec = self.spec()?;
        let sizes = 1..=MAX_SIZE;
        if !input.iter().all(|size| sizes.contains(size)) {
            let message = format!("{input:?}; height, width and channels can be 1 to {MAX_SIZE}");
            return Err(Error::config("input", message));
        }
        if !sizes.contains(&classes) {
            return Err(Error::config(
                "classes",
                format!("{classes}; there can be 1 to {MAX_SIZE}"),
            ));
        }
        let mut builder = StoreBuilder::new();
        let module = ResNet::new(builder.root(), &spec, input[2], classes)?;
        Ok(Model {
            module: Box::new(module),
            store: builder.build(device, dtype, seed)?,
            name: self.name.clone(),
            input,
            classes,
            multiply_adds: spec.multiply_adds(input, classes),
        })
    }
}
