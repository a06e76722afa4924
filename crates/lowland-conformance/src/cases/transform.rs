//! Transforms of whole tensors: cut into blocks and not, with scratch memory and without, of tensors
//! of every rank, with gaps and without, in any order.

use std::sync::Arc;

use lowland_core::op::{TensorAt, TransformTensors};
use lowland_core::{DynTransform, Op, Real, Shape, Transform};

use super::{Case, Random, Tolerance, shape};

/// Takes the mean along the first axis off every element.
#[derive(Debug)]
struct CenterColumns;

impl Transform for CenterColumns {
    fn name(&self) -> &'static str {
        "center_columns"
    }

    fn applies_to(&self, _: &Shape) -> bool {
        true
    }

    fn scratch_len(&self, shape: &Shape) -> usize {
        shape.len() / shape.extents().first().unwrap_or(&1)
    }

    fn apply<T: Real>(&self, tensor: &mut [T], _: &Shape, scratch: &mut [f64]) {
        let columns = scratch.len();
        let rows = (tensor.len() / columns) as f64;
        scratch.fill(0.0);
        for row in tensor.chunks(columns) {
            scratch.iter_mut().zip(row).for_each(|(sum, x)| *sum += x.f64());
        }
        for row in tensor.chunks_mut(columns) {
            row.iter_mut().zip(&*scratch).for_each(|(x, sum)| *x = T::of(x.f64() - sum / rows));
        }
    }
}

/// Divides each element by one plus the largest magnitude along the last axis.
#[derive(Debug)]
struct ScaleRows;

impl Transform for ScaleRows {
    fn name(&self) -> &'static str {
        "scale_rows"
    }

    fn applies_to(&self, shape: &Shape) -> bool {
        shape.rank() > 0
    }

    fn blocks(&self, shape: &Shape) -> usize {
        shape.len() / shape[shape.rank() - 1]
    }

    fn apply<T: Real>(&self, rows: &mut [T], shape: &Shape, _: &mut [f64]) {
        for row in rows.chunks_mut(shape[shape.rank() - 1]) {
            let largest = row.iter().fold(0.0, |largest: f64, x| largest.max(x.f64().abs()));
            row.iter_mut().for_each(|x| *x = T::of(x.f64() / (1.0 + largest)));
        }
    }
}

/// The first element of a tensor, and its extents.
type Place = (usize, &'static [usize]);

pub(super) fn cases(random: &mut Random) -> Vec<Case> {
    let tables: [(usize, &[Place]); 9] = [
        (0, &[]),
        (5, &[]),
        (4, &[(1, &[0, 3])]),
        (1, &[(0, &[1])]),
        (33, &[(0, &[33])]),
        (40, &[(30, &[2, 3]), (2, &[3, 1, 2, 2]), (14, &[16])]),
        (150, &[(0, &[2, 3, 5, 5])]),
        (70_100, &[(64, &[16, 9, 3, 3]), (1400, &[1, 60_001]), (65_000, &[5000, 1])]),
        (50_000, &[(3, &[19_999, 2]), (40_001, &[7, 1003])]),
    ];
    let transforms: [Arc<dyn DynTransform>; 2] = [Arc::new(CenterColumns), Arc::new(ScaleRows)];
    let mut cases = Vec::new();
    for transform in transforms {
        for (len, table) in tables {
            let at =
                |&(offset, extents): &(usize, &[usize])| TensorAt { offset, shape: shape(extents) };
            let tensors: Vec<TensorAt> = table.iter().map(at).collect();
            let op = TransformTensors::new(Arc::clone(&transform), &tensors, len);
            let op = Op::Transform(op.expect("tensors inside the arena"));
            let case = Case { before: vec![random.floats(len)], ..Case::random(op, random) };
            cases.push(case.within(Tolerance::Largest { terms: 1, floor: 1.0 }));
        }
    }
    cases
}
