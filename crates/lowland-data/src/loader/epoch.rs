//! One epoch: an iterator of batches, and the threads that prepare them.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use super::Plan;
use super::batch::{Batch, Buffers, Pool};
use super::queue::{Prepared, Queue};
use crate::augment::Scratch;
use crate::error::{Error, Result};
use crate::random::{CounterRng, Purpose};

/// Prepares the batches of one epoch; each thread has its own clone of the handle and its own
/// scratch.
#[derive(Clone, Debug)]
struct Preparer {
    plan: Arc<Plan>,
    pool: Arc<Pool>,
    order: Arc<[u32]>,
    epoch: u64,
}

/// The batches of one epoch, in order. Should a thread fail, yields one error in place of its batch
/// and ends; `len` counts the batches that are left if none does.
#[derive(Debug)]
pub struct Epoch {
    preparer: Preparer,
    next: usize,
    end: usize,
    threads: Option<Threads>,
    scratch: Scratch,
    /// An error of the start, to be yielded first.
    failed: Option<Error>,
}

/// Background threads; dropping stops and joins them.
#[derive(Debug)]
struct Threads {
    queue: Arc<Queue>,
    handles: Vec<JoinHandle<()>>,
}

impl Epoch {
    pub(super) fn start(plan: Arc<Plan>, pool: Arc<Pool>, epoch: u64, first: usize) -> Epoch {
        let end = plan.batches();
        let order = plan.order(epoch).into();
        let workers = plan.config.workers.min(end.saturating_sub(first));
        let preparer = Preparer { plan, pool, order, epoch };
        let (threads, failed) = match Threads::start(&preparer, first, end, workers) {
            Ok(threads) => (threads, None),
            Err(error) => (None, Some(error)),
        };
        Epoch { preparer, next: first.min(end), end, threads, scratch: Scratch::default(), failed }
    }

    /// The number of the batch that comes next, from 0.
    pub fn position(&self) -> usize {
        self.next
    }

    /// Ends the iteration.
    fn finish(&mut self) {
        self.threads = None;
        self.next = self.end;
    }
}

impl Iterator for Epoch {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Result<Batch>> {
        if let Some(error) = self.failed.take() {
            self.finish();
            return Some(Err(error));
        }
        if self.next >= self.end {
            // The threads have nothing left to do and are already on their way out.
            self.threads = None;
            return None;
        }
        let prepared = match &self.threads {
            Some(threads) => threads.queue.take()?,
            None => self.preparer.prepare(self.next, &mut self.scratch),
        };
        let Preparer { plan, pool, epoch, .. } = &self.preparer;
        match prepared {
            Ok(buffers) => {
                self.next += 1;
                Some(Ok(Batch::new(buffers, plan.view.shape(), Arc::clone(pool))))
            }
            Err(message) => {
                let error = Error::Worker { epoch: *epoch, batch: self.next, message };
                self.finish();
                Some(Err(error))
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.end - self.next;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Epoch {}
impl std::iter::FusedIterator for Epoch {}

impl Threads {
    /// Starts `workers` threads; none when `workers` is 0.
    fn start(
        preparer: &Preparer,
        first: usize,
        end: usize,
        workers: usize,
    ) -> Result<Option<Threads>> {
        if workers == 0 {
            return Ok(None);
        }
        let queue = Arc::new(Queue::new(first, end, preparer.plan.config.prefetch));
        let mut threads = Threads { queue, handles: Vec::with_capacity(workers) };
        for i in 0..workers {
            let (queue, preparer) = (Arc::clone(&threads.queue), preparer.clone());
            let builder = thread::Builder::new().name(format!("lowland-data-{i}"));
            let handle = builder.spawn(move || {
                let mut scratch = Scratch::default();
                while let Some(batch) = queue.claim() {
                    queue.deliver(batch, preparer.prepare(batch, &mut scratch));
                }
            });
            threads.handles.push(handle.map_err(|cause| Error::Thread { cause })?);
        }
        Ok(Some(threads))
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.queue.stop();
        for handle in self.handles.drain(..) {
            // Panics are caught where they happen and reported as errors.
            let _ = handle.join();
        }
    }
}

impl Preparer {
    /// Prepares a batch; a panic becomes its message.
    fn prepare(&self, batch: usize, scratch: &mut Scratch) -> Prepared {
        // After a panic the scratch and the buffers hold bytes of no meaning, and every batch
        // overwrites all of them.
        catch_unwind(AssertUnwindSafe(|| self.fill(batch, scratch)))
            .map_err(|panic| panic_message(&*panic))
    }

    fn fill(&self, batch: usize, scratch: &mut Scratch) -> Buffers {
        let Plan { view, config, normaliser } = &*self.plan;
        let split = view.split();
        let from = batch * config.batch_size;
        let samples = &self.order[from..self.order.len().min(from + config.batch_size)];
        let mut buffers = self.pool.take();
        buffers.images.resize(samples.len() * split.image_len(), 0.0);
        for (&sample, out) in samples.iter().zip(buffers.images.chunks_exact_mut(split.image_len()))
        {
            let mut image = split.image(sample as usize);
            let rng =
                |purpose, epoch| CounterRng::new(config.seed, purpose, epoch, u64::from(sample));
            if !config.augment.is_empty() {
                let mut rng = rng(Purpose::Augment, self.epoch);
                image = scratch.apply(&config.augment, split.shape(), image, &mut rng);
            }
            match &config.input_noise {
                None => normaliser.apply(image, out),
                Some(noise) => {
                    noise.apply(image, out, &mut rng(Purpose::InputNoise, 0));
                    normaliser.apply_in_place(out);
                }
            }
            if let Some(cutout) = &config.cutout {
                cutout.apply(split.shape(), out, &mut rng(Purpose::Cutout, self.epoch));
            }
        }
        let labels = view.split_labels();
        buffers.labels.clear();
        buffers.labels.extend(samples.iter().map(|&sample| u32::from(labels[sample as usize])));
        buffers.indices.clear();
        buffers.indices.extend_from_slice(samples);
        buffers
    }
}

/// The text of a panic.
fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without a message")
        .to_string()
}
