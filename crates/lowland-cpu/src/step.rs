//! One step of an optimizer.

use lowland_core::op::{Segment, Step};

use crate::CHUNK;
use crate::scalar::Scalar;
use crate::threads::Threads;

/// `read` are the gradients, and `arenas` the parameters and then the state slots, all read and
/// written. In a step that leaves directions, parameters and gradients have changed places.
pub(crate) fn forward<T: Scalar>(
    op: &Step,
    threads: &Threads,
    read: &[T],
    mut arenas: Vec<&mut [T]>,
) {
    let mut segments = op.segments.iter().filter(|segment| segment.len > 0).peekable();
    while segments.peek().is_some() {
        // As many segments as come in the order of the arenas, which usually is all of them, are cut
        // off one after the other, as the threads ask for them.
        let mut end = [0, 0];
        let stateful = arenas.len() > 1;
        let run = std::iter::from_fn(|| {
            let next =
                segments.next_if(|s| s.param >= end[0] && (!stateful || s.state >= end[1]))?;
            end = [next.param + next.len, next.state.saturating_add(next.len)];
            Some(*next)
        });
        let views = arenas.iter_mut().map(|arena| &mut **arena).collect();
        threads.for_each(Pieces::new(run, read, views), |piece: Piece<'_, T>| {
            let Piece { read, mut arenas } = piece;
            if let Some((updated, slots)) = arenas.split_first_mut() {
                match op.descends {
                    true => op.chain.run(&op.prepared, updated, read, slots),
                    false => op.chain.direct(&op.prepared, read, updated, slots),
                }
            }
        });
    }
}

/// Up to [`CHUNK`] elements of one segment.
struct Piece<'a, T> {
    read: &'a [T],
    /// Parameters or gradients, then state slots.
    arenas: Vec<&'a mut [T]>,
}

/// Cuts the pieces of ascending segments out of the arenas.
struct Pieces<'a, T, I> {
    segments: I,
    /// What is left of the current segment.
    current: Segment,
    read: &'a [T],
    /// What is left of each arena, and the index of its first element.
    arenas: Vec<(&'a mut [T], usize)>,
}

impl<'a, T, I: Iterator<Item = Segment>> Pieces<'a, T, I> {
    fn new(segments: I, read: &'a [T], arenas: Vec<&'a mut [T]>) -> Self {
        let arenas = arenas.into_iter().map(|arena| (arena, 0)).collect();
        Pieces { segments, current: Segment { param: 0, state: 0, len: 0 }, read, arenas }
    }
}

impl<'a, T, I: Iterator<Item = Segment>> Iterator for Pieces<'a, T, I> {
    type Item = Piece<'a, T>;

    fn next(&mut self) -> Option<Piece<'a, T>> {
        if self.current.len == 0 {
            self.current = self.segments.next()?;
        }
        let Segment { param, state, len } = self.current;
        let piece = len.min(CHUNK);
        let mut arenas = Vec::with_capacity(self.arenas.len());
        for (k, (rest, first)) in self.arenas.iter_mut().enumerate() {
            let start = if k == 0 { param } else { state };
            let (_, tail) = std::mem::take(rest).split_at_mut(start - *first);
            let (cut, tail) = tail.split_at_mut(piece);
            arenas.push(cut);
            (*rest, *first) = (tail, start + piece);
        }
        self.current =
            Segment { param: param + piece, state: state.saturating_add(piece), len: len - piece };
        Some(Piece { read: &self.read[param..param + piece], arenas })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use lowland_core::stage::{Block, Clock, Scalars, Stage};
    use lowland_core::{Backend, Buffer, Chain, Op, Real};

    use super::*;
    use crate::Cpu;
    use crate::testing::assert_updates;

    /// Two averages of the direction.
    #[derive(Debug)]
    struct Averages;

    impl Stage for Averages {
        fn name(&self) -> &'static str {
            "averages"
        }

        fn slots(&self) -> Vec<String> {
            vec!["fast".into(), "slow".into()]
        }

