//! Runs that are killed, interrupted and damaged again and again, until the time is up.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::Serialize;

use super::child::{Exit, Training, Width};
use super::damage::{Damage, Fate, What, below};
use super::verify::finished;
use super::{End, Ground};
use crate::output::remove;
use crate::past::PastRun;
use crate::run::Stop;
use crate::{Error, Result};

/// What a process says that is kept out.
const BUSY: &str = "another process works in";

/// How long, and by which seed: what is done to runs is a function of it, but for how far they are then.
#[derive(Clone, Copy, Debug)]
pub struct Soak {
    /// No run is begun after so long.
    pub time: Duration,
    /// The seed.
    pub seed: u64,
}

/// What runs have survived.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Tally {
    /// Runs that came to the end that the undisturbed one had.
    pub runs: usize,
    /// Processes that were killed while they trained.
    pub kills: usize,
    /// Processes that were interrupted, and saved.
    pub interrupts: usize,
    /// Second processes that were kept out of a run directory.
    pub kept_out: usize,
    /// Files that were damaged, by what they are.
    pub damaged: BTreeMap<What, usize>,
    /// Of these, files that a process refused to go on with, and named.
    pub refused: usize,
    /// Files of checkpoints that were put aside, for the one before.
    pub put_aside: usize,
    /// Files that were written again, as they are of a record that can be made again.
    pub made_again: usize,
    /// Files of finished runs whose damage was noticed when they were read.
    pub noticed: usize,
    /// Files that no process looked at before the run was at its end.
    pub unmet: usize,
    /// Seconds that all of it took.
    pub seconds: f64,
}

impl Tally {
    /// How many files were damaged that a process came across.
    #[must_use]
    pub fn corruptions(&self) -> usize {
        self.damaged.values().sum::<usize>() - self.unmet
    }

    /// The tally for people.
    #[must_use]
    pub fn in_words(&self) -> String {
        let count = |what: What| self.damaged.get(&what).copied().unwrap_or(0);
        let mut text = String::new();
        let mut line = |label: &str, number: usize| {
            // A text takes everything.
            let _ = writeln!(text, "{label:<58}{number:>6}");
        };
        line("runs that ended as the undisturbed one", self.runs);
        line("processes killed (SIGKILL)", self.kills);
        line("processes interrupted (SIGINT)", self.interrupts);
        line("second processes kept out", self.kept_out);
        line("files damaged", self.damaged.values().sum());
        line("  of checkpoints", count(What::Checkpoint));
        line("  of the record of a run that goes on", count(What::Record));
        line("  configs", count(What::Config));
        line("  datasets", count(What::Dataset));
        line("  of the record of a finished run", count(What::FinishedRecord));
        line("what became of them:", self.corruptions());
        line("  refused with exit code 2, and named", self.refused);
        line("  put aside for the checkpoint before", self.put_aside);
        line("  of a record, made again", self.made_again);
        line("  noticed when a finished run was read", self.noticed);
        line("files that no process looked at in time", self.unmet);
        text
    }
}

/// Disturbs runs until the time is up or a stop is wished, and hands the tally to `done` after each.
///
/// # Errors
/// [`Error::Disturbed`] with the folder of the first run that did not end as the undisturbed one, or whose
/// process ended as none should.
pub fn soak(
    ground: &Ground,
    soak: &Soak,
    stop: &Stop,
    done: &mut dyn FnMut(&Tally),
) -> Result<Tally> {
    let began = Instant::now();
    let folder = ground.folder.join("undisturbed");
    let mut training = Training::start(ground, &folder, Width { threads: 1, workers: 1 }, &[])?;
    finished(&folder, &training.wait(stop)?)?;
    let mut soaking = Soaking {
        ground,
        rng: ChaCha8Rng::seed_from_u64(soak.seed),
        whole: began.elapsed(),
        tally: Tally::default(),
        pending: Vec::new(),
    };
    let undisturbed = End::of(&folder)?;
    while began.elapsed() < soak.time && !stop.wished() {
        let folder = ground.folder.join(format!("run-{:04}", soaking.tally.runs + 1));
        if !soaking.run(&folder, stop)? {
            break;
        }
        soaking.compare(&folder, &undisturbed)?;
        remove(&folder)?;
        soaking.tally.seconds = began.elapsed().as_secs_f64();
        done(&soaking.tally);
    }
    soaking.tally.seconds = began.elapsed().as_secs_f64();
    Ok(soaking.tally)
}

/// A soak that goes on.
struct Soaking<'a> {
    ground: &'a Ground,
    rng: ChaCha8Rng,
    /// How long an undisturbed run takes.
    whole: Duration,
    tally: Tally,
    /// Damage that no process has come across yet, as far as is known.
    pending: Vec<Damage>,
}

