//! How a run directory begins, and how it is gone on with.

use std::fs;
use std::path::{Path, PathBuf};

use super::{
    CONFIG, EVENTS, Ended, Keep, LOCK, METRICS, RUN_JSON, Record, Resumption, RunJson, WEIGHTS,
    config_toml, metrics_lines, now, weights_of,
};
use crate::checkpoint::{Checkpoint, Damage, Found, Keeper, Progress, places};
use crate::checksums;
use crate::config::{Config, ConfigFile, Differing, in_words};
use crate::console::counted;
use crate::lock::Lock;
use crate::output::{
    GrowingFile, create_folder, holds_at_most, names_in, remove, remove_half_written, write_whole,
};
use crate::run::Run;
use crate::tensorboard::EventFile;
use crate::{Error, Result};

/// The fields of a config that may change while a run is interrupted: they change none of its bits.
const MAY_CHANGE: &str = "record.checkpoint";

/// What was gone on from, where a run was resumed.
#[derive(Clone, Debug, Default)]
pub struct Resumed {
    /// The checkpoint; none where there was none, and the run begins anew.
    pub from: Option<PathBuf>,
    /// Epochs that had been recorded and are made once more, where the run begins anew.
    pub anew: usize,
    /// Newer checkpoints that are damaged.
    pub damaged: Vec<Damage>,
    /// What is otherwise than when the run began, and may change its bits, in words.
    pub differing: Vec<String>,
}

impl Resumed {
    /// What is to be said of it, a sentence each.
    #[must_use]
    pub fn sentences(&self) -> Vec<String> {
        let damaged = self.damaged.iter().map(|damage| {
            let (folder, problem) = (damage.folder.display(), &damage.problem);
            format!("A checkpoint is damaged and was put aside as {folder}: {problem}")
        });
        let differing = self
            .differing
            .iter()
            .map(|d| format!("{d}: the results may differ in their last bits"));
        let from = self.from.iter().map(|from| format!("Going on from {}", from.display()));
        let anew = (self.anew > 0).then(|| {
            let epochs = counted(self.anew, "epoch", "epochs");
            format!(
                "There is no checkpoint: the run begins anew, {epochs} that were recorded included"
            )
        });
        damaged.chain(differing).chain(from).chain(anew).collect()
    }
}

impl Record {
    /// A run directory at `folder`, which must not exist or be empty.
    ///
    /// # Errors
    /// [`Error::OutputExists`]; [`Error::Busy`]; [`Error::File`] where it cannot be written.
    pub fn create(folder: &Path, run: &Run) -> Result<Record> {
        let look = || match holds_at_most(folder, &[LOCK])? {
            true => Ok(()),
            false => Err(Error::OutputExists { path: folder.to_path_buf() }),
        };
        // A folder of something else stays as it is, without a lock in it.
        look()?;
        let lock = Lock::take(folder, LOCK)?;
        look()?;
        Record::begin(folder, lock, run)
    }

    /// The run directory at `folder`, of a run that was interrupted, failed or killed: `run` goes on from
    /// its newest checkpoint that is whole. Where it has none yet the run begins anew, also where there is
    /// no such folder. What a config says of checkpoints may have changed.
    ///
    /// # Errors
    /// [`Error::Busy`]; [`Error::OutputExists`] where the folder holds something, but no run;
    /// [`Error::OtherConfig`] and [`Error::OtherRun`] where it is of another run, with what differs;
    /// [`Error::NoCheckpoint`] where all of its checkpoints are damaged; [`Error::Damaged`] where it is of a
    /// finished run without a checkpoint; [`Error::File`]. Then nothing has changed.
    pub fn resume(folder: &Path, run: &mut Run) -> Result<(Record, Resumed)> {
        let config = run.plan().config().clone();
        look(folder, &config)?;
        let lock = Lock::take(folder, LOCK)?;
        look(folder, &config)?;
        let mut found = Found::in_run(folder)?;
        match found.checkpoint.take() {
            Some((path, checkpoint)) => Record::go_on(folder, lock, run, path, checkpoint, found),
            None => {
                let anew = clear(folder)?;
                let record = Record::begin(folder, lock, run)?;
                Ok((record, Resumed { anew, ..Resumed::default() }))
            }
        }
    }

