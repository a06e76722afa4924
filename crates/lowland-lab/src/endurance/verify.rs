//! One run, made with several numbers of threads, and killed and gone on with: its bits are the same.

use std::path::Path;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::child::{Exit, Training, Width};
use super::{End, Ground};
use crate::console::counted;
use crate::{Error, Result};

/// The numbers of threads: of the device, and of the loader.
const WIDTHS: [Width; 4] = [
    Width { threads: 1, workers: 0 },
    Width { threads: 2, workers: 1 },
    Width { threads: 3, workers: 3 },
    Width { threads: 8, workers: 2 },
];

/// How often the last run is killed.
const KILLS: u32 = 3;

/// A checkpoint after so many steps, for runs that are killed.
const EVERY_STEPS: &str = "record.checkpoint_every_steps=20";

/// A run, and what it came to.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// How it was made.
    pub how: String,
    /// Its fingerprint: see [`Checkpoint::fingerprint`](crate::checkpoint::Checkpoint::fingerprint).
    pub fingerprint: String,
    /// Seconds it took.
    pub seconds: f64,
}

/// Makes the run of a config with 1, 2, 3 and 8 threads, and once more killed three times and resumed, and
/// hands each to `done`. Returns whether all came to the same weights, state, metrics and results.
///
/// # Errors
/// [`Error::Disturbed`] where a run ends otherwise than finished; what [`Error::File`] says.
pub fn verify(ground: &Ground, done: &mut dyn FnMut(&Row)) -> Result<bool> {
    let mut ends: Vec<End> = Vec::new();
    let mut tell = |how: String, folder: &Path, seconds: f64| {
        let end = End::of(folder)?;
        done(&Row { how, fingerprint: end.fingerprint.clone(), seconds });
        ends.push(end);
        Ok::<(), Error>(())
    };
    let mut whole = Duration::ZERO;
    for (i, width) in WIDTHS.into_iter().enumerate() {
        let folder = ground.folder.join(format!("threads-{}", width.threads));
        let began = Instant::now();
        let exit = Training::start(ground, &folder, width, &[EVERY_STEPS])?.wait()?;
        finished(&folder, &exit)?;
        if i == 0 {
            whole = began.elapsed();
        }
        let Width { threads, workers } = width;
        let threads = counted(threads, "thread", "threads");
        let how = format!("{threads}, {workers} of the loader");
        tell(how, &folder, began.elapsed().as_secs_f64())?;
    }
    let (folder, began) = (ground.folder.join("resumed"), Instant::now());
    let (exit, kills) = killed(ground, &folder, whole)?;
    finished(&folder, &exit)?;
    let how = format!("killed {kills} times and resumed, threads as above");
    tell(how, &folder, began.elapsed().as_secs_f64())?;
    Ok(ends.windows(2).all(|pair| pair[0] == pair[1]))
}

/// Makes a run that is killed at some moments, where a whole one takes so long.
fn killed(ground: &Ground, folder: &Path, whole: Duration) -> Result<(Exit, u32)> {
    let mut kills = 0;
    for attempt in 0.. {
        let width = WIDTHS[attempt % WIDTHS.len()];
        let mut training = Training::start(ground, folder, width, &[EVERY_STEPS])?;
        let time = if kills < KILLS { whole / (KILLS + 2) } else { Duration::MAX };
        let exit = match training.wait_for(time)? {
            Some(exit) => Some(exit),
            None => training.kill()?,
        };
        match exit {
            Some(exit) => return Ok((exit, kills)),
            None => kills += 1,
        }
    }
    unreachable!("it is not killed more than so often")
}

/// Whether a process has finished its run.
pub(super) fn finished(folder: &Path, exit: &Exit) -> Result<()> {
    if exit.code == Some(0) {
        return Ok(());
    }
    let code = exit.code.map_or("a signal".to_string(), |code| format!("exit code {code}"));
    let problem = format!("the run ended by {code}: {}", exit.message);
    Err(Error::Disturbed { folder: folder.to_path_buf(), problem })
}
