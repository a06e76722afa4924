//! What the shim promises: kernels run as on a device, and mistakes of theirs are errors.

use std::process::Command;
use std::sync::Arc;

use lowland_core::op::Fill;
use lowland_core::{Backend, DType, HostMut, HostRef, Op, Result};
use lowland_cuda::Cuda;
use lowland_cuda::driver::{Address, Driver, RawArgs, Unit};
use lowland_shim::{Order, Shim, available};

/// Runs kernel `test` of a text on one operand of as many elements as `y` has, and gives what it holds
/// afterwards. The text's kernel takes `struct TestArgs { u32* y; u64 len; };`.
fn run(shim: &Shim, text: &str, blocks: u32, y: &mut [u32]) -> Result<()> {
    let text = format!(
        "#include \"lowland.cuh\"\nstruct TestArgs {{ u32* y; u64 len; }};\n\
         KERNEL(test, TestArgs) {{\n{text}\n}}\n"
    );
    let kernel = shim.kernel(&Unit { name: "test.cu".into(), text }, "test", 16)?;
    let bytes = size_of_val(y);
    let address = shim.allocate(bytes).expect("memory");
    shim.upload(bytemuck::cast_slice(y), address)?;
    let result = shim.launch(&kernel, blocks, RawArgs::of_words(&[address.0, y.len() as u64]));
    shim.download(address, bytemuck::cast_slice_mut(y))?;
    shim.free(address, bytes);
    result
}

/// The same in every order.
fn run_all(text: &str, blocks: u32, y: &[u32]) -> Vec<Vec<u32>> {
    let run_in = |order| {
        let mut y = y.to_vec();
        run(&Shim::new().order(order), text, blocks, &mut y).unwrap();
        y
    };
    Order::ALL.map(run_in).into()
}

/// What it says when the kernel goes wrong.
fn failure(text: &str, len: usize) -> String {
    run(&Shim::new(), text, 2, &mut vec![0; len]).unwrap_err().to_string()
}

#[test]
fn an_op_runs_through_the_backend() {
    if !available("an_op_runs_through_the_backend") {
        return;
    }
    for order in Order::ALL {
        let cuda = Cuda::on(Arc::new(Shim::new().order(order)));
        assert_eq!(cuda.name(), "shim");
        let len = 20_000; // more than two multiprocessors take in one round
        let y = cuda.allocate(len, DType::F32).unwrap();
        let mut values = vec![0.0; len];
        cuda.download(&y, HostMut::F32(&mut values)).unwrap();
        assert!(values.iter().all(|value| value.is_nan()), "nobody has written yet");
        cuda.run(&Op::Fill(Fill { len, value: 1.5 }), &[], &[&y]).unwrap();
        cuda.sync().unwrap();
        cuda.download(&y, HostMut::F32(&mut values)).unwrap();
        assert!(values.iter().all(|&value| value == 1.5));
        cuda.upload(HostRef::F32(&values), &y).unwrap();
    }
}

#[test]
fn threads_know_their_places() {
    if !available("threads_know_their_places") {
        return;
    }
    let text = "FOR_EACH(i, a.len) a.y[i] += (u32)i + 1000000 * blockIdx.x + 100000 * gridDim.x;";
    for y in run_all(text, 2, &[1; 600]) {
        let block = |i: usize| (i as u32 / 256) % 2;
        assert!((0..600).all(|i| y[i] == 1 + i as u32 + 1_000_000 * block(i) + 200_000));
    }
}

#[test]
fn threads_wait_and_share() {
    if !available("threads_wait_and_share") {
        return;
    }
    // Each block turns its numbers around, twice, which gives what was there before.
    let text = "
        __shared__ u32 s[THREADS];
        const u64 base = (u64)blockIdx.x * THREADS;
        for (int round = 0; round < 3; round++) {
            s[threadIdx.x] = a.y[base + threadIdx.x];
            __syncthreads();
            a.y[base + threadIdx.x] = s[THREADS - 1 - threadIdx.x];
            __syncthreads();
        }";
    let y: Vec<u32> = (0..512).collect();
    let turned: Vec<u32> = (0..256).rev().chain((256..512).rev()).collect();
    assert_eq!(run_all(text, 2, &y), vec![turned; 3]);
}

#[test]
fn a_forgotten_barrier_shows_in_one_of_the_orders() {
    if !available("a_forgotten_barrier_shows_in_one_of_the_orders") {
        return;
    }
    let text = "
        __shared__ u32 s[THREADS];
        s[threadIdx.x] = threadIdx.x;
        a.y[threadIdx.x] = s[(threadIdx.x + 1) % THREADS];";
    let results = run_all(text, 1, &[0; 256]);
    let right: Vec<u32> = (0..256).map(|i| (i + 1) % 256).collect();
    assert!(results.iter().any(|y| *y != right));
    assert_ne!(results[0], results[1]);
}

#[test]
fn shared_memory_is_poisoned_before_every_block() {
    if !available("shared_memory_is_poisoned_before_every_block") {
        return;
    }
    let text = "
        __shared__ float s[THREADS];
        __shared__ char odd[3];
        a.y[blockIdx.x * THREADS + threadIdx.x] = __float_as_uint(s[threadIdx.x]);
        s[threadIdx.x] = odd[0];";
    for y in run_all(text, 2, &[0; 512]) {
        assert!(y.iter().all(|&bits| bits == 0x7fa0_dead && f32::from_bits(bits).is_nan()));
    }
}

