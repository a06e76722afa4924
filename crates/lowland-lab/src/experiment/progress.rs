//! What is seen of an experiment: a line a run, and a bar on a terminal.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::console::{Console, duration};
use crate::run::{Observer, Position};

/// Ticks of the bar, and of a run.
const TICKS: f64 = 10_000.0;

/// How far one run is, seen from another thread.
#[derive(Debug, Default)]
pub(super) struct HowFar(AtomicU32);

impl HowFar {
    fn set(&self, done: f64) {
        self.0.store((TICKS * done) as u32, Ordering::Relaxed);
    }

    /// The part that is done, 0 to 1.
    pub(super) fn done(&self) -> f64 {
        f64::from(self.0.load(Ordering::Relaxed)) / TICKS
    }
}

/// Watches a run for others to see how far it is.
pub(super) struct Watch<'a>(pub(super) &'a HowFar);

impl Observer for Watch<'_> {
    fn stepped(&mut self, position: &Position) {
        self.0.set(position.done);
    }

    fn evaluated(&mut self, done: f64) {
        self.0.set(done);
    }
}

/// Lines that stay, and a bar below them on a terminal.
#[derive(Debug)]
pub(super) struct Progress {
    console: Console,
    bar: Option<ProgressBar>,
    began: Instant,
}

impl Progress {
    pub(super) fn new(console: Console) -> Progress {
        let bar = || {
            let bar =
                ProgressBar::with_draw_target(Some(TICKS as u64), ProgressDrawTarget::stderr());
            let style =
                ProgressStyle::with_template("{bar:14.cyan/dim} {percent:>3} %, {wide_msg}");
            bar.set_style(
                style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━╸─"),
            );
            bar.enable_steady_tick(Duration::from_millis(250));
            bar
        };
        Progress { console, bar: console.is_live().then(bar), began: Instant::now() }
    }

    /// A line that stays.
    pub(super) fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| self.console.say(line)),
            None => self.console.say(line),
        }
    }

    /// How much of the work is done, and how many runs are under way.
    pub(super) fn show(&self, done: f64, running: usize) {
        let Some(bar) = &self.bar else { return };
        bar.set_position((TICKS * done) as u64);
        // Too little is known for the first few seconds.
        let elapsed = self.began.elapsed().as_secs_f64();
        let left = (done > 0.0 && elapsed > 2.0).then(|| duration(elapsed / done * (1.0 - done)));
        let left = left.map_or(String::new(), |left| format!("about {left} left, "));
        bar.set_message(format!("{left}{running} under way"));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}
