//! Which network, as a person writes it in a file.

use lowland_core::DType;
use lowland_tensor::Device;
use serde::{Deserialize, Serialize};

use super::{Coefficients, Entry, Family, Shortcut, Spec, Stem, find, names};
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
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// One of [`names`].
    pub name: String,
    /// How a block of a ResNet whose output is smaller and wider than its input adds the one to the
    /// other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shortcut: Option<Shortcut>,
    /// Channels of each stage, before the expansion of bottlenecks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub widths: Option<Vec<usize>>,
    /// Residual blocks in each stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocks: Option<Vec<usize>>,
    /// Whether the coefficients of a ZeroSNet are trained; `opt` where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<Variant>,
    /// The c of a ZeroSNet: that of all blocks for `opt`, where those of all blocks start for `tra`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub c: Option<f64>,
    /// The coefficients a0, a1, a2 and b0 of a ZeroSNet, in place of c.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coefficients: Option<Vec<f64>>,
}

/// The two kinds of ZeroSNet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Variant {
    /// ZeroSNet-Opt: coefficients that stay as they are, by default those of c = -9/5.
    Opt,
    /// ZeroSNet-Tra: a trainable c in each block from the third on, which starts at 1, or at -9/5 in
    /// the form for ImageNet.
    Tra,
}

impl ModelConfig {
    /// The published form of a network.
    #[must_use]
    pub fn named(name: &str) -> Self {
        ModelConfig { name: name.to_owned(), ..ModelConfig::default() }
    }

    /// The structure, checked.
    ///
    /// # Errors
    /// [`Error::Config`] that names the field and the allowed values.
    pub fn spec(&self) -> Result<Spec> {
        let Some(entry) = find(&self.name) else {
            let all: Vec<&str> = names().collect();
            let message = format!("there is no network `{}`; one of {}", self.name, all.join(", "));
            return Err(Error::config("name", message));
        };
        let published = entry.spec();
        let spec = Spec {
            family: self.family(entry)?,
            widths: self.widths.clone().unwrap_or(published.widths),
            blocks: self.blocks.clone().unwrap_or(published.blocks),
            ..published
        };
        spec.validate()?;
        Ok(spec)
    }

    /// The entry's family with what this config says of it.
    fn family(&self, entry: &Entry) -> Result<Family> {
        let is_resnet = matches!(entry.family, Family::ResNet { .. });
        let is_zerosnet = matches!(entry.family, Family::ZeroSNet(_));
        for (field, given, fits, whose) in [
            ("shortcut", self.shortcut.is_some(), is_resnet, "resnet"),
            ("variant", self.variant.is_some(), is_zerosnet, "zerosnet"),
            ("c", self.c.is_some(), is_zerosnet, "zerosnet"),
            ("coefficients", self.coefficients.is_some(), is_zerosnet, "zerosnet"),
        ] {
            if given && !fits {
                let name = entry.name;
                let message =
                    format!("`{name}` has none; networks whose name begins with `{whose}` have");
                return Err(Error::config(field, message));
            }
        }
        Ok(match entry.family {
            Family::ResNet { shortcut } => {
                Family::ResNet { shortcut: self.shortcut.unwrap_or(shortcut) }
            }
            Family::ZeroSNet(_) => Family::ZeroSNet(self.zerosnet_coefficients(entry.stem)?),
            family => family,
        })
    }

    fn zerosnet_coefficients(&self, stem: Stem) -> Result<Coefficients> {
        match (self.variant.unwrap_or(Variant::Opt), self.c, &self.coefficients) {
            (Variant::Tra, _, Some(_)) => {
                let message = "the variant `tra` trains c; leave them out, or choose `opt`";
                Err(Error::config("coefficients", message))
            }
            (Variant::Tra, Some(c), None) => Ok(Coefficients::Trainable { c }),
            (Variant::Tra, None, None) => {
                Ok(Coefficients::Trainable { c: if stem == Stem::ImageNet { -1.8 } else { 1.0 } })
            }
            (Variant::Opt, Some(_), Some(_)) => {
                Err(Error::config("c", "coefficients are given too; leave one of the two out"))
            }
            (Variant::Opt, Some(c), None) => Coefficients::of_c(c),
            (Variant::Opt, None, Some(given)) => match given[..] {
                [a0, a1, a2, b0] => Ok(Coefficients::Fixed { a: [a0, a1, a2], b0 }),
                _ => {
                    let message = format!("{} numbers; give four: a0, a1, a2 and b0", given.len());
                    Err(Error::config("coefficients", message))
                }
            },
            (Variant::Opt, None, None) => Ok(Coefficients::OPT),
        }
    }

    /// The same network with every field written out.
    ///
    /// # Errors
    /// As [`ModelConfig::spec`].
    pub fn resolved(&self) -> Result<Self> {
        let Spec { family, widths, blocks, .. } = self.spec()?;
        let mut config = ModelConfig::named(&self.name);
        (config.widths, config.blocks) = (Some(widths), Some(blocks));
        match family {
            Family::ResNet { shortcut } => config.shortcut = Some(shortcut),
            Family::ZeroSNet(Coefficients::Fixed { a: [a0, a1, a2], b0 }) => {
                config.variant = Some(Variant::Opt);
                config.coefficients = Some(vec![a0, a1, a2, b0]);
            }
            Family::ZeroSNet(Coefficients::Trainable { c }) => {
                config.variant = Some(Variant::Tra);
                config.c = Some(c);
            }
            Family::Plain | Family::PreActResNet | Family::LmResNet => {}
        }
        Ok(config)
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
        let module = spec.network(builder.root(), input[2], classes)?;
        Ok(Model {
            module,
            store: builder.build(device, dtype, seed)?,
            name: self.name.clone(),
            input,
            classes,
            multiply_adds: spec.multiply_adds(input, classes),
            spec,
        })
    }
}
