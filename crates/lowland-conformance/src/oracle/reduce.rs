//! Sums, means and maxima over axes.

use lowland_core::op::{Reduce, ReduceKind};

use super::index::{ravel_stretched, unravel};
use super::sum::sum;

pub(super) fn forward(op: &Reduce, x: &[f64]) -> Vec<f64> {
    let of_group = |group: Vec<usize>| {
        let values = group.iter().map(|&i| x[i]);
        match op.kind {
            ReduceKind::Sum => sum(values),
            ReduceKind::Mean => sum(values) / group.len() as f64,
            ReduceKind::Max => x[first_largest(x, &group)],
            other => panic!("the oracle has no rule for {}", other.name()),
        }
    };
    groups(op).into_iter().map(of_group).collect()
}

pub(super) fn max_grad(op: &Reduce, x: &[f64], y: &[f64], dy: &[f64]) -> Vec<f64> {
    let mut dx = vec![0.0; x.len()];
    for (result, group) in groups(op).into_iter().enumerate() {
        let has_it = |&&i: &&usize| x[i] == y[result] || x[i].is_nan() && y[result].is_nan();
        if let Some(&first) = group.iter().find(has_it) {
            dx[first] = dy[result];
        }
    }
    dx
}

/// For each result, the positions of the elements that go into it, in row-major order.
fn groups(op: &Reduce) -> Vec<Vec<usize>> {
    let mut groups = vec![Vec::new(); op.to.len()];
    for position in 0..op.from.len() {
        let index = unravel(position, &op.from);
        groups[ravel_stretched(&index, &op.from, &op.to)].push(position);
    }
    groups
}

/// The first position that has the largest value; a NaN is larger than everything.
pub(super) fn first_largest(x: &[f64], positions: &[usize]) -> usize {
    let mut largest = positions[0];
    for &position in positions {
        if x[position] > x[largest] || x[position].is_nan() && !x[largest].is_nan() {
            largest = position;
        }
    }
    largest
}
