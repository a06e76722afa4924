//! Whole tensors transformed in place: all tensors of an op in one launch or two.

use lowland_core::op::{TensorAt, TransformTensors};
use lowland_core::transform::{self, DynTransform, Form};
use lowland_core::{Error, Result};

use crate::args::args;
use crate::driver::{Address, Unit};
use crate::functor::{Functor, narrow};
use crate::launcher::{Launcher, THREADS};
use crate::tables::{CHUNK, Content, Table};

args! {
    struct ColumnsArgs { tensors: Address, columns: Address, numbers: Address, scratch: Address }
    struct ReducedArgs { tensors: Address, chunks: Address, numbers: Address, partial: Address }
}

/// Why a transform cannot be run, and what to do about it.
pub(crate) fn lacks(transform: &dyn DynTransform) -> Option<String> {
    match transform.functor() {
        None => Some("it has no functor (Transform::functor)".into()),
        Some(functor) => device(&functor).missing(),
    }
}

fn device(functor: &transform::Functor) -> Functor {
    Functor::new("transforms", &functor.name, &functor.constants)
}

pub(super) fn forward(
    op: &TransformTensors,
    launcher: &Launcher,
    [tensors]: [Address; 1],
) -> Result<()> {
    let described = op.transform.functor();
    let described = described.ok_or_else(|| {
        Error::invalid("tensor transform", format!("{:?} has no functor", op.transform))
    })?;
    let functor = device(&described);
    let form = described.form;
    let table =
        launcher.tables.get(&launcher.pool, "transform", &[&op.tensors, &op.transform], || {
            match form {
                Form::Columns { axis, work_space } => columns(op, axis, work_space),
                Form::Reduced => Ok(chunks(op)),
            }
        })?;
    let name = format!("transform {}", functor.label);
    let unit = || Ok(Unit { name: name.clone(), text: text(&functor, form) });
    let Table { rows, numbers, blocks, scratch_len, .. } = *table;
    let scratch = launcher.scratch(scratch_len * size_of::<f64>())?;
    match form {
        Form::Columns { .. } => {
            let args = ColumnsArgs { tensors, columns: rows, numbers, scratch: scratch.address() };
            launcher.launch_unit(&name, unit, "transform", blocks, &args)
        }
        Form::Reduced => {
            let args = ReducedArgs { tensors, chunks: rows, numbers, partial: scratch.address() };
            launcher.launch_unit(&name, unit, "reduce", blocks, &args)?;
            launcher.launch_unit(&name, unit, "map", blocks, &args)
        }
    }
}

/// A block for every [`THREADS`] columns along an axis of a tensor.
fn columns(op: &TransformTensors, axis: usize, work_space: bool) -> Result<Content> {
    let mut content = Content::default();
    let threads = THREADS as usize;
    for TensorAt { offset, shape } in op.tensors.iter() {
        let n = shape[axis];
        let inner: usize = shape.extents()[axis + 1..].iter().product();
        narrow("tensor transform", "elements between the rows of a tensor", n.max(inner))?;
        let mut numbers = vec![1.0 / n as f64];
        numbers.extend(op.transform.numbers(shape));
        let numbers = content.add_numbers(&numbers);
        let columns = shape.len() / n;
        for first in (0..columns).step_by(threads) {
            let (count, scratch) = (threads.min(columns - first), content.scratch_len);
            content.push([*offset, n, inner, first, count, numbers, scratch]);
            content.scratch_len += if work_space { n * threads } else { 0 };
        }
    }
    Ok(content)
}

/// A block for every [`CHUNK`] elements of a tensor, which knows the blocks of the same tensor.
fn chunks(op: &TransformTensors) -> Content {
    let mut content = Content::default();
    for TensorAt { offset, shape } in op.tensors.iter() {
        let numbers = content.add_numbers(&op.transform.numbers(shape));
        let (len, first) = (shape.len(), content.blocks);
        for start in (0..len).step_by(CHUNK) {
            let own = CHUNK.min(len - start);
            content.push([offset + start, own, first, len.div_ceil(CHUNK), numbers]);
        }
    }
    content.scratch_len = content.blocks;
    content
}

