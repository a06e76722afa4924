//! Ops that move or pick elements, on random shapes, against loops over indices.

use lowland_core::op::{Binary, BinaryKind, Broadcast, Permute, Reduce, ReduceKind, Slice};
use lowland_core::{Backend, Op, Shape};
use lowland_cpu::Cpu;
use proptest::prelude::*;

/// Every index of a shape, in row-major order.
fn indices(shape: &[usize]) -> Vec<Vec<usize>> {
    shape.iter().fold(vec![vec![]], |all, &extent| {
        let extend = |index: &Vec<usize>| -> Vec<Vec<usize>> {
            (0..extent).map(|i| index.iter().copied().chain([i]).collect()).collect()
        };
        all.iter().flat_map(extend).collect()
    })
}

/// The place of an index in a shape, aligned at the last axis, where an extent of 1 is repeated.
fn place(shape: &[usize], index: &[usize]) -> usize {
    let index = &index[index.len() - shape.len()..];
    shape
        .iter()
        .zip(index)
        .fold(0, |at, (&extent, &i)| at * extent + if extent == 1 { 0 } else { i })
}

/// Small whole numbers, so that sums are exact in any order.
fn numbers(len: usize, seed: usize) -> Vec<f64> {
    (0..len).map(|i| ((i * 37 + seed * 11) % 19) as f64 - 9.0).collect()
}

fn run(op: &Op, inputs: &[&[f64]]) -> Vec<f64> {
    let cpu = Cpu::new(2);
    let backend: &dyn Backend = &cpu;
    let inputs: Vec<_> = inputs.iter().map(|x| backend.buffer_from(x).unwrap()).collect();
    let y = backend.filled(op.operands().outputs[0].len, lowland_core::DType::F64, 0.125).unwrap();
    backend.run(op, &inputs.iter().collect::<Vec<_>>(), &[&y]).unwrap();
    backend.to_vec(&y).unwrap()
}

fn len(shape: &[usize]) -> usize {
    shape.iter().product()
}

