//! Fork and join over a fixed number of threads.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rayon::{ThreadPool, ThreadPoolBuilder};

/// A fixed number of threads, the calling one among them; the others sleep while there is no work.
///
/// How work is cut is the caller's business, and must depend on shapes alone: then it does not
/// matter for the result which thread takes which piece, nor how many there are.
#[derive(Debug)]
pub(crate) struct Threads {
    /// All but the calling thread; `None` where that is the only one.
    workers: Option<ThreadPool>,
}

impl Threads {
    /// `count` threads, at least one. Where the system refuses to start so many, the calling thread
    /// works alone: results are the same.
    pub(crate) fn new(count: usize) -> Self {
        if count <= 1 {
            return Threads { workers: None };
        }
        let workers = ThreadPoolBuilder::new()
            .num_threads(count - 1)
            .thread_name(|i| format!("lowland-cpu-{}", i + 1))
            .build();
        Threads { workers: workers.ok() }
    }

    /// How many threads work, the calling one counted.
    pub(crate) fn count(&self) -> usize {
        1 + self.workers.as_ref().map_or(0, ThreadPool::current_num_threads)
    }

    /// Calls `task` once with each item, in parallel, and returns when all calls have returned.
    ///
    /// Items are handed out one at a time and in order. They may be numbers (`0..rows`), pieces of
    /// an output (`y.chunks_mut(len).enumerate()`), or of several outputs cut in step
    /// (`a.chunks_mut(m).zip(b.chunks_mut(n))`): each item belongs to one call alone.
    ///
    /// # Panics
    /// Where a call panics, after the others have ended.
    pub(crate) fn for_each<I>(&self, items: I, task: impl Fn(I::Item) + Sync)
    where
        I: Iterator + Send,
        I::Item: Send,
    {
        let most = items.size_hint().1.unwrap_or(usize::MAX);
        let Some(workers) = self.workers.as_ref().filter(|_| most > 1) else {
            return items.for_each(task);
        };
        let items = Mutex::new(items);
        let next = || lock(&items).next();
        let work = || {
            while let Some(item) = next() {
                task(item);
            }
        };
        let fork = || {
            workers.in_place_scope(|scope| {
                for _ in 0..workers.current_num_threads().min(most - 1) {
                    scope.spawn(|_| work());
                }
                work();
            });
        };
        if workers.current_thread_index().is_some() {
            // One of our own workers would wait for itself.
            work();
        } else if rayon::current_thread_index().is_some() {
            // A worker of a foreign pool that waits takes up other jobs of its pool. One of these
            // might come back here, and wait for the op that this thread has not finished. A plain
            // thread just waits.
            std::thread::scope(|scope| {
                if let Err(panic) = scope.spawn(fork).join() {
                    std::panic::resume_unwind(panic);
                }
            });
        } else {
            fork();
        }
    }
}

/// Locks a mutex. A panic elsewhere leaves nothing half-done in what this crate's mutexes hold.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn every_item_is_taken_once_by_any_number_of_threads() {
        for count in [0, 1, 2, 3, 8] {
            let threads = Threads::new(count);
            assert_eq!(threads.count(), count.max(1));
            let mut out = vec![0usize; 1003];
            threads.for_each(out.chunks_mut(10).enumerate(), |(i, chunk)| {
                for x in chunk {
                    *x += i + 1;
                }
            });
            assert!(out.iter().enumerate().all(|(k, &x)| x == k / 10 + 1));
            let calls = AtomicUsize::new(0);
            threads.for_each(0..0, |_: usize| {
                calls.fetch_add(1, Ordering::Relaxed);
            });
            assert_eq!(calls.into_inner(), 0);
        }
    }

    #[test]
    fn calls_from_workers_of_this_and_of_other_pools_end() {
        let threads = Threads::new(3);
        let sum = AtomicUsize::new(0);
        threads.for_each(0..4, |i: usize| {
            threads.for_each(0..10, |j: usize| {
                sum.fetch_add(i * j, Ordering::Relaxed);
            });
        });
        assert_eq!(sum.into_inner(), 6 * 45);
        let turn = Mutex::new(0usize);
        rayon::scope(|scope| {
            for _ in 0..32 {
                scope.spawn(|_| {
                    let mut total = lock(&turn);
                    let sum = AtomicUsize::new(0);
                    threads.for_each(0..8, |i: usize| {
                        sum.fetch_add(i, Ordering::Relaxed);
                    });
                    *total += sum.into_inner();
                });
            }
        });
        assert_eq!(turn.into_inner().unwrap(), 32 * 28);
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_threads_go_on() {
        let threads = Threads::new(2);
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            threads.for_each(0..8, |i: usize| assert!(i != 5, "five"));
        }));
        assert!(result.is_err());
        let sum = AtomicUsize::new(0);
        threads.for_each(0..4, |i: usize| {
            sum.fetch_add(i, Ordering::Relaxed);
        });
        assert_eq!(sum.into_inner(), 6);
    }
}
