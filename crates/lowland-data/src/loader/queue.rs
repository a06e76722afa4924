//! The bounded queue between the threads that prepare batches and the one that uses them: strictly
//! in order.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::batch::Buffers;

/// A prepared batch, or the message of the panic that happened instead.
pub(super) type Prepared = Result<Buffers, String>;

/// A window of batches: those handed out to threads and not yet taken by the consumer.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    /// The window moved, or the queue stopped.
    space: Condvar,
    /// A batch was delivered.
    ready: Condvar,
    depth: usize,
    end: usize,
}

#[derive(Debug)]
struct State {
    /// The batch the consumer takes next.
    first: usize,
    /// One place for each batch handed out, from `first` on.
    window: VecDeque<Option<Prepared>>,
    stopped: bool,
}

impl Queue {
    /// A queue of the batches `first..end`, at most `depth` ahead of the consumer.
    pub fn new(first: usize, end: usize, depth: usize) -> Queue {
        let state =
            State { first, window: VecDeque::with_capacity(depth.min(1024)), stopped: false };
        Queue { state: Mutex::new(state), space: Condvar::new(), ready: Condvar::new(), depth, end }
    }

    /// The next batch to prepare; waits for space. `None` when there is nothing left to do.
    pub fn claim(&self) -> Option<usize> {
        let mut state = self.lock();
        loop {
            let next = state.first + state.window.len();
            if state.stopped || next >= self.end {
                return None;
            }
            if state.window.len() < self.depth {
                state.window.push_back(None);
                return Some(next);
            }
            state = self.space.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Hands in a batch that was claimed.
    pub fn deliver(&self, batch: usize, prepared: Prepared) {
        let mut state = self.lock();
        // A batch behind the window belongs to nobody any more.
        let place = batch.checked_sub(state.first);
        if let Some(place) = place.and_then(|place| state.window.get_mut(place)) {
            *place = Some(prepared);
        }
        self.ready.notify_one();
    }

    /// Takes the next batch in order; waits for it. `None` after the last.
    pub fn take(&self) -> Option<Prepared> {
        let mut state = self.lock();
        loop {
            if state.stopped || state.first >= self.end {
                return None;
            }
            if let Some(prepared) = state.window.front_mut().and_then(Option::take) {
                state.window.pop_front();
                state.first += 1;
                self.space.notify_one();
                return Some(prepared);
            }
            state = self.ready.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Sends every thread home.
    pub fn stop(&self) {
        self.lock().stopped = true;
        self.space.notify_all();
        self.ready.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
