//! When checkpoints are written, and which are kept.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::read::places;
use super::write::discard;
use super::{Checkpoint, Place, folder_of};
use crate::Result;
use crate::config::RecordConfig;
use crate::metrics::{EpochMetrics, Results};
use crate::output::remove_half_written;

/// The checkpoints of a run that goes on.
#[derive(Debug)]
pub(crate) struct Keeper {
    run: PathBuf,
    kept: usize,
    every_steps: u64,
    every: Option<Duration>,
    last: Instant,
    newest: Option<PathBuf>,
}

impl Keeper {
    /// Those of a run directory after these epochs, of which `newest` was gone on from.
    ///
    /// # Errors
    /// [`Error::File`](crate::Error::File) where what a killed process was writing cannot be removed.
    pub(crate) fn new(
        run: &Path,
        config: &RecordConfig,
        newest: Option<PathBuf>,
        epochs: &[EpochMetrics],
    ) -> Result<Keeper> {
        remove_half_written(&folder_of(run))?;
        let minutes = config.checkpoint_every_minutes;
        let keeper = Keeper {
            run: run.to_path_buf(),
            kept: config.checkpoints_kept,
            every_steps: config.checkpoint_every_steps as u64,
            every: (minutes > 0.0)
                .then(|| Duration::try_from_secs_f64(60.0 * minutes).ok())
                .flatten(),
            last: Instant::now(),
            newest,
        };
        // Whoever was to do so before may have been killed.
        if keeper.keeps() {
            keeper.prune(epochs)?;
        }
        Ok(keeper)
    }

    /// Whether any are kept.
    pub(crate) fn keeps(&self) -> bool {
        self.kept > 0
    }

    /// Whether one is due after so many steps of the run.
    pub(crate) fn is_due(&self, steps: u64) -> bool {
        let by_steps = self.every_steps > 0 && steps.is_multiple_of(self.every_steps);
        self.keeps() && (by_steps || self.every.is_some_and(|every| self.last.elapsed() >= every))
    }

    /// Whether one is to be kept of the end of the last of these epochs: the best so far by its validation
    /// images, or the last of the run.
    pub(crate) fn wants(&self, epochs: &[EpochMetrics], planned: usize) -> bool {
        let done = epochs.len();
        self.keeps() && (done == planned || best(epochs).is_some_and(|best| best.epoch == done + 1))
    }

    /// Writes a checkpoint, and removes those that are no longer kept.
    pub(crate) fn write(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        self.newest = Some(checkpoint.write(&folder_of(&self.run))?);
        self.last = Instant::now();
        self.prune(&checkpoint.manifest.progress.epochs)
    }

    /// The newest that this run has written, or gone on from.
    pub(crate) fn newest(&self) -> Option<&Path> {
        self.newest.as_deref()
    }

    /// Keeps the newest, and the best by the validation images.
    fn prune(&self, epochs: &[EpochMetrics]) -> Result<()> {
        let places = places(&self.run)?;
        let old = places.len().saturating_sub(self.kept);
        for place in places[..old].iter().filter(|place| Some(**place) != best(epochs)) {
            discard(&folder_of(&self.run).join(place.folder()))?;
        }
        Ok(())
    }
}

/// Where the run was after its best epoch by the validation images.
fn best(epochs: &[EpochMetrics]) -> Option<Place> {
    let best = Results::of(epochs)?.validation_selected_epoch?;
    Some(Place { epoch: best.epoch + 1, batches: 0 })
}
