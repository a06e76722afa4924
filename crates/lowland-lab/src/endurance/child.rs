//! A process that trains, and what becomes of it.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::Ground;
use crate::run::Stop;
use crate::{Error, Result};

/// How often a child is looked at.
const LOOK: Duration = Duration::from_millis(1);

/// How often it is asked in a long wait whether to go on.
const LONG_LOOK: Duration = Duration::from_millis(100);

/// The machine's resources that a run uses; they change nothing of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Width {
    pub(super) threads: usize,
    pub(super) workers: usize,
}

/// A process that trains.
#[derive(Debug)]
pub(super) struct Training(Child);

/// How a process ended by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Exit {
    /// The exit code; none where a signal ended it.
    pub(super) code: Option<i32>,
    /// What it said on standard error.
    pub(super) message: String,
}

impl Training {
    /// Goes on with the run of a folder, or begins it.
    pub(super) fn start(
        ground: &Ground,
        run: &Path,
        width: Width,
        sets: &[&str],
    ) -> Result<Training> {
        let mut command = Command::new(&ground.program);
        command.arg("train").arg(&ground.config).arg("--resume").arg(run);
        command.arg("--data-dir").arg(&ground.data_folder);
        command.args(["--threads", &width.threads.to_string()]);
        command.args(["--workers", &width.workers.to_string()]);
        command.args(sets.iter().flat_map(|set| ["--set", set]));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command.spawn().map(Training).map_err(Error::file("start", &ground.program))
    }

    /// Waits for so long, or until it has ended.
    pub(super) fn wait_for(&mut self, time: Duration) -> Result<Option<Exit>> {
        let began = Instant::now();
        loop {
            if let Some(exit) = self.exit()? {
                return Ok(Some(exit));
            }
            if began.elapsed() >= time {
                return Ok(None);
            }
            thread::sleep(LOOK.min(time));
        }
    }

    /// Waits until it has ended, or a stop is wished.
    ///
    /// # Errors
    /// [`Error::Disturbed`] where a stop is wished.
    pub(super) fn wait(&mut self, stop: &Stop) -> Result<Exit> {
        loop {
            if let Some(exit) = self.wait_for(LONG_LOOK)? {
                return Ok(exit);
            }
            stop_if_wished(Path::new("the run"), stop)?;
        }
    }

    /// Kills it, as a power failure would. Returns how it ended where it had before.
    pub(super) fn kill(&mut self) -> Result<Option<Exit>> {
        if let Some(exit) = self.exit()? {
            return Ok(Some(exit));
        }
        // It may end by itself in between: then there is nobody to kill.
        let _ = self.0.kill();
        self.0.wait().map_err(cannot_wait)?;
        Ok(None)
    }

    /// Asks it to end, as Ctrl-C does.
    pub(super) fn interrupt(&self) {
        // It may have ended by itself.
        let _ = Command::new("kill").args(["-INT", &self.0.id().to_string()]).status();
    }

    fn exit(&mut self) -> Result<Option<Exit>> {
        let status = self.0.try_wait().map_err(cannot_wait)?;
        let Some(status) = status else { return Ok(None) };
        let mut message = String::new();
        if let Some(mut stderr) = self.0.stderr.take() {
            // What cannot be read is no message.
            let _ = stderr.read_to_string(&mut message);
        }
        Ok(Some(Exit { code: status.code(), message: message.trim().to_string() }))
    }
}

fn cannot_wait(cause: std::io::Error) -> Error {
    Error::Usage(format!("a process cannot be waited for: {cause}"))
}

/// An error where a stop is wished.
///
/// # Errors
/// [`Error::Disturbed`].
pub(super) fn stop_if_wished(folder: &Path, stop: &Stop) -> Result<()> {
    if !stop.wished() {
        return Ok(());
    }
    Err(Error::Disturbed { folder: folder.to_path_buf(), problem: "it was stopped".into() })
}

impl Drop for Training {
    /// No process outlives whoever watches it, unless that one is killed.
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