        fn apply_block<T: Real>(&self, _: Scalars<'_>, block: Block<'_, T>) {
            let [fast, slow] = block.state.slots();
            for ((d, fast), slow) in block.direction.iter_mut().zip(fast).zip(slow) {
                *fast = T::of(0.5) * *fast + *d;
                *slow = T::of(0.25) * *slow + *fast;
                *d = *slow;
            }
        }
    }

    fn segment(param: usize, state: usize, len: usize) -> Segment {
        Segment { param, state, len }
    }

    fn values(len: usize, seed: usize) -> Vec<f32> {
        (0..len).map(|i| ((i * 31 + seed) % 101) as f32 / 50.0 - 1.0).collect()
    }

    /// Runs two steps on a backend and on slices, one segment at a time.
    fn check(chain: Chain, segments: &[Segment], params_len: usize, state_len: usize) {
        let cpu = Cpu::new(2);
        let backend: &dyn Backend = &cpu;
        let slots = chain.slots().len();
        let grads = values(params_len, 5);
        let mut arenas = vec![values(params_len, 0)];
        arenas.extend((0..slots).map(|slot| values(state_len, 10 + slot)));
        let buffers: Vec<Buffer> =
            arenas.iter().map(|arena| backend.buffer_from(arena).unwrap()).collect();
        let chain = Arc::new(chain);
        for step in 1..=2 {
            let prepared = chain.prepare(&Clock::at_step(step, 0.1));
            let op =
                Step::new(chain.clone(), prepared.clone(), segments.into(), params_len, state_len);
            let grads = backend.buffer_from(&grads).unwrap();
            let outputs: Vec<&Buffer> = buffers.iter().collect();
            backend.run(&Op::Step(op.unwrap()), &[&grads], &outputs).unwrap();
            let grads = backend.to_vec::<f32>(&grads).unwrap();
            for &Segment { param, state, len } in segments {
                let (params, slots) = arenas.split_first_mut().unwrap();
                let mut slots: Vec<&mut [f32]> =
                    slots.iter_mut().map(|slot| &mut slot[state..][..len]).collect();
                let params = &mut params[param..param + len];
                chain.run(&prepared, params, &grads[param..param + len], &mut slots);
            }
        }
        for (arena, buffer) in arenas.iter().zip(&buffers) {
            assert_eq!(arena, &backend.to_vec::<f32>(buffer).unwrap());
        }
    }

    #[test]
    fn segments_are_stepped_and_the_rest_is_left_alone() {
        let long = 2 * CHUNK + 777;
        let chain = || Chain::new().then(Averages);
        let in_order = [segment(3, 0, 10), segment(64, 64, long), segment(64 + long, 64 + long, 1)];
        check(chain(), &in_order, 100 + long, 65 + long);
        let crossed = [segment(40, 7, 5), segment(0, 90, 9), segment(50, 0, 6), segment(9, 12, 31)];
        check(chain(), &crossed, 56, 99);
        check(chain(), &[segment(0, 0, 4), segment(4, 4, 0), segment(2, 9, 0)], 4, 9);
        check(chain(), &[], 5, 5);
    }

    #[test]
    fn a_chain_without_state_takes_the_gradient_as_it_is() {
        let chain = Chain::new();
        check(chain.clone(), &[segment(1, usize::MAX, CHUNK + 1), segment(0, 0, 1)], CHUNK + 2, 0);
        let op = Step::new(
            chain.clone().into(),
            chain.prepare(&Clock::at_step(1, 0.5)),
            [segment(1, 0, 2)].into(),
            4,
            0,
        );
        let before: [&[f64]; 1] = [&[1.0, 2.0, 3.0, 4.0]];
        let want: [&[f64]; 1] = [&[1.0, 1.5, 4.0, 4.0]];
        assert_updates(Op::Step(op.unwrap()), &[&[9.0, 1.0, -2.0, 9.0]], &before, &want);
    }
}
