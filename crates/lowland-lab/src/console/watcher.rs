//! Shows a run while it goes on.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use lowland_data::NoiseKind;
use serde_json::json;

use super::{Align, Console, Table, counted, duration, grouped, percent};
use crate::metrics::EpochMetrics;
use crate::run::{NoiseScore, Observer, Position, RunInfo, SkippedStep};

/// Ticks of the live bar from the begin to the end of a run.
const TICKS: f64 = 10_000.0;

/// Shows a run: a live bar on a terminal, a line an epoch everywhere, JSON where it is wanted.
#[derive(Debug)]
pub struct Watcher {
    console: Console,
    name: String,
    epochs: usize,
    bar: Option<ProgressBar>,
    began: Instant,
    latest: String,
}

impl Watcher {
    /// A watcher of one run.
    #[must_use]
    pub fn new(console: Console) -> Watcher {
        let (name, latest) = (String::new(), String::new());
        Watcher { console, name, epochs: 0, bar: None, began: Instant::now(), latest }
    }

    /// A line that stays, above the bar if there is one.
    fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| self.console.say(line)),
            None => self.console.say(line),
        }
    }

    fn show(&self, done: f64) {
        let Some(bar) = &self.bar else { return };
        bar.set_position((TICKS * done) as u64);
        // Too little is known for the first few seconds.
        let elapsed = self.began.elapsed().as_secs_f64();
        let left = (done > 0.0 && elapsed > 2.0).then(|| duration(elapsed / done * (1.0 - done)));
        let left = left.map_or(String::new(), |left| format!("{left} left, "));
        bar.set_message(format!("{left}{}", self.latest));
    }
}

fn begin_line(info: &RunInfo) -> String {
    let (model, data) = (&info.model, &info.data);
    let [h, w, c] = data.image;
    let validation = match data.validation_images {
        0 => String::new(),
        images => format!("{} validation, ", grouped(images)),
    };
    format!(
        "{}: {} with {} parameters; {}: {} training, {validation}{} test images of {h}x{w}x{c}, {}; {} of \
         {} of {}; {} with {}, {}; fused layers: {}",
        info.name,
        model.name,
        grouped(model.parameters),
        data.title,
        grouped(data.train_images),
        grouped(data.test_images),
        counted(data.classes, "class", "classes"),
        counted(info.epochs, "epoch", "epochs"),
        counted(info.steps_per_epoch, "step", "steps"),
        counted(info.batch_size, "image", "images"),
        info.device,
        counted(info.threads, "thread", "threads"),
        counted(info.loader_workers, "loader thread", "loader threads"),
        model.fused_layers,
    )
}

fn epoch_line(metrics: &EpochMetrics, epochs: usize) -> String {
    let width = epochs.to_string().len();
    let validation =
        metrics.val_acc.map_or(String::new(), |a| format!("validation {:>7}  ", percent(a)));
    let slope = metrics.deformation_slope.map_or(String::new(), |s| format!("slope {s:.3}  "));
    format!(
        "epoch {:>width$}/{epochs}  train loss {:.4}  {slope}train {:>7}  {validation}test {:>7}  lr \
         {:.3e}  {:.0} images/s  {}",
        metrics.epoch,
        metrics.train_loss,
        percent(metrics.train_acc),
        percent(metrics.test_acc),
        metrics.lr,
        metrics.images_per_s,
        duration(metrics.seconds),
    )
}

fn skipped_line(skipped: &SkippedStep) -> String {
    let SkippedStep { step, epoch, batch, reason, lr_factor } = skipped;
    format!(
        "step {step} (epoch {epoch}, batch {batch}) was skipped, as {reason}; from here on learning rates \
         are {lr_factor} of the schedule's"
    )
}

fn noise_table(scores: &[NoiseScore]) -> String {
    use Align::{Left, Right};
    let columns =
        [("noise on test images", Left), ("strength", Right), ("loss", Right), ("accuracy", Right)];
    let mut table = Table::new(&columns);
    for NoiseScore { noise, test_loss, test_acc } in scores {
        let kind = match noise.kind {
            NoiseKind::Normal => "normal",
            NoiseKind::Uniform => "uniform",
            NoiseKind::Constant => "constant",
        };
        let strength = format!("{}", noise.strength);
        table.row([kind.to_string(), strength, format!("{test_loss:.4}"), percent(*test_acc)]);
    }
    format!("\n{table}")
}

impl Observer for Watcher {
    fn started(&mut self, info: &RunInfo) {
        self.name.clone_from(&info.name);
        self.epochs = info.epochs;
        self.began = Instant::now();
        self.console.say(&begin_line(info));
        if let Some(weights) = &info.model.initial_weights {
            let (path, names) = (&weights.path, weights.names.name());
            self.console.say(&format!("initial weights: {path}, by the names of {names}"));
        }
        for note in &info.notes {
            self.console.say(&format!("note: {note}"));
        }
        if self.console.is_live() {
            let bar =
                ProgressBar::with_draw_target(Some(TICKS as u64), ProgressDrawTarget::stderr());
            let style =
                ProgressStyle::with_template("{bar:14.cyan/dim} {percent:>3} %, {wide_msg}");
            bar.set_style(
                style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━╸─"),
            );
            bar.enable_steady_tick(Duration::from_millis(250));
            self.bar = Some(bar);
        }
    }

    fn measured_initial_loss(&mut self, loss: f64) {
        self.say(&format!(
            "the loss is deformed relative to that of the untrained network, {loss:.4}"
        ));
    }

    fn stepped(&mut self, at: &Position) {
        if self.bar.is_some() {
            self.latest = format!(
                "epoch {}/{}, loss {:.3}, accuracy {}, {:.0} images/s",
                at.epoch,
                self.epochs,
                at.train_loss,
                percent(at.train_acc),
                at.images_per_s
            );
            self.show(at.done);
        }
    }

    fn skipped(&mut self, skipped: &SkippedStep) {
        self.say(&skipped_line(skipped));
        let mut object = json!(skipped);
        object["event"] = json!("skipped");
        object["run"] = json!(self.name);
        self.console.emit(&object);
    }

    fn evaluated(&mut self, done: f64) {
        self.show(done);
    }

    fn epoch(&mut self, metrics: &EpochMetrics) {
        self.say(&epoch_line(metrics, self.epochs));
        let mut object = json!(metrics);
        object["event"] = json!("epoch");
        object["run"] = json!(self.name);
        self.console.emit(&object);
    }

    fn tested_on_noise(&mut self, scores: &[NoiseScore]) {
        if !scores.is_empty() {
            self.say(&noise_table(scores));
        }
    }

    fn ended(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}
