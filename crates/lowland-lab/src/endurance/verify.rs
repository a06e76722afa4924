//! One run, made with several numbers of threads, and killed and gone on with: its bits are the same.

use std::path::Path;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::child::{Exit, Training, Width, stop_if_wished};
use super::{End, Ground};
use crate::checkpoint::places;
use crate::console::counted;
use crate::past::PastRun;
use crate::run::Stop;
use crate::{Error, Result};

/// The numbers of threads: of the device, and of the loader.
const WIDTHS: [Width; 4] = [
    Width { threads: 1, workers: 0 },
    Width { threads: 2, workers: 1 },
    Width { threads: 3, workers: 3 },
    Width { threads: 8, workers: 2 },
];

/// How often the last run is killed, each time as soon as it has a new checkpoint.
const KILLS: usize = 3;

/// Checkpoints, for a run that is killed.
const SETS: [&str; 2] = ["record.checkpoint_every_steps=5", "record.checkpoints_kept=2"];

/// How often a process is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// What came of all runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Whether all came to the same weights, state, metrics and results.
    pub agree: bool,
    /// How often the last of them was gone on with from a checkpoint; one that is shorter than 5 steps
    /// never is.
    pub resumed: usize,
}

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
/// hands each to `done`.
///
/// # Errors
/// [`Error::Disturbed`] where a run ends otherwise than finished; what [`Error::File`] says.
pub fn verify(ground: &Ground, stop: &Stop, done: &mut dyn FnMut(&Row)) -> Result<Verdict> {
    let mut ends: Vec<End> = Vec::new();
    let mut tell = |how: String, folder: &Path, seconds: f64| {
        let end = End::of(folder)?;
        done(&Row { how, fingerprint: end.fingerprint.clone(), seconds });
        ends.push(end);
        Ok::<(), Error>(())
    };
    for width in WIDTHS {
        let folder = ground.folder.join(format!("threads-{}", width.threads));
        let began = Instant::now();
        let exit = Training::start(ground, &folder, width, &SETS)?.wait(stop)?;
        finished(&folder, &exit)?;
        let Width { threads, workers } = width;
        let threads = counted(threads, "thread", "threads");
        let how = format!("{threads}, {workers} of the loader");
        tell(how, &folder, began.elapsed().as_secs_f64())?;
    }
    let (folder, began) = (ground.folder.join("resumed"), Instant::now());
    let kills = killed(ground, &folder, stop)?;
    let resumed = PastRun::read(&folder)?.json.resumed.len();
    let how = format!("killed {kills} times, resumed {resumed} times, threads as above");
    tell(how, &folder, began.elapsed().as_secs_f64())?;
    let agree = ends.windows(2).all(|pair| pair[0] == pair[1]);
    Ok(Verdict { agree, resumed })
}

/// Makes a run that is killed at checkpoints, and returns how often it was.
fn killed(ground: &Ground, folder: &Path, stop: &Stop) -> Result<usize> {
    let (mut kills, mut newest) = (0, None);
    loop {
        let mut training = Training::start(ground, folder, WIDTHS[kills % WIDTHS.len()], &SETS)?;
        while kills < KILLS && training.wait_for(LOOK)?.is_none() {
            let place = places(folder)?.pop();
            if place > newest {
                // Not at the checkpoint itself: some steps are lost.
                training.wait_for(LOOK)?;
                break;
            }
            stop_if_wished(folder, stop)?;
        }
        let exit = match kills {
            KILLS => Some(training.wait(stop)?),
            _ => training.kill()?,
        };
        if let Some(exit) = exit {
            finished(folder, &exit)?;
            return Ok(kills);
        }
        kills += 1;
        // What it wrote before it was gone is no sign of the next one.
        newest = places(folder)?.pop();
    }
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