/// The kernels of a functor.
fn text(functor: &Functor, form: Form) -> String {
    let (include, type_name) = (functor.include(), &functor.type_name);
    match form {
        Form::Columns { .. } => format!(
            "#include \"transforms/columns.cuh\"\n{include}\n\
             typedef {type_name} Functor;\n\n\
             KERNEL(transform, ColumnsArgs) {{ each_column<Functor>(a); }}\n"
        ),
        Form::Reduced => format!(
            "#include \"transforms/reduced.cuh\"\n{include}\n\
             typedef {type_name} Functor;\n\n\
             KERNEL(reduce, ReducedArgs) {{\n    __shared__ float shared[THREADS / WARP];\n    \
             reduce_chunk<Functor>(a, shared);\n}}\n\n\
             KERNEL(map, ReducedArgs) {{\n    __shared__ float shared[THREADS / WARP];\n    \
             map_chunk<Functor>(a, shared);\n}}\n"
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use lowland_core::{Real, Shape, Transform};
    use lowland_optim::transforms::channel_directed::{Axis, Ends, Sobolev};
    use lowland_optim::transforms::{AdaptiveAtan, ChannelDirected};

    use super::*;

    fn at(offset: usize, dims: &[usize]) -> TensorAt {
        TensorAt { offset, shape: Shape::new(dims) }
    }

    #[test]
    fn columns_are_cut_into_blocks_of_threads() {
        let metric = Sobolev { lambda: 0.5, ends: Ends::Periodic };
        let smooth = ChannelDirected { metric, axis: Axis::Input, linear: false };
        let tensors = [at(10, &[40, 2, 3, 3]), at(1000, &[1, 2, 1, 1])];
        let op = TransformTensors::new(Arc::new(smooth), &tensors, 2000).unwrap();
        let content = columns(&op, 1, true).unwrap();
        assert_eq!(content.blocks, 3);
        // offset, n, inner, first column, columns, numbers, work space
        assert_eq!(content.rows[..7], [10, 2, 9, 0, 256, 0, 0]);
        assert_eq!(content.rows[7..14], [10, 2, 9, 256, 104, 0, 512]);
        assert_eq!(content.rows[14..], [1000, 2, 1, 0, 1, 0, 1024]);
        assert_eq!(
            (content.numbers.len(), content.numbers[0], content.scratch_len),
            (5, 0.5, 1536)
        );
        assert_eq!(columns(&op, 1, false).unwrap().scratch_len, 0);
    }

    #[test]
    fn chunks_know_those_of_their_tensor() {
        let tensors = [at(7, &[CHUNK + 2]), at(0, &[3])];
        let atan = AdaptiveAtan { shrink: 1.5, gamma: 2.0 };
        let op = TransformTensors::new(Arc::new(atan), &tensors, 2 * CHUNK).unwrap();
        let content = chunks(&op);
        let chunk = CHUNK as u64;
        assert_eq!(content.rows[..5], [0, 3, 0, 1, 0]);
        assert_eq!(content.rows[5..], [7, chunk, 1, 2, 0, 7 + chunk, 2, 1, 2, 0]);
        assert_eq!((content.numbers.len(), content.scratch_len), (2, 3));
    }

    #[test]
    fn a_transform_without_a_functor_says_what_to_write() {
        #[derive(Debug)]
        struct Novel(bool);

        impl Transform for Novel {
            fn name(&self) -> &'static str {
                "novel"
            }

            fn applies_to(&self, _: &Shape) -> bool {
                true
            }

            fn functor(&self) -> Option<transform::Functor> {
                let functor = |()| transform::Functor {
                    name: "novel".into(),
                    constants: vec![],
                    form: Form::Reduced,
                };
                self.0.then_some(()).map(functor)
            }

            fn apply<T: Real>(&self, _: &mut [T], _: &Shape, _: &mut [f64]) {}
        }

        assert_eq!(lacks(&AdaptiveAtan { shrink: 1.5, gamma: 2.0 }), None);
        assert_eq!(lacks(&Novel(true)).as_deref(), Some("write kernels/transforms/novel.cuh"));
        assert_eq!(lacks(&Novel(false)).as_deref(), Some("it has no functor (Transform::functor)"));
    }
}
