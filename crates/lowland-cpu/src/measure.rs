//! Sums over the elements of whole tensors.

use lowland_core::Result;
use lowland_core::op::MeasureTensors;

use crate::context::Context;
use crate::scalar::Scalar;

/// `sums` and `rests` have one element a sum.
pub(crate) fn forward<T: Scalar>(
    op: &MeasureTensors,
    context: Context<'_>,
    directions: &[T],
    state: &[&[T]],
    [sums, rests]: [&mut [T]; 2],
) -> Result<()> {
    let pieces = op.pieces().count();
    let mut scratch = context.pool.scratch::<f64>(pieces * (sums.len() + 1))?;
    let (of_pieces, column) = scratch.split_at_mut(pieces * sums.len());
    context.threads.for_each(of_pieces.chunks_mut(sums.len()).zip(op.pieces()), |(own, piece)| {
        let state: Vec<&[T]> = state.iter().map(|slot| &slot[piece.state..][..piece.len]).collect();
        let directions = &directions[piece.param..][..piece.len];
        MeasureTensors::piece(&*op.measure, &op.scalars, directions, &state, own);
    });
    for (i, (sum, rest)) in sums.iter_mut().zip(rests).enumerate() {
        let of_one = of_pieces.chunks(op.measure.sums().len()).map(|own| own[i]);
        column.iter_mut().zip(of_one).for_each(|(place, value)| *place = value);
        [*sum, *rest] = MeasureTensors::split(MeasureTensors::total(column));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use lowland_core::measure::{Elements, Measure};
    use lowland_core::op::Segment;
    use lowland_core::stage::Scalars;
    use lowland_core::{Backend, Buffer, Clock, DType, DynMeasure, Op, Real};

    use super::*;
    use crate::Cpu;
    use crate::testing::assert_gives;

    /// The sum of `d s`, and `scale` times the sum of the directions.
    #[derive(Debug)]
    struct Products;

    impl Measure for Products {
        fn name(&self) -> &'static str {
            "products"
        }

        fn sums(&self) -> &'static [&'static str] {
            &["products", "directions"]
        }

        fn reads(&self) -> usize {
            1
        }

        fn scalars(&self, clock: &Clock) -> Vec<f64> {
            vec![clock.lr]
        }

        fn terms<T: Real>(&self, scalars: Scalars<'_>, elements: Elements<'_, T>) {
            let [scale] = scalars.get::<f64, 1>();
            let (direction, [slot], [products, scaled]) = elements.split();
            for (((product, scaled), d), s) in
                products.iter_mut().zip(scaled).zip(direction).zip(slot)
            {
                *product = d.f64() * s.f64();
                *scaled = scale * d.f64();
            }
        }
    }

    fn op(segments: &[(usize, usize, usize)], params: usize, state: usize) -> Op {
        let segment = |&(param, state, len): &(usize, usize, usize)| Segment { param, state, len };
        let segments: Vec<Segment> = segments.iter().map(segment).collect();
        let scalars = DynMeasure::scalars(&Products, &Clock::at_step(1, 0.5));
        let op = MeasureTensors::new(Arc::new(Products), scalars, segments.into(), params, state);
        Op::Measure(op.unwrap())
    }

    #[test]
    fn sums_are_of_the_tensors_and_of_nothing_else() {
        let nan = f64::NAN;
        let (d, s): (&[f64], &[f64]) = (&[1.0, -2.0, nan, 3.0], &[nan, 5.0, 7.0, 11.0]);
        let tensors = op(&[(3, 1, 1), (0, 2, 2), (2, 0, 0)], 4, 4);
        assert_gives(tensors, &[d, s], &[&[15.0 + 7.0 - 22.0, 1.0], &[0.0, 0.0]]);
        assert_gives(op(&[], 4, 4), &[d, s], &[&[0.0, 0.0], &[0.0, 0.0]]);
        let long = 2 * MeasureTensors::PIECE + 700;
        let (twos, threes) = (vec![2.0; long], vec![3.0; long]);
        let want = [6.0 * long as f64, long as f64];
        assert_gives(op(&[(0, 0, long)], long, long), &[&twos, &threes], &[&want, &[0.0, 0.0]]);
    }

    #[test]
    fn what_a_float_cannot_hold_is_in_the_rest() {
        let cpu = Cpu::new(1);
        let backend: &dyn Backend = &cpu;
        let d = backend.buffer_from(&[16_777_216.0f32, 1.0]).unwrap();
        let s = backend.buffer_from(&[1.0f32, 1.0]).unwrap();
        let outputs: [Buffer; 2] = [(), ()].map(|()| backend.allocate(2, DType::F32).unwrap());
        let run = |op: Op| backend.run(&op, &[&d, &s], &[&outputs[0], &outputs[1]]);
        run(op(&[(0, 0, 2)], 2, 2)).unwrap();
        let [sums, rests] = outputs.each_ref().map(|b| backend.to_vec::<f32>(b).unwrap());
        assert_eq!((sums[0], rests[0]), (16_777_216.0, 1.0));
        assert_eq!(MeasureTensors::join([sums[0], rests[0]]), 16_777_217.0);
        assert_eq!(MeasureTensors::split::<f32>(1e300), [f32::INFINITY, 0.0]);
    }
}
