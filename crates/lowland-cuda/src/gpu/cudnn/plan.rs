//! How cuDNN is to compute a convolution: its descriptors, and a deterministic algorithm.
//!
//! Unsafe, because the library is asked through handles.
#![allow(unsafe_code)]

use cudarc::cudnn::result::{self, CudnnError};
use cudarc::cudnn::sys;
use lowland_core::op::Conv2d;

use super::descriptors::{Convolution, Filter, Tensor};
use super::says;
use crate::driver::Convolve;

use sys::cudnnConvolutionBwdDataAlgo_t as GradInputAlgorithm;
use sys::cudnnConvolutionBwdFilterAlgo_t as GradWeightAlgorithm;
use sys::cudnnConvolutionFwdAlgo_t as ForwardAlgorithm;

/// The most scratch memory that an algorithm may ask for. It is a number and not what happens to be
/// free, so that the choice, and with it the last bits, depends on the sizes alone.
const MOST_WORKSPACE: usize = 1 << 30;

/// Answers that the library is asked for; it has fewer algorithms than that.
const ANSWERS: usize = 16;

/// Which of the three computations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Pass {
    Forward,
    GradInput,
    GradWeight,
}

impl Pass {
    pub(super) fn of(what: Convolve) -> Self {
        match what {
            Convolve::Forward { .. } => Pass::Forward,
            Convolve::GradInput { .. } => Pass::GradInput,
            Convolve::GradWeight { .. } => Pass::GradWeight,
        }
    }
}

/// The algorithm of a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Forward(ForwardAlgorithm),
    GradInput(GradInputAlgorithm),
    GradWeight(GradWeightAlgorithm),
}

/// Everything but the addresses.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) x: Tensor,
    pub(super) w: Filter,
    pub(super) y: Tensor,
    pub(super) conv: Convolution,
    pub(super) algorithm: Algorithm,
    pub(super) workspace_bytes: usize,
}

/// An algorithm that the library suggests, or that is known, and with which arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Candidate {
    algorithm: Algorithm,
    math: sys::cudnnMathType_t,
}

impl Plan {
    /// # Errors
    /// A sentence: sizes that the library does not take, no algorithm, or what the library says.
    pub(super) fn new(
        handle: sys::cudnnHandle_t,
        conv: &Conv2d,
        pass: Pass,
        tf32: bool,
    ) -> Result<Self, String> {
        let sizes = Sizes::of(conv)?;
        let cannot = |error: CudnnError| format!("cuDNN cannot plan {conv:?}: {}", says(error));
        let mut plan = Plan {
            x: Tensor::of(sizes.x).map_err(cannot)?,
            w: Filter::of(sizes.w).map_err(cannot)?,
            y: Tensor::of(sizes.y).map_err(cannot)?,
            conv: Convolution::of(sizes.padding, sizes.stride, sizes.groups).map_err(cannot)?,
            algorithm: Algorithm::Forward(ForwardAlgorithm::CUDNN_CONVOLUTION_FWD_ALGO_DIRECT),
            workspace_bytes: 0,
        };
        let math = asked_math(tf32);
        plan.conv.set_math(math).map_err(cannot)?;
        let suggested = match plan.suggestions(handle, pass, tf32) {
            Ok(suggested) => suggested,
            // A library without suggestions for these sizes may still have an algorithm.
            Err(error) if is_unsupported(error) => Vec::new(),
            Err(error) => return Err(cannot(error)),
        };
        let known = known(pass).map(|algorithm| Candidate { algorithm, math });
        let chosen = choose(suggested.into_iter().chain(known), |candidate| {
            plan.conv.set_math(candidate.math)?;
            plan.workspace_of(handle, candidate.algorithm)
        });
        let none = |why: String| {
            let pass = format!("the {pass:?} pass of {conv:?}");
            format!("cuDNN has no deterministic algorithm for {pass}; of the last one: {why}")
        };
        match chosen {
            Ok((candidate, bytes)) => {
                (plan.algorithm, plan.workspace_bytes) = (candidate.algorithm, bytes);
                Ok(plan)
            }
            Err(NoChoice::Failed(error)) => Err(cannot(error)),
            Err(NoChoice::Unsupported(error)) => Err(none(says(error))),
            Err(NoChoice::Workspace(bytes)) => {
                Err(none(format!("it takes {bytes} bytes of scratch memory")))
            }
            Err(NoChoice::Untried) => Err(none("there is none".into())),
        }
    }