#[test]
fn warps_exchange_values() {
    if !available("warps_exchange_values") {
        return;
    }
    // Four results a thread: down, xor, from one lane, and a vote; of doubles, of words, in a loop.
    let text = "
        const u32 t = threadIdx.x, all = 0xffffffff;
        double sum = t;
        for (int by = 16; by > 0; by /= 2) sum += __shfl_down_sync(all, sum, by);
        a.y[4 * t] = (u32)__shfl_sync(all, sum, 0);
        a.y[4 * t + 1] = __shfl_xor_sync(all, t, 5);
        a.y[4 * t + 2] = __shfl_down_sync(all, t, 1);
        a.y[4 * t + 3] = __ballot_sync(all, t % 3 == 0);
        if (t < 32) a.y[4 * t] += __any_sync(all, t == 7) + __all_sync(all, t == 7);";
    for y in run_all(text, 1, &[0; 1024]) {
        for t in 0..256_u32 {
            let first = t / 32 * 32;
            let sum: u32 = (first..first + 32).sum();
            let vote =
                (0..32).filter(|lane| (first + lane) % 3 == 0).fold(0, |v, lane| v | 1 << lane);
            let down = if t % 32 == 31 { t } else { t + 1 };
            let want = [sum + u32::from(t < 32), t ^ 5, down, vote];
            assert_eq!(y[4 * t as usize..][..4], want, "thread {t}");
        }
    }
}

#[test]
fn threads_that_wait_in_vain_are_an_error() {
    if !available("threads_that_wait_in_vain_are_an_error") {
        return;
    }
    let error = failure("if (threadIdx.x != 70 || blockIdx.x == 0) __syncthreads();", 1);
    let want = "shim: kernel `test`, block 1: thread 0 waits at the barrier in test.cu:4, \
                but thread 70 has returned";
    assert_eq!(error, want);
    let error = failure("if (threadIdx.x < 3) __syncthreads();\nelse\n__syncthreads();", 1);
    let want = "thread 0 waits at the barrier in test.cu:4, but thread 3 waits at the barrier in \
                test.cu:6";
    assert!(error.contains(want), "{error}");
    let error = failure("if (threadIdx.x != 40) __shfl_down_sync(0xffffffff, 1, 1);", 1);
    let want = "thread 32 waits at the warp operation in test.cu:4, but thread 40 has returned";
    assert!(error.contains(want), "{error}");
    // The threads that hang are forgotten; the kernel can run again.
    let shim = Shim::new();
    let text = "if (a.y[0] == 0 && threadIdx.x == 1) return;\n__syncthreads(); a.y[0] = 7;";
    let mut y = [0];
    assert!(run(&shim, text, 1, &mut y).is_err());
    y = [1];
    run(&shim, text, 1, &mut y).unwrap();
    assert_eq!(y, [7]);
}

#[test]
fn a_write_beside_the_memory_is_an_error() {
    if !available("a_write_beside_the_memory_is_an_error") {
        return;
    }
    let error = failure("a.y[a.len] = 1;", 10);
    assert!(error.contains("kernel `test`, a write out of bounds at 0x"), "{error}");
    assert!(error.ends_with("byte 40 of 40 in use"), "{error}");
    let error = failure("a.y[-1] = 1;", 10);
    assert!(error.ends_with("byte -4 of 40 in use"), "{error}");
}

#[test]
fn a_buffer_ends_where_it_was_asked_to() {
    if !available("a_buffer_ends_where_it_was_asked_to") {
        return;
    }
    // The pool's block is longer than the buffer.
    let text = lowland_kernels::source("ops/fill.cu").unwrap().text;
    let wrong = text.replace("a.y[i] = a.value", "a.y[i + 1] = a.value");
    assert_ne!(text, wrong);
    let cuda = Cuda::on(Arc::new(Shim::new().source("ops/fill.cu", wrong)));
    let y = cuda.allocate(1000, DType::F32).unwrap();
    let error = cuda.run(&Op::Fill(Fill { len: 1000, value: 0.0 }), &[], &[&y]).unwrap_err();
    assert!(error.to_string().ends_with("byte 4000 of 4000 in use"), "{error}");
}

#[test]
fn without_a_compiler_tests_skip_unless_they_must_not() {
    let run = |required: &str| {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "threads_know_their_places", "--nocapture"])
            .env("CXX", "no-such-compiler")
            .env("LOWLAND_REQUIRE_SHIM", required)
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(text).unwrap())
    };
    let (passed, text) = run("0");
    let skip = "SKIP threads_know_their_places: there is no C++ compiler `no-such-compiler`";
    assert!(passed && text.contains(skip), "{text}");
    let (passed, text) = run("1");
    assert!(!passed && text.contains("install g++, or name one in CXX"), "{text}");
}

#[test]
fn what_cannot_be_compiled_or_found_is_an_error() {
    if !available("what_cannot_be_compiled_or_found_is_an_error") {
        return;
    }
    let shim = Shim::new();
    let kernel = |text: &str, name: &str, bytes: usize| {
        let unit = Unit { name: "chain: odd".into(), text: text.into() };
        shim.kernel(&unit, name, bytes).unwrap_err().to_string()
    };
    let error = kernel("int x = missing;\n", "test", 8);
    assert!(error.starts_with("shim: chain: odd: ") && error.contains(" says:\n"), "{error}");
    assert!(error.contains("chain__odd:1") && error.contains("missing"), "{error}");
    let text = "#include \"lowland.cuh\"\nstruct A { float* y; u64 n; };\nKERNEL(k, A) {}\n";
    assert_eq!(kernel(text, "other", 16), "shim: chain: odd has no kernel `other`");
    let want = "shim: the argument of kernel `k` has 16 bytes in chain: odd, and 24 bytes in its Rust \
                struct: make the fields agree";
    assert_eq!(kernel(text, "k", 24), want);
    let error = shim.download(Address(4096), &mut [0; 4]).unwrap_err().to_string();
    assert_eq!(error, "shim: a download: 4 bytes at 0x1000 are not in use");
}
