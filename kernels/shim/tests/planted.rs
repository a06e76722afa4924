//! Mistakes planted in the kernels, each of which a check must find, and no check may find any where
//! there is none. Each mistake is one text put in the place of another, which must be there once.

use std::sync::Arc;

use lowland_core::op::{Fill, Reduce, ReduceKind, Segment, Softmax, Step};
use lowland_core::{Backend, Chain, Clock, DType, HostMut, HostRef, Op, Result, Shape};
use lowland_cpu::Cpu;
use lowland_cuda::Cuda;
use lowland_optim::stages::Adam;
use lowland_shim::{Order, Sanitizer, Shim, available, sanitized};

/// What finds a mistake.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Check {
    /// Results are not those of the CPU backend: in any bit for steps, to rounding for sums.
    Parity,
    /// A NaN, from memory that nobody wrote to, where the CPU backend has a number.
    Poison,
    /// Results depend on the order of threads.
    Orders,
    /// Results depend on the number of multiprocessors.
    Grids,
    /// A guard was written to.
    Guards,
    /// Threads wait for one another in vain.
    Waiting,
    /// AddressSanitizer reports this.
    Address(&'static str),
    /// UndefinedBehaviorSanitizer reports this.
    Undefined(&'static str),
}

impl Check {
    /// Those that need no sanitizer.
    const IN_PROCESS: [Check; 6] =
        [Check::Parity, Check::Poison, Check::Orders, Check::Grids, Check::Guards, Check::Waiting];

    /// What the README calls it.
    fn name(self) -> &'static str {
        match self {
            Check::Parity => "parity",
            Check::Poison => "poison",
            Check::Orders => "orders",
            Check::Grids => "grids",
            Check::Guards => "guards",
            Check::Waiting => "waiting",
            Check::Address(_) => "AddressSanitizer",
            Check::Undefined(_) => "UBSan",
        }
    }
}

/// Where a mistake shows.
#[derive(Clone, Copy)]
struct Place {
    op: fn(&dyn Backend) -> Result<Vec<f32>>,
    /// How far the right results may be from the CPU backend's, relative to 1 and to themselves.
    tolerance: f32,
}

const FILL: Place = Place { op: fill, tolerance: 0.0 };
const ADAM: Place = Place { op: adam, tolerance: 0.0 };
const COLUMN_SUMS: Place = Place { op: column_sums, tolerance: 1e-6 };
const SOFTMAX_GRAD: Place = Place { op: softmax_grad, tolerance: 1e-6 };

/// A mistake, and what finds it.
struct Planted {
    /// The name of its test.
    name: &'static str,
    file: &'static str,
    /// What stands there.
    right: &'static str,
    wrong: &'static str,
    shows_in: Place,
    found_by: Check,
}

impl Planted {
    fn wrong_text(&self) -> String {
        let text = lowland_kernels::source(self.file).expect("a file of that name").text;
        let times = text.matches(self.right).count();
        assert_eq!(times, 1, "{}: `{}` is no longer there once", self.file, self.right);
        text.replace(self.right, self.wrong)
    }

    /// The op on a shim with the mistake, or without.
    fn run(&self, wrong: bool, order: Order, multiprocessors: u32) -> Result<Vec<f32>, String> {
        let mut shim = Shim::new().order(order).multiprocessors(multiprocessors);
        if wrong {
            shim = shim.source(self.file, self.wrong_text());
        }
        (self.shows_in.op)(&Cuda::on(Arc::new(shim))).map_err(|error| error.to_string())
    }

    /// Whether a check that needs no sanitizer finds anything.
    fn finds(&self, check: Check, wrong: bool) -> bool {
        let run = |order, multiprocessors| self.run(wrong, order, multiprocessors);
        let plain = || run(Order::Forward, 1).unwrap();
        let all_same = |results: &[Vec<f32>]| results.iter().all(|r| bits(r) == bits(&results[0]));
        match check {
            Check::Parity => {
                let close = |(y, want): (f32, f32)| {
                    let most = self.shows_in.tolerance * want.abs().max(1.0);
                    y.to_bits() == want.to_bits() || (y - want).abs() <= most
                };
                let want = (self.shows_in.op)(&Cpu::new(1)).unwrap();
                !plain().into_iter().zip(want).all(close)
            }
            Check::Poison => plain().iter().any(|y| y.is_nan()),
            Check::Orders => !all_same(&Order::ALL.map(|order| run(order, 1).unwrap())),
            Check::Grids => !all_same(&[1, 2, 5].map(|m| run(Order::Forward, m).unwrap())),
            Check::Guards => run(Order::Forward, 1).is_err_and(|e| e.contains("out of bounds")),
            Check::Waiting => run(Order::Forward, 1).is_err_and(|e| e.contains("waits at")),
            Check::Address(_) | Check::Undefined(_) => unreachable!("these run another program"),
        }
    }