    /// What the library expects to be fast, fastest first; deterministic ones alone.
    fn suggestions(
        &self,
        handle: sys::cudnnHandle_t,
        pass: Pass,
        tf32: bool,
    ) -> Result<Vec<Candidate>, CudnnError> {
        let (x, w, y, conv) = (self.x.get(), self.w.get(), self.y.get(), self.conv.get());
        macro_rules! ask {
            ($query:path, $pass:path, [$($operand:expr),*]) => {{
                let mut count = 0;
                // SAFETY: the answers are plain numbers, all of whose fields may be 0.
                let mut answers = unsafe { [std::mem::zeroed(); ANSWERS] };
                let (most, first) = (ANSWERS as i32, answers.as_mut_ptr());
                // SAFETY: handle and descriptors exist; there is room for as many answers.
                unsafe { $query(handle, $($operand),*, most, &mut count, first)? };
                let answers = &answers[..usize::try_from(count).unwrap_or(0).min(ANSWERS)];
                let usable = answers
                    .iter()
                    .filter(|answer| is_usable(answer.status, answer.determinism, answer.mathType, tf32));
                let candidate = |algorithm, suggested| Candidate {
                    algorithm: $pass(algorithm),
                    math: if tf32 { suggested } else { asked_math(false) },
                };
                usable.map(|answer| candidate(answer.algo, answer.mathType)).collect()
            }};
        }
        Ok(match pass {
            Pass::Forward => {
                ask!(result::get_convolution_forward_algorithm, Algorithm::Forward, [x, w, conv, y])
            }
            Pass::GradInput => ask!(
                result::get_convolution_backward_data_algorithm,
                Algorithm::GradInput,
                [w, y, conv, x]
            ),
            Pass::GradWeight => ask!(
                result::get_convolution_backward_filter_algorithm,
                Algorithm::GradWeight,
                [x, y, conv, w]
            ),
        })
    }

    /// The scratch memory of an algorithm; an error where it does not do these sizes.
    fn workspace_of(
        &self,
        handle: sys::cudnnHandle_t,
        algorithm: Algorithm,
    ) -> Result<usize, CudnnError> {
        let (x, w, y, conv) = (self.x.get(), self.w.get(), self.y.get(), self.conv.get());
        // SAFETY: handle and descriptors exist.
        unsafe {
            match algorithm {
                Algorithm::Forward(algorithm) => {
                    result::get_convolution_forward_workspace_size(handle, x, w, conv, y, algorithm)
                }
                Algorithm::GradInput(algorithm) => {
                    result::get_convolution_backward_data_workspace_size(
                        handle, w, y, conv, x, algorithm,
                    )
                }
                Algorithm::GradWeight(algorithm) => {
                    result::get_convolution_backward_filter_workspace_size(
                        handle, x, y, conv, w, algorithm,
                    )
                }
            }
        }
    }
}

/// Why no candidate was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NoChoice {
    /// There were none.
    Untried,
    /// The last one does not do these sizes.
    Unsupported(CudnnError),
    /// The last one takes more scratch memory than [`MOST_WORKSPACE`].
    Workspace(usize),
    /// The library failed, which is no matter of the candidate.
    Failed(CudnnError),
}

