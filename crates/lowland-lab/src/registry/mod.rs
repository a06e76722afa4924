//! All runs below a folder: found, chosen by their config, compared, exported.

mod compare;
mod export;
mod filter;
mod find;

pub use compare::{Comparison, compare};
pub use export::{Row, csv, rows};
pub use filter::{Filter, status_of};
pub use find::{Found, find};