    /// Holds that the check finds the mistake, and that nothing finds any without it.
    fn is_found(&self) {
        let name = self.name.replace('_', " ");
        let row = format!("| {name} | `{}` | {} |", self.file, self.found_by.name());
        assert!(include_str!("../README.md").contains(&row), "the README lacks the row {row}");
        if !available(self.name) {
            return;
        }
        match self.found_by {
            Check::Address(report) => self.is_found_under(Sanitizer::Address, report),
            Check::Undefined(report) => self.is_found_under(Sanitizer::Undefined, report),
            check => {
                for check in Check::IN_PROCESS {
                    assert!(!self.finds(check, false), "{check:?} finds what is not there");
                }
                assert!(self.finds(check, true), "{check:?} does not find: {}", self.name);
            }
        }
    }

    /// The test runs itself again under the sanitizer, where the op must run without the mistake and
    /// cannot with it.
    fn is_found_under(&self, sanitizer: Sanitizer, report: &str) {
        const CLEAN: &str = "nothing was found without the mistake";
        if Sanitizer::current().is_some() {
            self.run(false, Order::Forward, 1).unwrap();
            println!("{CLEAN}");
            let result = self.run(true, Order::Forward, 1);
            println!("nothing was found with the mistake: {result:?}");
            return;
        }
        let outcome = sanitized(self.name, sanitizer).unwrap();
        assert!(outcome.report.contains(CLEAN), "{}", outcome.report);
        assert!(!outcome.passed && outcome.report.contains(report), "{}", outcome.report);
    }
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Numbers in -1..1 of several magnitudes.
fn numbers(len: usize, seed: u32) -> Vec<f32> {
    let number = |i: u32| {
        let hash = (i ^ seed.wrapping_mul(0x9e37_79b9)).wrapping_mul(0x85eb_ca6b);
        let hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
        (hash >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    let scale = |i: u32| [1.0, 1e-2, 1e-5, 1e-8][i as usize % 4];
    (0..len as u32).map(|i| number(i) * scale(i)).collect()
}

/// Runs an op on those inputs, and outputs that hold those numbers where there are any; gives what the
/// outputs hold afterwards.
fn run(on: &dyn Backend, op: &Op, inputs: &[Vec<f32>], before: &[Vec<f32>]) -> Result<Vec<f32>> {
    let upload = |values: &Vec<f32>| {
        let buffer = on.allocate(values.len(), DType::F32)?;
        on.upload(HostRef::F32(values), &buffer).map(|()| buffer)
    };
    let inputs = inputs.iter().map(upload).collect::<Result<Vec<_>>>()?;
    let outputs = if before.is_empty() {
        let lens = op.operands().outputs.into_iter().map(|output| output.len);
        lens.map(|len| on.allocate(len, DType::F32)).collect::<Result<Vec<_>>>()?
    } else {
        before.iter().map(upload).collect::<Result<Vec<_>>>()?
    };
    let outputs: Vec<_> = outputs.iter().collect();
    on.run(op, &inputs.iter().collect::<Vec<_>>(), &outputs)?;
    let mut results = Vec::new();
    for output in outputs {
        let mut values = vec![0.0; output.len()];
        on.download(output, HostMut::F32(&mut values))?;
        results.extend(values);
    }
    Ok(results)
}

/// Two rounds of filling.
fn fill(on: &dyn Backend) -> Result<Vec<f32>> {
    run(on, &Op::Fill(Fill { len: 7000, value: 0.5 }), &[], &[])
}

/// The third step of Adam, over two segments, one of which begins at no multiple of 16 bytes.
fn adam(on: &dyn Backend) -> Result<Vec<f32>> {
    let chain = Chain::new().then(Adam::default());
    let prepared = chain.prepare(&Clock::at_step(3, 0.01));
    let segment = |param, state, len| Segment { param, state, len };
    let segments = [segment(0, 0, 1027), segment(1029, 1028, 971)];
    let step = Step::new(Arc::new(chain), prepared, segments.into(), 2000, 2000)?;
    let squares = numbers(2000, 4).iter().map(|x| x * x).collect();
    let before = [numbers(2000, 2), numbers(2000, 3), squares];
    run(on, &Op::Step(step), &[numbers(2000, 1)], &before)
}

/// Sums over columns: the rows of a column are shared by several threads.
fn column_sums(on: &dyn Backend) -> Result<Vec<f32>> {
    let shape = Shape::from([500, 12]);
    let sum = Reduce::new(ReduceKind::Sum, shape, &[0])?;
    run(on, &Op::Reduce(sum), &[numbers(shape.len(), 5)], &[])
}

/// The gradient of softmax over rows of a block each, more rows than blocks. In each row only the
/// first half of a warp has numbers other than 0.
fn softmax_grad(on: &dyn Backend) -> Result<Vec<f32>> {
    let (rows, columns) = (70, 2100);
    let op = Op::SoftmaxGrad(Softmax { rows, columns, log: false });
    let sparse = |mut values: Vec<f32>| {
        values.iter_mut().enumerate().for_each(|(i, x)| *x *= f32::from(i % columns < 16));
        values
    };
    let (y, dy) = (numbers(rows * columns, 6), numbers(rows * columns, 7));
    run(on, &op, &[sparse(y), dy], &[])
}

/// A test for each mistake; its name is that in the README, but for spaces.
macro_rules! planted {
    ($($name:ident: $file:literal, $right:literal => $wrong:literal, $shows_in:expr, $found_by:expr;)*) => {$(
        #[test]
        fn $name() {
            let name = stringify!($name);
            let (file, right, wrong, found_by) = ($file, $right, $wrong, $found_by);
            Planted { name, file, right, wrong, shows_in: $shows_in, found_by }.is_found();
        }
    )*};
}

planted! {
    a_step_with_a_wrong_update_of_state: "stages/moments.cuh",
        "v = beta2 * v + beta2_rest * (g * g);"
            => "v = beta2 * v + (1.0f - beta1) * (g * g);",
        ADAM, Check::Parity;

    a_step_that_drops_its_epsilon: "stages/moments.cuh",
        "sqrtf(v) * root_correction + eps;"
            => "sqrtf(v) * root_correction;",
        ADAM, Check::Parity;

    a_step_that_is_rounded_once_where_twice_is_right: "step.cuh",
        "p.x[e] = p.x[e] - a.lr * d;"
            => "p.x[e] = fmaf(-a.lr, d, p.x[e]);",
        ADAM, Check::Parity;

    an_element_that_is_left_out: "ops/fill.cu",
        "FOR_EACH(i, a.len)"
            => "FOR_EACH(i, a.len - 1)",
        FILL, Check::Poison;

    a_warp_that_leaves_its_shared_memory_unwritten: "rows.cuh",
        "if (threadIdx.x % WARP == 0) shared"
            => "if (threadIdx.x % WARP == 0 && value != T(0)) shared",
        SOFTMAX_GRAD, Check::Poison;

    no_barrier_between_a_write_and_reads: "rows.cuh",
        "= value;\n    __syncthreads();"
            => "= value;",
        SOFTMAX_GRAD, Check::Poison;

    no_barrier_between_reads_and_the_next_write: "rows.cuh",
        "shared[warp]);\n    __syncthreads();"
            => "shared[warp]);",
        SOFTMAX_GRAD, Check::Orders;

    no_barrier_between_the_levels_of_a_tree: "columns.cuh",
        "        __syncthreads();\n    }\n"
            => "    }\n",
        COLUMN_SUMS, Check::Orders;

    a_barrier_that_some_threads_pass_by: "columns.cuh",
        "            }\n        }\n        __syncthreads();\n"
            => "            }\n            __syncthreads();\n        }\n",
        COLUMN_SUMS, Check::Waiting;

    a_loop_that_takes_the_number_of_threads_for_granted: "lowland.cuh",
        "i += thread_count())"
            => "i += 32 * THREADS)",
        FILL, Check::Grids;

    a_write_behind_the_end: "ops/fill.cu",
        "a.y[i] = a.value"
            => "a.y[i + 1] = a.value",
        FILL, Check::Guards;

    a_write_behind_the_end_under_a_sanitizer: "ops/fill.cu",
        "a.y[i] = a.value"
            => "a.y[i + 1] = a.value",
        FILL, Check::Address("WRITE of size 4");

    a_read_behind_the_end: "ops/reduce.cu",
        "x[row * a.tiles.columns];"
            => "x[(row + 1) * a.tiles.columns];",
        COLUMN_SUMS, Check::Address("READ of size 4");

    a_step_that_takes_one_element_too_many: "step.cuh",
        "threadIdx.x; i < len;"
            => "threadIdx.x; i <= len;",
        ADAM, Check::Address("use-after-poison");

    an_index_outside_of_shared_memory: "columns.cuh",
        "shared[k * THREADS + me] = total[k];"
            => "shared[k * THREADS + me + 1] = total[k];",
        COLUMN_SUMS, Check::Address("global-buffer-overflow");

    vectors_at_any_address: "step.cuh",
        "arenas.template all_aligned<4>() ? len / 4 : 0;"
            => "len / 4;",
        ADAM, Check::Undefined("misaligned address");
}