/// The first candidate that does the sizes in bounded scratch memory, and how much it takes, which
/// `workspace` tells.
fn choose(
    candidates: impl Iterator<Item = Candidate>,
    workspace: impl Fn(Candidate) -> Result<usize, CudnnError>,
) -> Result<(Candidate, usize), NoChoice> {
    let mut none = NoChoice::Untried;
    for candidate in candidates {
        none = match workspace(candidate) {
            Ok(bytes) if bytes <= MOST_WORKSPACE => return Ok((candidate, bytes)),
            Ok(bytes) => NoChoice::Workspace(bytes),
            Err(error) if is_unsupported(error) => NoChoice::Unsupported(error),
            Err(error) => return Err(NoChoice::Failed(error)),
        };
    }
    Err(none)
}

/// Whether an error is `CUDNN_STATUS_NOT_SUPPORTED` or one of its kinds, which are numbered from it
/// on: another algorithm may do.
fn is_unsupported(error: CudnnError) -> bool {
    (3000..4000).contains(&(error.0 as u32))
}

/// The arithmetic that is asked for. By default the library may take tensor cores with TF32 for f32 on
/// Ampere and later; `FMA` forbids it.
fn asked_math(tf32: bool) -> sys::cudnnMathType_t {
    match tf32 {
        true => sys::cudnnMathType_t::CUDNN_DEFAULT_MATH,
        false => sys::cudnnMathType_t::CUDNN_FMA_MATH,
    }
}

/// Whether an answer will do: it works, gives the same bits every time, and computes as it was asked.
/// `ALLOW_CONVERSION` would round f32 to f16, which is never asked for.
fn is_usable(
    status: sys::cudnnStatus_t,
    determinism: sys::cudnnDeterminism_t,
    math: sys::cudnnMathType_t,
    tf32: bool,
) -> bool {
    use sys::cudnnMathType_t as Math;
    let exact = match math {
        Math::CUDNN_FMA_MATH | Math::CUDNN_DEFAULT_MATH => true,
        Math::CUDNN_TENSOR_OP_MATH => tf32,
        Math::CUDNN_TENSOR_OP_MATH_ALLOW_CONVERSION => false,
    };
    status == sys::cudnnStatus_t::CUDNN_STATUS_SUCCESS
        && determinism == sys::cudnnDeterminism_t::CUDNN_DETERMINISTIC
        && exact
}

/// The algorithms that are deterministic by the library's manual, for where it suggests none.
fn known(pass: Pass) -> std::vec::IntoIter<Algorithm> {
    use ForwardAlgorithm as Forward;
    let algorithms = match pass {
        Pass::Forward => vec![
            Algorithm::Forward(Forward::CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM),
            Algorithm::Forward(Forward::CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM),
        ],
        Pass::GradInput => {
            vec![Algorithm::GradInput(GradInputAlgorithm::CUDNN_CONVOLUTION_BWD_DATA_ALGO_1)]
        }
        Pass::GradWeight => {
            vec![Algorithm::GradWeight(GradWeightAlgorithm::CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1)]
        }
    };
    algorithms.into_iter()
}

/// The sizes of a convolution as the library counts: in `int`.
#[derive(Debug, PartialEq, Eq)]
struct Sizes {
    /// N, C, H, W.
    x: [i32; 4],
    /// O, I of a group, kh, kw.
    w: [i32; 4],
    /// N, C, H, W.
    y: [i32; 4],
    padding: [i32; 2],
    stride: [i32; 2],
    groups: i32,
}