impl Soaking<'_> {
    /// Makes a run to its end through all that is done to it. Returns whether it came there before a stop
    /// was wished.
    fn run(&mut self, folder: &Path, stop: &Stop) -> Result<bool> {
        loop {
            if stop.wished() {
                return Ok(false);
            }
            if self.pending.len() < 3 && below(&mut self.rng, 2) == 0 {
                self.damage(folder)?;
            }
            let width =
                Width { threads: 1 + below(&mut self.rng, 3), workers: below(&mut self.rng, 4) };
            let mut training = Training::start(self.ground, folder, width, &[])?;
            let Some(exit) = self.disturb(folder, &mut training)? else { continue };
            match exit.code {
                Some(0) => {
                    // What nobody came across is put right, so that it is not taken for the run's doing.
                    self.put_right(None)?;
                    return Ok(true);
                }
                Some(130) => self.tally.interrupts += 1,
                // A second process was the first one in the folder.
                Some(2) if exit.message.contains(BUSY) => {}
                Some(2) if self.pending.iter().any(|damage| damage.is_named_in(&exit.message)) => {
                    self.put_right(Some(&exit.message))?;
                }
                _ => finished(folder, &exit)?,
            }
        }
    }

    /// Puts right what was damaged and not written again, and counts what became of it; `message` is of a
    /// process that refused to go on.
    fn put_right(&mut self, message: Option<&str>) -> Result<()> {
        for damage in std::mem::take(&mut self.pending).iter().rev() {
            let tally = &mut self.tally;
            match damage.fate() {
                Fate::PutAside => tally.put_aside += 1,
                Fate::MadeAgain => tally.made_again += 1,
                Fate::There if message.is_some_and(|message| damage.is_named_in(message)) => {
                    tally.refused += 1;
                    damage.undo()?;
                }
                // Another file was refused first: this one is still to be met.
                Fate::There if message.is_some() => self.pending.push(damage.clone()),
                Fate::There => {
                    tally.unmet += 1;
                    damage.undo()?;
                }
            }
        }
        Ok(())
    }

    /// Damages a file.
    fn damage(&mut self, folder: &Path) -> Result<()> {
        if let Some(damage) = Damage::make(self.ground, folder, &mut self.rng)? {
            *self.tally.damaged.entry(damage.what).or_default() += 1;
            self.pending.push(damage);
        }
        Ok(())
    }

    /// Lets a process train for a while, and ends it. Returns how it ended by itself, or when it was asked
    /// to; none where it was killed.
    fn disturb(&mut self, folder: &Path, training: &mut Training) -> Result<Option<Exit>> {
        let part = f64::from(self.rng.next_u32()) / f64::from(u32::MAX);
        let time = self.whole.mul_f64(0.02 + 0.4 * part * part);
        if let Some(exit) = training.wait_for(time)? {
            return Ok(Some(exit));
        }
        match below(&mut self.rng, 12) {
            0 => {
                training.interrupt();
                let exit = training.wait(&Stop::default())?;
                // One that does not listen to signals yet is ended by it, and has nothing to save.
                return Ok(exit.code.is_some().then_some(exit));
            }
            1 => self.keep_out(folder)?,
            _ => {}
        }
        let exit = training.kill()?;
        self.tally.kills += usize::from(exit.is_none());
        Ok(exit)
    }

    /// Starts a second process on a run that goes on.
    fn keep_out(&mut self, folder: &Path) -> Result<()> {
        let width = Width { threads: 1, workers: 0 };
        let mut second = Training::start(self.ground, folder, width, &[])?;
        // Where the first one has not come to lock the folder yet, this one has.
        if let Some(exit) = second.wait_for(self.whole)?
            && exit.code == Some(2)
            && exit.message.contains(BUSY)
        {
            self.tally.kept_out += 1;
        }
        Ok(())
    }

    /// Compares a finished run with the undisturbed one, and has its record checked.
    fn compare(&mut self, folder: &Path, undisturbed: &End) -> Result<()> {
        let disturbed =
            |problem: String| Error::Disturbed { folder: folder.to_path_buf(), problem };
        let end = End::of(folder)?;
        if end != *undisturbed {
            let (found, wanted) = (&end.fingerprint, &undisturbed.fingerprint);
            let problem = format!(
                "the run came to {found} and {:?}, the undisturbed one to {wanted} and {:?}",
                end.results, undisturbed.results
            );
            return Err(disturbed(problem));
        }
        self.tally.runs += 1;
        if let Some(damage) = Damage::of_finished(folder, &mut self.rng)? {
            if PastRun::read(folder)
                .and_then(|run| run.file("weights.safetensors".as_ref()))
                .is_ok()
            {
                return Err(disturbed(format!("damage to {} was not noticed", damage.place())));
            }
            *self.tally.damaged.entry(damage.what).or_default() += 1;
            self.tally.noticed += 1;
        }
        Ok(())
    }
}