    fn go_on(
        folder: &Path,
        lock: Lock,
        run: &mut Run,
        path: PathBuf,
        checkpoint: Checkpoint,
        mut found: Found,
    ) -> Result<(Record, Resumed)> {
        // The folder's config agrees with the run's, but both may be another than it began with.
        let file = ConfigFile::parse(&path.to_string_lossy(), &checkpoint.config, &[])?;
        refuse_differing(&path, file.config(), run.plan().config())?;
        let differing = run.restore(&path, &checkpoint)?;
        found.set_aside()?;
        let mut json = checkpoint.manifest.run;
        json.ended = Ended::Running;
        (json.ended_at, json.seconds) = (None, None);
        let Progress { epoch, batches, epochs, .. } = &checkpoint.manifest.progress;
        json.epochs_done = epochs.len();
        json.weights_epoch = match batches {
            0 => epochs.last().map(|epoch| epoch.epoch),
            _ => Some(*epoch),
        };
        let place = checkpoint.manifest.progress.place();
        json.resumed.push(Resumption::of(place.folder(), &run.info().device));
        let mut record = Record::open(folder, lock, run, json, Some(path.clone()))?;
        // Those that are there are of another moment, or may be damaged.
        record.write_weights(WEIGHTS, &run.trainer().model().store)?;
        record.write_json()?;
        let resumed = Resumed { from: Some(path), anew: 0, damaged: found.damaged, differing };
        Ok((record, resumed))
    }

    /// A run directory without a run in it.
    fn begin(folder: &Path, lock: Lock, run: &Run) -> Result<Record> {
        let record = Record::open(folder, lock, run, RunJson::of(run.info()), None)?;
        record.write_json()?;
        Ok(record)
    }

    /// A run directory as of the moment that the run is at.
    fn open(
        folder: &Path,
        lock: Lock,
        run: &Run,
        json: RunJson,
        checkpoint: Option<PathBuf>,
    ) -> Result<Record> {
        remove_half_written(folder)?;
        // What is written from here on is not what they are of.
        remove(&folder.join(checksums::FILE))?;
        let (config, Progress { epochs, recorded_at, .. }) = (run.plan().config(), run.progress());
        let text = config_toml(config)?;
        write_whole(&folder.join(CONFIG), text.as_bytes())?;
        let lines = metrics_lines(epochs)?;
        let lines = GrowingFile::replace(&folder.join(METRICS), lines.as_bytes())?;
        let events = EventFile::write(folder, &text, epochs, recorded_at, now())?;
        let keep = Keep::of(config);
        if keep.every > 0 {
            create_folder(&folder.join("weights"))?;
        }
        let keeper = Keeper::new(folder, &config.record, checkpoint, epochs)?;
        let (folder, drawn) = (folder.to_path_buf(), None);
        Ok(Record { _lock: lock, folder, config: text, keeper, keep, lines, events, json, drawn })
    }
}

/// Refuses a folder that holds something else than a run of this config, or nothing.
fn look(folder: &Path, config: &Config) -> Result<()> {
    let path = folder.join(CONFIG);
    let has = |name: &str| folder.join(name).exists();
    if !path.exists() {
        // Where the config is lost, each checkpoint has it.
        return match holds_at_most(folder, &[LOCK])? || !places(folder)?.is_empty() {
            true => Ok(()),
            false => Err(Error::OutputExists { path: folder.to_path_buf() }),
        };
    }
    // A config that lies beside something else does not make that a run.
    if !has(RUN_JSON) && !has(LOCK) && !holds_at_most(folder, &[CONFIG])? {
        return Err(Error::OutputExists { path: folder.to_path_buf() });
    }
    refuse_differing(folder, ConfigFile::read(&path, &[])?.config(), config)
}

/// Refuses to go on with a run of another config.
///
/// # Errors
/// [`Error::OtherConfig`].
pub fn refuse_differing(path: &Path, there: &Config, now: &Config) -> Result<()> {
    let matters = |differing: &Differing| !differing.key.starts_with(MAY_CHANGE);
    let differing: Vec<Differing> = there.differing(now).into_iter().filter(matters).collect();
    if differing.is_empty() {
        return Ok(());
    }
    Err(Error::OtherConfig { path: path.to_path_buf(), differing: in_words(&differing) })
}

/// Removes what a run has written that begins anew, and nothing else. The config, which says what the
/// folder is, stays. Returns how many epochs had been recorded.
fn clear(folder: &Path) -> Result<usize> {
    if folder.join(checksums::FILE).exists() {
        return Err(Error::Damaged {
            path: folder.to_path_buf(),
            problem: "it is of a finished run whose record is not whole, without a checkpoint"
                .into(),
        });
    }
    let metrics = fs::read(folder.join(METRICS)).unwrap_or_default();
    let epochs = metrics.iter().filter(|byte| **byte == b'\n').count();
    for name in [RUN_JSON, METRICS, EVENTS, WEIGHTS, "curves.png", "curves.svg"] {
        remove(&folder.join(name))?;
    }
    for name in names_in(&folder.join("weights"))? {
        let path = Path::new("weights").join(&name);
        let epoch =
            name.strip_prefix("epoch-").and_then(|rest| rest.split('.').next()?.parse().ok());
        if epoch.is_some_and(|epoch| weights_of(epoch) == path) {
            remove(&folder.join(path))?;
        }
    }
    Ok(epochs)
}