impl Sizes {
    fn of(conv: &Conv2d) -> Result<Self, String> {
        let int = |size: usize| {
            i32::try_from(size)
                .map_err(|_| format!("cuDNN cannot plan {conv:?}: {size} is beyond {}", i32::MAX))
        };
        let four = |[a, b, c, d]: [usize; 4]| Ok::<_, String>([int(a)?, int(b)?, int(c)?, int(d)?]);
        let two = |[a, b]: [usize; 2]| Ok::<_, String>([int(a)?, int(b)?]);
        let ([height, width], [rows, columns]) = (conv.input, conv.output);
        let [kh, kw] = conv.kernel;
        Ok(Sizes {
            x: four([conv.batch, conv.in_channels, height, width])?,
            w: four([conv.out_channels, conv.in_channels / conv.groups, kh, kw])?,
            y: four([conv.batch, conv.out_channels, rows, columns])?,
            padding: two(conv.padding)?,
            stride: two(conv.stride)?,
            groups: int(conv.groups)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lowland_core::Shape;

    #[test]
    fn sizes_are_in_the_librarys_order() {
        let (x, w) = (Shape::from([2, 7, 9, 6]), Shape::from([4, 3, 3, 5]));
        let conv = Conv2d::new(x, w, [2, 1], [1, 2], 2).unwrap();
        assert_eq!(
            Sizes::of(&conv).unwrap(),
            Sizes {
                x: [2, 6, 7, 9],
                w: [4, 3, 3, 5],
                y: [2, 4, 4, 9],
                padding: [1, 2],
                stride: [2, 1],
                groups: 2,
            }
        );
    }

    #[test]
    fn only_deterministic_answers_in_the_arithmetic_asked_for_will_do() {
        use sys::cudnnDeterminism_t as Determinism;
        use sys::cudnnMathType_t as Math;
        use sys::cudnnStatus_t as Status;
        let (fine, same) = (Status::CUDNN_STATUS_SUCCESS, Determinism::CUDNN_DETERMINISTIC);
        let other = Determinism::CUDNN_NON_DETERMINISTIC;
        assert!(is_usable(fine, same, Math::CUDNN_FMA_MATH, false));
        assert!(!is_usable(fine, other, Math::CUDNN_FMA_MATH, false));
        assert!(!is_usable(Status::CUDNN_STATUS_NOT_SUPPORTED, same, Math::CUDNN_FMA_MATH, false));
        assert!(!is_usable(fine, same, Math::CUDNN_TENSOR_OP_MATH, false));
        assert!(is_usable(fine, same, Math::CUDNN_TENSOR_OP_MATH, true));
        assert!(!is_usable(fine, same, Math::CUDNN_TENSOR_OP_MATH_ALLOW_CONVERSION, true));
        assert_eq!(asked_math(false), Math::CUDNN_FMA_MATH);
    }

    #[test]
    fn an_algorithm_that_is_not_supported_is_passed_over_and_a_failure_is_not() {
        use sys::cudnnStatus_t as Status;
        let math = asked_math(false);
        let candidates: Vec<Candidate> =
            known(Pass::Forward).map(|algorithm| Candidate { algorithm, math }).collect();
        let [first, second] = candidates[..] else { panic!("{candidates:?}") };
        let choose_where = |of_first: Result<usize, Status>, of_second: Result<usize, Status>| {
            let answer = |candidate| if candidate == first { of_first } else { of_second };
            choose([first, second].into_iter(), |asked| answer(asked).map_err(CudnnError))
        };
        let shape = Status::CUDNN_STATUS_NOT_SUPPORTED_SHAPE;
        let plain = Status::CUDNN_STATUS_NOT_SUPPORTED;
        let failed = Status::CUDNN_STATUS_INTERNAL_ERROR;
        let large = MOST_WORKSPACE + 1;
        assert_eq!(choose_where(Ok(MOST_WORKSPACE), Ok(0)), Ok((first, MOST_WORKSPACE)));
        assert_eq!(choose_where(Ok(large), Ok(8)), Ok((second, 8)));
        assert_eq!(choose_where(Err(shape), Ok(8)), Ok((second, 8)));
        assert_eq!(choose_where(Err(failed), Ok(8)), Err(NoChoice::Failed(CudnnError(failed))));
        let refused = choose_where(Err(shape), Err(plain));
        assert_eq!(refused, Err(NoChoice::Unsupported(CudnnError(plain))));
        assert_eq!(choose_where(Err(shape), Ok(large)), Err(NoChoice::Workspace(large)));
    }
}
