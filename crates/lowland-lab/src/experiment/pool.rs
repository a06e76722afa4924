//! Several runs at once: a thread each, and one that looks after them.

use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

/// How often the one who looks after runs looks up.
const LOOK: Duration = Duration::from_millis(100);

/// Who gives out work, and takes what comes of it; all calls are made on one thread.
pub(super) trait Host {
    /// What is known of a piece of work once it is done.
    type Done: Send;

    /// The next piece of work; none where none is to begin now.
    fn next(&mut self) -> Option<usize>;
    /// A piece of work is done.
    fn done(&mut self, job: usize, done: Self::Done);
    /// A piece of work has panicked; the others are waited for.
    fn panicked(&mut self);
    /// A moment has passed.
    fn look(&mut self);
}

/// Rings when it is dropped, so that a thread that panics is not waited for.
struct Bell(usize, Sender<usize>);

impl Drop for Bell {
    fn drop(&mut self) {
        // Nobody listens any more where the one who looks after the runs has panicked.
        let _ = self.1.send(self.0);
    }
}

/// Works on what the host gives out, at most `width` pieces at once, until nothing is under way and
/// nothing is given out.
pub(super) fn run<H: Host>(width: usize, host: &mut H, work: &(dyn Fn(usize) -> H::Done + Sync)) {
    let (ring, rung) = mpsc::channel();
    thread::scope(|scope| {
        let mut running = Vec::new();
        loop {
            while running.len() < width
                && let Some(job) = host.next()
            {
                let bell = Bell(job, ring.clone());
                let thread = scope.spawn(move || {
                    let _bell = bell;
                    work(job)
                });
                running.push((job, thread));
            }
            if running.is_empty() {
                return;
            }
            if let Ok(job) = rung.recv_timeout(LOOK)
                && let Some(at) = running.iter().position(|(other, _)| *other == job)
            {
                match running.swap_remove(at).1.join() {
                    Ok(done) => host.done(job, done),
                    Err(panic) => {
                        host.panicked();
                        std::panic::resume_unwind(panic)
                    }
                }
            }
            host.look();
        }
    });
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::time::Instant;

    use super::*;

    #[derive(Default)]
    struct Numbers {
        next: usize,
        done: Vec<(usize, usize)>,
        stopped: Arc<AtomicBool>,
    }

    impl Host for Numbers {
        type Done = usize;

        fn next(&mut self) -> Option<usize> {
            self.next += 1;
            (self.next <= 20).then_some(self.next)
        }

        fn done(&mut self, job: usize, done: usize) {
            self.done.push((job, done));
        }

        fn panicked(&mut self) {
            self.stopped.store(true, Ordering::SeqCst);
        }

        fn look(&mut self) {}
    }

    #[test]
    fn all_work_is_done_once_and_no_more_than_allowed_at_a_time() {
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let work = |job| {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            thread::sleep(Duration::from_millis(5));
            now.fetch_sub(1, Ordering::SeqCst);
            job * job
        };
        let mut host = Numbers::default();
        run(3, &mut host, &work);
        host.done.sort_unstable();
        assert_eq!(host.done, (1..=20).map(|job| (job, job * job)).collect::<Vec<_>>());
        assert_eq!(most.into_inner(), 3);
    }

    #[test]
    fn a_panic_stops_the_others_and_goes_on() {
        let mut host = Numbers::default();
        let (stopped, began) = (Arc::clone(&host.stopped), Instant::now());
        let heard = AtomicBool::new(false);
        let work = |job| {
            assert_ne!(job, 1, "the first fails");
            while !stopped.load(Ordering::SeqCst) && began.elapsed() < Duration::from_secs(4) {
                thread::sleep(Duration::from_millis(1));
            }
            heard.fetch_or(stopped.load(Ordering::SeqCst), Ordering::SeqCst);
            job
        };
        let panic = catch_unwind(AssertUnwindSafe(|| run(2, &mut host, &work)));
        assert!(panic.is_err() && heard.into_inner());
    }
}
