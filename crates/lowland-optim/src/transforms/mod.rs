//! The transforms of whole tensors, one file a transform.

pub(crate) mod adaptive_atan;
pub mod channel_directed;
mod examples;

pub use adaptive_atan::AdaptiveAtan;
pub use channel_directed::ChannelDirected;
pub use examples::examples;
