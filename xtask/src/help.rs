//! Help texts.

pub const ALL: &str = "\
Usage: cargo xtask COMMAND [ARGUMENTS]

Experiments (built in release form first, then run):
  demo     compare three optimizers on built-in digits, over three seeds
  train    make one run from a TOML file and record it in a directory of its own
  experiment
           compare arms over seeds, from a TOML file: search, runs, measurements
  evaluate score a network, or weights of another program, on the test images
  weights  write a run's weights under the names of PyTorch's networks
  runs     list, show, compare and export what has been run
  report   write the page of an experiment or of a run: verdict, curves, tables, landscapes
  data     list, import and describe datasets
  bench    time training and inference steps
  figures  draw the pictures of the book's chapters on methods
  flatness measure how flat the minimum is that a run has ended in
  lr-range find learning rates to train with, by a hundred steps at a rate that grows
  methods  list what a config can name, or describe one
  tables   write the tables of an experiment's directory anew
  verify   make one run with 1, 2, 3 and 8 threads, and killed and resumed, to one hash
  soak     kill, interrupt and damage runs for some minutes, and compare what they come to
  zero-stability
           the roots of a multistep scheme, and what they say

Development:
  test     all tests, or those whose names hold a filter
  guard    count the instructions of kernels and steps, and compare with the committed figures
  kernels  compile the CUDA kernels without a GPU, and check what comes of them
  fuzz     read files that nobody would write, until one breaks something
  sanitize the tests of crates with unsafe code, under AddressSanitizer
  ci       every check that a change has to pass

`cargo xtask COMMAND --help` tells more.

Examples:
  cargo xtask demo
  cargo xtask data import cifar10 --from cifar-10-binary.tar.gz --to data/cifar10
  cargo xtask train docs/experiments/cifar10-resnet20.toml --set train.epochs=3
";

const TEST: &str = "\
Run the tests of the whole workspace in release form, documentation included.

Usage: cargo xtask test [FILTER] [-- TEST_ARGUMENTS]
       cargo xtask test --each-isa

Arguments:
  FILTER          run the tests whose names hold this text
  TEST_ARGUMENTS  for the test programs themselves, such as --nocapture
  --each-isa      run all tests, and then those whose results go through the kernels of the CPU
                  backend once more with each slower instruction set that this processor has

Examples:
  cargo xtask test
  cargo xtask test golden -- --nocapture
";

const GUARD: &str = "\
Count the instructions of every kind of op, of optimizers, of the loader and of steps of a network,
by valgrind's callgrind, and compare them with benches/instructions.toml. Fails where one takes more
than its figure by 3 %, or by 10 % with another compiler than the figures are of.

Usage: cargo xtask guard [--update]

Arguments:
  --update  write what was counted to benches/instructions.toml
";

const KERNELS: &str = "\
Compile the CUDA kernels without a GPU, and check what comes of them. docs/src/kernels-check.md says
what each check is for.

Usage: cargo xtask kernels check [--update]
       cargo xtask kernels ptx
       cargo xtask kernels hip
       cargo xtask kernels install [DIR]

Commands:
  check    compile every unit for sm_80 and sm_90, the optimizer steps of many recipes included. Fails
           where a register is spilled, a kernel takes more registers than its ceiling or makes fewer
           accesses of 16 bytes than in kernels/registers.toml, where its argument has another size in
           Rust, and where kernels/ptx is not current
  ptx      write kernels/ptx, which machines without a compiler run
  hip      compile every unit by hipcc for gfx90a and gfx1030, and print the registers; does nothing
           where hipcc is not installed
  install  get the compilers of CUDA 13.0 from PyPI, 520 MB, into the user's cache or into DIR, where
           they are not here yet, and print the folder of their libraries

Arguments:
  --update  write what was measured to kernels/registers.toml

`check` and `ptx` take the compilers in the folder that LOWLAND_CUDA_TOOLS names, or else those that
`install` got, or else those of the nvcc on the PATH, of CUDA 13.0. nvcc needs g++ besides.
";

const FUZZ: &str = "\
Fuzz the readers of files, one after the other, by cargo-fuzz, and end at the first input that breaks
one. docs/src/fuzzing.md says what each of them must withstand.

Usage: cargo xtask fuzz [TARGET] [--minutes N] [--jobs N]

Arguments:
  TARGET       one of the folders of crates/fuzz/seeds; all of them where none is given
  --minutes N  how long each is fuzzed, by default 10
  --jobs N     processes at once, by default 1

cargo-fuzz is installed where it is missing. Inputs of interest are kept in target/fuzz/corpus and are
where the next run begins; those that break something are in target/fuzz/found.

Examples:
  cargo xtask fuzz
  cargo xtask fuzz archive --minutes 60 --jobs 4
";

const SANITIZE: &str = "\
Run the tests of lowland-core, lowland-cpu and lowland-data under AddressSanitizer, in a target folder
of their own. It needs x86-64 Linux, and no other compiler than the usual one. docs/src/unsafe.md says
what it is for.

Usage: cargo xtask sanitize [FILTER] [-- TEST_ARGUMENTS]

Arguments:
  FILTER          run the tests whose names hold this text
  TEST_ARGUMENTS  for the test programs themselves, such as --nocapture
";

const CI: &str = "\
Run every check that a change has to pass, one after the other, and stop at the first that fails:
the layout of the workspace, formatting, lints, documentation, tests, those of the CPU's kernels with
each slower instruction set, the guard against regressions where valgrind is installed, the kernels
where the compilers of CUDA 13.0 are, and the book where mdbook is.

Usage: cargo xtask ci
";

/// The help of a command that is not passed on.
pub fn of(command: &str) -> &'static str {
    match command {
        "test" => TEST,
        "guard" => GUARD,
        "kernels" => KERNELS,
        "fuzz" => FUZZ,
        "sanitize" => SANITIZE,
        "ci" => CI,
        _ => ALL,
    }
}
