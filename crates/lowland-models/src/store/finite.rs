//! The search for a number that is not finite.

use std::sync::Arc;

use lowland_core::{Buffer, Result, Shape};

use super::ParamStore;
use crate::Values;

/// One of the arenas of a [`ParamStore`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arena {
    /// That of parameters.
    Params,
    /// That of their gradients.
    Grads,
    /// That of running statistics.
    Stats,
}

/// A NaN or an infinity in a [`ParamStore`].
#[derive(Clone, Debug, PartialEq)]
pub struct NonFinite {
    /// The name, in the state dict, of the tensor that holds it.
    pub name: Arc<str>,
    /// Where it is in the tensor: an index for each axis.
    pub index: Vec<usize>,
    /// What it is.
    pub value: f64,
}

impl NonFinite {
    /// The first NaN or infinity among the elements of a tensor, in row-major order.
    #[must_use]
    pub fn first(name: &Arc<str>, shape: &Shape, values: &[f64]) -> Option<NonFinite> {
        let at = values.iter().position(|value| !value.is_finite())?;
        Some(NonFinite { name: name.clone(), index: index_of(at, shape), value: values[at] })
    }
}

impl ParamStore {
    /// One of its arenas.
    #[must_use]
    pub fn arena(&self, arena: Arena) -> &Buffer {
        match arena {
            Arena::Params => &self.params,
            Arena::Grads => &self.grads,
            Arena::Stats => &self.stats,
        }
    }

    /// The first NaN or infinity in an arena: that of the first tensor which has one, in the order in
    /// which the layers were made. Downloads the arena.
    ///
    /// # Errors
    /// As [`Backend::download`](lowland_core::Backend::download).
    pub fn first_non_finite(&self, arena: Arena) -> Result<Option<NonFinite>> {
        let values = Values::download(&*self.device, self.arena(arena))?.to_f64();
        let find = |name: &Arc<str>, shape: Shape, offset: usize| {
            NonFinite::first(name, &shape, &values[offset..offset + shape.len()])
        };
        Ok(match arena {
            Arena::Params | Arena::Grads => {
                self.entries.iter().find_map(|entry| find(&entry.name, entry.shape, entry.offset))
            }
            Arena::Stats => self
                .stat_entries
                .iter()
                .find_map(|entry| find(&entry.name, entry.shape, entry.offset)),
        })
    }
}

/// The index along each axis of an element of a row-major tensor.
fn index_of(element: usize, shape: &Shape) -> Vec<usize> {
    let mut rest = element;
    let mut index: Vec<usize> = shape
        .extents()
        .iter()
        .rev()
        .map(|extent| {
            let along = rest % extent;
            rest /= extent;
            along
        })
        .collect();
    index.reverse();
    index
}
