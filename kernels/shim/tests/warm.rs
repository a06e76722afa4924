//! What a step of an optimizer asks of a device once it is warm: launches, and nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use lowland_core::op::{Conv2d, Segment, Step};
use lowland_core::{Backend, Buffer, Chain, Clock, DType, Op, Result, Shape};
use lowland_cuda::Cuda;
use lowland_cuda::driver::{Address, Convolve, Driver, Kernel, Multiply, RawArgs, Unit};
use lowland_optim::{ArenaOptimizer, ArenaParam, GroupSpec, Recipe};
use lowland_shim::{Shim, available};

/// A device that counts what it is asked for.
#[derive(Debug, Default)]
struct Counting {
    shim: Shim,
    allocations: AtomicUsize,
    copies: AtomicUsize,
    kernels: AtomicUsize,
    launches: AtomicUsize,
}

fn count(counter: &AtomicUsize) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Counting {
    /// Allocations, copies to and from the host, kernels asked for, and launches since the last call.
    fn take(&self) -> [usize; 4] {
        [&self.allocations, &self.copies, &self.kernels, &self.launches]
            .map(|counter| counter.swap(0, Ordering::Relaxed))
    }
}

impl Driver for Counting {
    fn name(&self) -> &str {
        self.shim.name()
    }

    fn allocate(&self, bytes: usize) -> Option<Address> {
        count(&self.allocations);
        self.shim.allocate(bytes)
    }

    fn free(&self, address: Address, bytes: usize) {
        self.shim.free(address, bytes);
    }

    fn lend(&self, address: Address, capacity: usize, bytes: usize) {
        self.shim.lend(address, capacity, bytes);
    }

    fn upload(&self, from: &[u8], to: Address) -> Result<()> {
        count(&self.copies);
        self.shim.upload(from, to)
    }

    fn download(&self, from: Address, to: &mut [u8]) -> Result<()> {
        count(&self.copies);
        self.shim.download(from, to)
    }

    fn copy(&self, from: Address, to: Address, bytes: usize) -> Result<()> {
        self.shim.copy(from, to, bytes)
    }

    fn kernel(&self, unit: &Unit, name: &str, args_bytes: usize) -> Result<Kernel> {
        count(&self.kernels);
        self.shim.kernel(unit, name, args_bytes)
    }

    fn launch(&self, kernel: &Kernel, blocks: u32, args: RawArgs<'_>) -> Result<()> {
        count(&self.launches);
        self.shim.launch(kernel, blocks, args)
    }

    fn convolve(&self, conv: &Conv2d, what: Convolve, workspace: Address) -> Result<()> {
        self.shim.convolve(conv, what, workspace)
    }

    fn multiply(&self, product: &Multiply) -> Result<()> {
        self.shim.multiply(product)
    }

    fn multiprocessors(&self) -> u32 {
        Driver::multiprocessors(&self.shim)
    }

    fn sync(&self) -> Result<()> {
        self.shim.sync()
    }
}

/// What one warm step of a recipe asks for.
fn warm_step(recipe: &str) -> [usize; 4] {
    let recipe: Recipe = toml::from_str(&format!("learning_rate = 0.1\n{recipe}")).unwrap();
    let driver = Arc::new(Counting::default());
    let backend: Arc<dyn Backend> = Arc::new(Cuda::on(Arc::<Counting>::clone(&driver)));
    let param = |name: &str, offset, shape: &[usize]| ArenaParam {
        name: name.into(),
        offset,
        shape: Shape::new(shape),
    };
    let params = vec![param("conv", 0, &[16, 8, 3, 3]), param("bias", 1216, &[16])];
    let (len, groups) = (1280, vec![GroupSpec::all("all", recipe.update().unwrap())]);
    let optimizer = ArenaOptimizer::new(Arc::clone(&backend), DType::F32, len, params, groups);
    let mut optimizer = optimizer.unwrap();
    if let Some(bound) = recipe.clip_norm() {
        optimizer = optimizer.with_clip_norm(bound).unwrap();
    }
    let [params, grads] = [0.5, 0.25].map(|x| backend.filled(len, DType::F32, x).unwrap());
    // Tables that are made in the first step take memory that the second one asks for anew.
    for step in 1..=3 {
        driver.take();
        optimizer.step(&Clock::at_step(step, 0.1), &params, &grads).unwrap();
    }
    driver.take()
}

#[test]
fn a_warm_step_is_launches_alone() {
    if !available("a_warm_step_is_launches_alone") {
        return;
    }
    let launches = |count| [0, 0, 0, count];
    assert_eq!(warm_step("sgd = { momentum = 0.9, weight_decay = 1e-4 }"), launches(1));
    assert_eq!(warm_step("miadam = { order = 3 }"), launches(1));
    assert_eq!(warm_step("adam = {}\nclip = { norm = 1e-3 }"), launches(3 + 1));
    let smooth = "channel_directed = { metric = 'sobolev', lambda = 0.1 }";
    assert_eq!(warm_step(&format!("adam = {{}}\n{smooth}")), launches(1 + 1));
    let atan =
        "activation = { placement = 'direction', adaptive_atan = { shrink = 1.5, gamma = 2 } }";
    assert_eq!(warm_step(&format!("adam = {{}}\n{atan}")), launches(1 + 2 + 1));
    // Sums that the host makes scalars of: sums and rests are downloaded.
    assert_eq!(warm_step("adai = {}"), [0, 2, 0, 2 + 1]);
}

#[test]
fn tables_of_what_is_gone_are_let_go() {
    if !available("tables_of_what_is_gone_are_let_go") {
        return;
    }
    let backend = Cuda::on(Arc::new(Shim::new()));
    let chain = Arc::new(Chain::new());
    let arena = |value| (&backend as &dyn Backend).filled(8192, DType::F32, value).unwrap();
    let [params, grads]: [Buffer; 2] = [1.0, 2.0].map(arena);
    let mut in_use = Vec::new();
    for len in 1..=20 {
        let segments = (0..len).map(|i| Segment { param: 64 * i, state: 0, len: 1 });
        let prepared = chain.prepare(&Clock::at_step(1, 0.5));
        let op = Step::new(Arc::clone(&chain), prepared, segments.collect(), 8192, 0).unwrap();
        backend.run(&Op::Step(op), &[&grads], &[&params]).unwrap();
        in_use.push(backend.memory().bytes_in_use);
    }
    // One table at a time, of at most 512 bytes.
    assert!(in_use.iter().max().unwrap() - in_use[0] <= 256, "{in_use:?}");
}