/// Extents, 0 and 1 among them, and for each axis something to choose by.
fn shape(largest: usize) -> impl Strategy<Value = (Vec<usize>, Vec<usize>)> {
    let axis = (prop_oneof![1 => Just(0usize), 3 => Just(1), 12 => 2..=largest], 0usize..1000);
    prop::collection::vec(axis, 0..=5).prop_map(|axes| axes.into_iter().unzip())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn binary((out, choices) in shape(6), kind in 0usize..4, skip in 0usize..3) {
        let squeezed = |bit: usize| -> Vec<usize> {
            out.iter().zip(&choices).map(|(&e, c)| if c >> bit & 1 > 0 { 1 } else { e }).collect()
        };
        let (a, b) = (squeezed(0), squeezed(1));
        let b = &b[skip.min(b.len())..];
        let kind = BinaryKind::ALL[kind];
        let op = Binary::new(kind, Shape::new(&a), Shape::new(b)).unwrap();
        let (x, z) = (numbers(len(&a), 1), numbers(len(b), 2));
        let f = |x: f64, z: f64| match kind {
            BinaryKind::Add => x + z,
            BinaryKind::Sub => x - z,
            BinaryKind::Mul => x * z,
            _ => x / z,
        };
        let all = indices(op.out.extents());
        let want: Vec<f64> = all.iter().map(|i| f(x[place(&a, i)], z[place(b, i)])).collect();
        let bits = |all: Vec<f64>| -> Vec<u64> {
            all.into_iter().map(|x| if x.is_nan() { 0 } else { x.to_bits() }).collect()
        };
        prop_assert_eq!(bits(run(&Op::Binary(op), &[&x, &z])), bits(want));
    }

    #[test]
    fn broadcast((to, choices) in shape(6), skip in 0usize..3) {
        let from: Vec<usize> =
            to.iter().zip(&choices).map(|(&e, c)| if c % 2 > 0 { 1 } else { e }).collect();
        let from = &from[skip.min(from.len())..];
        let op = Broadcast::new(Shape::new(from), Shape::new(&to), 0.5).unwrap();
        let x = numbers(len(from), 3);
        let want: Vec<f64> = indices(&to).iter().map(|i| 0.5 * x[place(from, i)]).collect();
        prop_assert_eq!(run(&Op::Broadcast(op), &[&x]), want);
    }

    #[test]
    fn reduce((from, choices) in shape(9), kind in 0usize..3) {
        let axes: Vec<usize> = (0..from.len()).filter(|&axis| choices[axis] % 2 > 0).collect();
        let Ok(op) = Reduce::new(ReduceKind::ALL[kind], Shape::new(&from), &axes) else {
            return Ok(());
        };
        let x = numbers(len(&from), 4);
        let to = op.to.extents();
        let start = if op.kind == ReduceKind::Max { f64::NEG_INFINITY } else { 0.0 };
        let mut want = vec![start; len(to)];
        for (i, &x) in indices(&from).iter().zip(&x) {
            let want = &mut want[place(to, i)];
            *want = if op.kind == ReduceKind::Max { want.max(x) } else { *want + x };
        }
        if op.kind == ReduceKind::Mean {
            want.iter_mut().for_each(|want| *want /= op.count() as f64);
        }
        prop_assert_eq!(run(&Op::Reduce(op), &[&x]), want.clone());
        if op.kind == ReduceKind::Max {
            let dy = numbers(len(to), 5);
            let mut given = vec![false; len(to)];
            let dx: Vec<f64> = indices(&from).iter().zip(&x).map(|(i, &x)| {
                let at = place(to, i);
                let first = !given[at] && x == want[at];
                given[at] |= first;
                if first { dy[at] } else { 0.0 }
            }).collect();
            prop_assert_eq!(run(&Op::ReduceMaxGrad(op), &[&x, &want, &dy]), dx);
        }
    }

    #[test]
    fn permute((from, choices) in shape(7)) {
        let mut order: Vec<usize> = (0..from.len()).collect();
        order.sort_by_key(|&axis| choices[axis]);
        let op = Permute::new(Shape::new(&from), &order).unwrap();
        let x = numbers(len(&from), 6);
        let want: Vec<f64> = indices(op.to.extents()).iter().map(|i| {
            let mut source = vec![0; i.len()];
            order.iter().zip(i).for_each(|(&axis, &i)| source[axis] = i);
            x[place(&from, &source)]
        }).collect();
        prop_assert_eq!(run(&Op::Permute(op), &[&x]), want.clone());
        prop_assert_eq!(run(&Op::Permute(op.inverse()), &[&want]), x);
    }

    #[test]
    fn slice_and_embed((whole, choices) in shape(8), fewer in 0usize..3) {
        let step: Vec<usize> = choices.iter().map(|c| 1 + c % 3).collect();
        let start: Vec<usize> = whole.iter().zip(&choices).map(|(&e, c)| c / 3 % e.max(1)).collect();
        let block: Vec<usize> = (0..whole.len())
            .map(|k| (whole[k].saturating_sub(start[k])).div_ceil(step[k]))
            .map(|most| most.saturating_sub(fewer))
            .collect();
        let op = Slice::new(Shape::new(&whole), Shape::new(&block), &start, &step).unwrap();
        let x = numbers(len(&whole), 7);
        let source = |i: &Vec<usize>| -> usize {
            let at: Vec<usize> = (0..i.len()).map(|k| start[k] + step[k] * i[k]).collect();
            at.iter().zip(&whole).fold(0, |place, (&i, &extent)| place * extent + i)
        };
        let all = indices(&block);
        let want: Vec<f64> = all.iter().map(|i| x[source(i)]).collect();
        prop_assert_eq!(run(&Op::Slice(op), &[&x]), want.clone());
        let mut embedded = vec![0.0; len(&whole)];
        all.iter().zip(&want).for_each(|(i, &x)| embedded[source(i)] = x);
        prop_assert_eq!(run(&Op::Embed(op), &[&want]), embedded);
    }
}
