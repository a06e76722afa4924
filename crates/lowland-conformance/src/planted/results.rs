//! Bugs of results, one op each.

use lowland_core::op::{ClipNorm, Conv2d, CrossEntropy, PoolKind, Segment, UnaryKind};
use lowland_core::{Backend, Op};

use super::{Faulty, Run, assert_found, corrupt, nudge, set};
use crate::reference::Memory;
use crate::values::Values;
use crate::{Check, Steps, cases, check_with};

/// Bugs of results: what is planted, the op whose cases are run, and the check that finds it.
#[test]
fn wrong_results_are_found() {
    let bugs: [(&str, Run, Check); 20] = [
        // The bias is not added.
        (
            "batch norm",
            |own, op, inputs, outputs| {
                own.right.run(op, inputs, outputs)?;
                let dtype = inputs[2].dtype();
                let zero = own.right.allocate(inputs[2].len(), dtype)?;
                own.right.upload(Values::floats(dtype, &vec![0.0; zero.len()]).host(), &zero)?;
                own.right.run(op, &[inputs[0], inputs[1], &zero], outputs)
            },
            Check::Values,
        ),
        // The variance is a difference of squares.
        (
            "batch norm",
            |own, op, inputs, outputs| {
                own.right.run(op, inputs, outputs)?;
                let Op::BatchNorm(norm) = op else { return Ok(()) };
                let mut x = Values::marked(inputs[0].dtype(), inputs[0].len());
                own.right.download(inputs[0], x.host_mut())?;
                let Values::F32(x) = x else { return Ok(()) };
                for c in 0..norm.channels {
                    let channel = || x.iter().skip(c).step_by(norm.channels);
                    let mean = channel().sum::<f32>() / norm.rows as f32;
                    let squares = channel().map(|x| x * x).sum::<f32>() / norm.rows as f32;
                    let var = f64::from((squares - mean * mean).max(0.0));
                    corrupt(outputs[2], |values, first| set(values, first + c, var));
                }
                Ok(())
            },
            Check::Values,
        ),
        // The mask of a ReLU is taken from the input.
        (
            "gradient of batch norm + relu",
            |own, op, inputs, outputs| {
                own.right.run(op, inputs, outputs)?;
                let zero = own.right.allocate(inputs[2].len(), inputs[2].dtype())?;
                let zeros = Values::floats(zero.dtype(), &vec![0.0; zero.len()]);
                own.right.upload(zeros.host(), &zero)?;
                let mut inputs = inputs.to_vec();
                inputs[2] = &zero;
                own.right.run(op, &inputs, outputs)
            },
            Check::Values,
        ),
        // The residual's gradient does not pass the ReLU.
        (
            "gradient of batch norm + add + relu",
            |own, op, inputs, outputs| {
                own.right.run(op, inputs, outputs)?;
                let mut dy = Values::marked(inputs[5].dtype(), inputs[5].len());
                own.right.download(inputs[5], dy.host_mut())?;
                own.right.upload(dy.host(), outputs[3])
            },
            Check::Values,
        ),
        // The variance is the unbiased one.
        (
            "conv2d with statistics",
            |own, op, inputs, outputs| {
                own.right.run(op, inputs, outputs)?;
                let Op::Conv2dStatistics(conv) = op else { return Ok(()) };
                let values = (conv.batch * conv.output[0] * conv.output[1]) as f64;
                corrupt(outputs[2], |all, first| {
                    for c in first..first + conv.out_channels {
                        let var = all.get(c) * values / (values - 1.0);
                        set(all, c, var);
                    }
                });
                Ok(())
            },
            Check::Values,
        ),
        // The last row of the last image is that above it.
        (
            "conv2d",
            |own, op, inputs, outputs| {
                own.right.run(op, inputs, outputs)?;
                let Op::Conv2d(Conv2d { output, out_channels, .. }) = op else { return Ok(()) };
                let (row, len) = (output[1] * out_channels, outputs[0].len());
                if len >= 2 * row && output[0] > 1 {
                    corrupt(outputs[0], |values, first| {
                        let above = values.range(first + len - 2 * row, row);
                        (0..row).for_each(|i| set(values, first + len - row + i, above.get(i)));
                    });
                }
                Ok(())
            },
            Check::Values,
        ),
        // A gradient of the weight that returns early without images.
        (
            "conv2d gradient of the weight",
            |own, op, inputs, outputs| {
                op.check(inputs, outputs)?;
                if inputs[0].storage::<Memory>().is_some() && inputs[0].is_empty() {
                    return Ok(());
                }
                own.right.run(op, inputs, outputs)
            },
            Check::Unwritten,
        ),
        // Smoothing, and what is left of the label, are swapped.
        (
            "cross-entropy",
            |own, op, inputs, outputs| {
                let op = match op {
                    Op::CrossEntropy(op) if op.smoothing > 0.0 => {
                        let smoothing = 1.0 - op.smoothing;
                        Op::CrossEntropy(CrossEntropy::new(op.rows, op.classes, smoothing)?)
                    }
                    op => op.clone(),
                };
                own.right.run(&op, inputs, outputs)
            },
            Check::Values,
        ),
        // The derivative of ReLU at 0 is 1.
        (
            "gradient of relu",
            |own, op, inputs, outputs| {
                own.right.run(op, inputs, outputs)?;
                let Op::UnaryGrad(unary) = op else { return Ok(()) };
                for i in 0..unary.len {
                    let mut y = Values::marked(inputs[1].dtype(), 1);
                    own.right.download(&inputs[1].slice(i, 1)?, y.host_mut())?;
                    if unary.kind == UnaryKind::Relu && y.get(0) == 0.0 {
                        corrupt(outputs[0], |values, first| set(values, first + i, 1.0));
                    }
                }
                Ok(())
            },
            Check::Values,
        ),
        // Padding is not counted in an average.
        (
            "average pooling",
            |own, op, inputs, outputs| {
                own.right.run(op, inputs, outputs)?;
                let Op::Pool2d(pool) = op else { return Ok(()) };
                if pool.kind == PoolKind::Average && pool.padding != [0, 0] {
                    let corner = (pool.kernel[0] * pool.kernel[1]) as f64
                        / ((pool.kernel[0] - pool.padding[0]) * (pool.kernel[1] - pool.padding[1]))
                            as f64;
                    corrupt(outputs[0], |values, first| {
                        let x = values.get(first);
                        set(values, first, x * corner);
                    });
                }
                Ok(())
            },
            Check::Values,
        ),
        // A NaN is no maximum.
        (
            "max",
            |own, op, inputs, outputs| {
                own.right.run(op, inputs, outputs)?;
                for i in 0..outputs[0].len() {
                    corrupt(outputs[0], |values, first| {
                        if values.get(first + i).is_nan() {
                            set(values, first + i, 0.0);
                        }
                    });
                }
                Ok(())
            },
            Check::Values,
        ),
        // Terms are added one after the other.
        (
            "sum",
            |own, op, inputs, outputs| {
                own.right.run(op, inputs, outputs)?;
                if outputs[0].len() == 1 {
                    let mut x = Values::marked(inputs[0].dtype(), inputs[0].len());
                    own.right.download(inputs[0], x.host_mut())?;
                    if let Values::F32(x) = x {
                        let sum = f64::from(x.iter().fold(0.0, |sum, x| sum + x));
                        corrupt(outputs[0], |values, first| set(values, first, sum));
                    }
                }
                Ok(())
            },
            Check::Values,
        ),
        // A factor of 0 does not hide what was there.
        (
            "accumulate",
            |own, op, inputs, outputs| {
                let op = match op {
                    Op::Accumulate(op) if op.b == 0.0 => {
                        let mut op = *op;
                        op.b = f64::MIN_POSITIVE;
                        Op::Accumulate(op)
                    }
                    op => op.clone(),
                };
                own.right.run(&op, inputs, outputs)
            },
            Check::Values,
        ),
        // f64 is computed in f32.
        (
            "matmul",
            |own, op, inputs, outputs| {
                own.right.run(op, inputs, outputs)?;
                for i in 0..outputs[0].len() {
                    corrupt(outputs[0], |values, first| {
                        let x = values.get(first + i) as f32;
                        set(values, first + i, f64::from(x));
                    });
                }
                Ok(())
            },
            Check::Values,
        ),
        // The last element is left.
        (
            "permute",
            |own, op, inputs, outputs| {
                own.right.run(op, inputs, outputs)?;
                if outputs[0].len() > 8 {
                    corrupt(outputs[0], |values, first| {
                        let last = first + outputs[0].len() - 1;
                        let marked = Values::marked(values.dtype(), 1);
                        values.write(last, marked.host()).unwrap();
                    });
                }
                Ok(())
            },
            Check::Unwritten,
        ),
        // The first element is transformed, whether it is in a tensor or not.
        (
            "tensor transform",
            |own, op, inputs, outputs| {
                own.right.run(op, inputs, outputs)?;
                let Op::Transform(op) = op else { return Ok(()) };
                if op.tensors.is_empty() && op.len > 0 {
                    nudge(outputs[0]);
                }
                Ok(())
            },
            Check::Neighbours,
        ),
        // Gradients are clipped by the norm of their first tensor.
        (
            "clip by norm",
            |own, op, inputs, outputs| {
                let Op::ClipNorm(op) = op else { return Ok(()) };
                let first = op.tensors.get(..1).unwrap_or_default();
                let alone = ClipNorm::new(op.max_norm, first, op.len)?;
                own.right.run(&Op::ClipNorm(alone), inputs, outputs)
            },
            Check::Values,
        ),
        // State is read from where the directions lie.
        (
            "measure",
            |own, op, inputs, outputs| {
                let Op::Measure(op) = op else { return Ok(()) };
                if op.segments.iter().any(|s| s.param + s.len > op.state_len) {
                    return own.right.run(&Op::Measure(op.clone()), inputs, outputs);
                }
                let shifted = |s: &Segment| Segment { state: s.param, ..*s };
                let segments: Vec<Segment> = op.segments.iter().map(shifted).collect();
                let mut op = op.clone();
                op.segments = segments.into();
                own.right.run(&Op::Measure(op), inputs, outputs)
            },
            Check::Values,
        ),
        // What rounding takes off a sum is lost.
        (
            "measure",
            |own, op, inputs, outputs| {
                own.right.run(op, inputs, outputs)?;
                let rests = outputs[1];
                own.right
                    .upload(Values::floats(rests.dtype(), &vec![0.0; rests.len()]).host(), rests)
            },
            Check::Values,
        ),
        // The first parameter is stepped, whether it is in a segment or not.
        (
            "optimizer step",
            |own, op, inputs, outputs| {
                own.right.run(op, inputs, outputs)?;
                let Op::Step(step) = op else { return Ok(()) };
                if step.segments.is_empty() && step.params_len > 0 {
                    nudge(outputs[0]);
                }
                Ok(())
            },
            Check::Neighbours,
        ),
    ];
    for (op, run, check) in bugs {
        assert_found(&Faulty::running(run).report(&[op]), op, check);
    }
}

/// A step that rounds in another way is no bug of a device, and one of a CPU.
#[test]
fn a_step_is_held_to_bits_or_to_rounding() {
    let other_rounding = Faulty::running(|own, op, inputs, outputs| {
        own.right.run(op, inputs, outputs)?;
        let Op::Step(step) = op else { return Ok(()) };
        if step.segments.iter().any(|segment| segment.param == 0 && segment.len > 0) {
            nudge(outputs[0]);
        }
        Ok(())
    });
    let mut steps = cases::all();
    steps.retain(|case| matches!(case.op, Op::Step(_)));
    let report = check_with(&other_rounding, &steps, Steps::Rounding);
    assert!(report.passed(), "{report}");
    let report = check_with(&other_rounding, &steps, Steps::Bits);
    assert_found(&report, "optimizer step", Check::Values);
}
