//! Channel-directed gradients, as a config.

use std::sync::Arc;

use lowland_core::DynTransform;
use serde::{Deserialize, Serialize};

use crate::docs::Entry;
use crate::error::{Result, require};
use crate::registry::metrics;
use crate::transforms::ChannelDirected;
use crate::transforms::channel_directed::{
    Axis, Ends, MeanSplitSobolev, Metric, ReweightedL2, Sobolev,
};

/// The names of metrics, and the metric that each stands for.
macro_rules! metric {
    ($($(#[$doc:meta])* $kind:ident => $metric:expr, $text:expr;)*) => {
        /// A metric of gradients by its name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum MetricKind {
            $($(#[$doc])* $kind,)*
        }

        impl ChannelDirectedConfig {
            /// The transform.
            #[must_use]
            pub fn transform(&self) -> Arc<dyn DynTransform> {
                match self.metric {
                    $(MetricKind::$kind => self.with_metric($metric(self.lambda, self.ends.unwrap_or_default())),)*
                }
            }
        }

        /// What a list of methods tells of each.
        pub(crate) const DOCS: &[&Entry] = &[$(&$text),*];
    };
}
metrics!(metric);

/// [`ChannelDirected`] as a table of a config file.
///
/// ```
/// use lowland_optim::{ChannelDirectedConfig, MetricKind};
/// use lowland_optim::transforms::channel_directed::Axis;
///
/// let config: ChannelDirectedConfig = toml::from_str("metric = \"sobolev\"\nlambda = 0.5")?;
/// assert_eq!((config.ends, config.axis, config.linear), (None, Axis::Output, false));
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelDirectedConfig {
    /// `h0`, `h1` or `sobolev`.
    pub metric: MetricKind,
    /// The weight of the deviation from the mean, or of the derivative, 1e-30 to 1e30.
    pub lambda: f64,
    /// `periodic`, which they are where this is left out, or `neumann`; `h0` has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<Ends>,
    /// `output`, `input`, `height` or `width`.
    #[serde(default)]
    pub axis: Axis,
    /// Whether weights of linear layers are smoothed too.
    #[serde(default)]
    pub linear: bool,
}

impl ChannelDirectedConfig {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`Error::Hyper`](crate::Error::Hyper) with the field.
    pub fn validate(&self) -> Result<()> {
        let ok = (1e-30..=1e30).contains(&self.lambda);
        require(ok, || "channel_directed.lambda".into(), "1e-30 to 1e30", self.lambda)?;
        if let Some(ends) = self.ends.filter(|_| self.metric == MetricKind::H0) {
            let allowed = "left out: h0 compares no neighbours and has no ends";
            let got = if ends == Ends::Periodic { "periodic" } else { "neumann" };
            require(false, || "channel_directed.ends".into(), allowed, format_args!("{got}"))?;
        }
        let ok = !self.linear || matches!(self.axis, Axis::Output | Axis::Input);
        let allowed = "false where the axis is one of a kernel, which a linear layer has none of";
        require(ok, || "channel_directed.linear".into(), allowed, self.linear)
    }

    fn with_metric<M: Metric>(&self, metric: M) -> Arc<dyn DynTransform> {
        Arc::new(ChannelDirected { metric, axis: self.axis, linear: self.linear })
    }
}
