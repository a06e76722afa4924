//! Steps at a learning rate that grows from one to the next.

use lowland_core::Clock;

use super::epochs::images;
use super::{Run, Stop};
use crate::Result;
use crate::range_test::{Ended, Point, RangeTest, Recorder};

impl Run {
    /// Trains at the learning rates of a range test, until they are done, the loss has grown too far,
    /// a number is not finite, or a stop is wished. The schedule of the config has no part in it. The run is used
    /// up.
    ///
    /// # Errors
    /// Whatever the network, its data and the backend say.
    pub fn range_test(mut self, test: &RangeTest, stop: &Stop) -> Result<(Vec<Point>, Ended)> {
        let mut recorder = Recorder::default();
        if !self.deform(&mut (), stop)? {
            return Ok((Vec::new(), Ended::Stopped));
        }
        let per_epoch = self.info.steps_per_epoch;
        let mut step = 0;
        while step < test.steps {
            let batches = self.loaders.train.epoch((step / per_epoch) as u64);
            for batch in batches.take(test.steps - step) {
                let batch = batch?;
                let clock = Clock {
                    step: 1 + step as u64,
                    epoch: 1 + (step / per_epoch) as u64,
                    progress: step as f64 / test.steps as f64,
                    lr: test.learning_rate(step),
                };
                let scored = self.trainer.step(&images(&batch), &clock)?;
                if let Some(ended) = recorder.add(clock.lr, scored.loss) {
                    return Ok((recorder.into_points(), ended));
                }
                if scored.fault.is_some() {
                    return Ok((recorder.into_points(), Ended::NotFinite));
                }
                if stop.wished() {
                    return Ok((recorder.into_points(), Ended::Stopped));
                }
                step += 1;
            }
        }
        Ok((recorder.into_points(), Ended::Range))
    }
}
