//! The transforms of whole tensors, one file a transform.

mod adaptive_atan;
pub mod channel_directed;

pub use adaptive_atan::AdaptiveAtan;
pub use channel_directed::ChannelDirected;
