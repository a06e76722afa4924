//! A run's epochs as an event file, which TensorBoard shows while the run goes on.
//!
//! The file is one of TensorFlow's records (`tensorflow/core/lib/io/record_writer.h`), each an `Event`
//! (`tensorflow/core/util/event.proto`) in the encoding of protocol buffers.

use std::path::Path;

use serde_json::Value;

use crate::Result;
use crate::metrics::EpochMetrics;
use crate::output::GrowingFile;

/// The name of an event file. TensorBoard asks for `tfevents` in it; with no time and no machine in it,
/// a run that is repeated has the same names.
pub const FILE: &str = "events.out.tfevents.lowland";

/// An event file that is being filled.
///
/// Every number of an [`EpochMetrics`] is a scalar at the step that its epoch is, as an `f32`: `train_loss`
/// is `train/loss`, and alike for `val` and `test`; what has no such prefix is below `train` under
/// its own name, a list with an index. The config is the text `config`.
#[derive(Debug)]
pub(crate) struct EventFile(GrowingFile);

impl EventFile {
    /// The event file of a run directory, with the run's config and the epochs that are done, each with the
    /// time it was recorded at, in seconds since 1970. One that is there is replaced.
    ///
    /// # Errors
    /// As [`GrowingFile::replace`].
    pub(crate) fn write(
        folder: &Path,
        config: &str,
        epochs: &[EpochMetrics],
        times: &[f64],
        now: f64,
    ) -> Result<EventFile> {
        let mut events = event(now, 0, &bytes(3, b"brain.Event:2"));
        // The text is shown as Markdown, where lines that are indented so stay as they are.
        let config: String = config.lines().map(|line| format!("    {line}\n")).collect();
        events.extend(event(now, 0, &bytes(5, &text("config", &config))));
        for (metrics, time) in epochs.iter().zip(times) {
            events.extend(of_epoch(metrics, *time));
        }
        GrowingFile::replace(&folder.join(FILE), &events).map(EventFile)
    }

    /// Adds the numbers of an epoch, recorded at a time.
    ///
    /// # Errors
    /// As [`GrowingFile::push`].
    pub(crate) fn epoch(&mut self, metrics: &EpochMetrics, time: f64) -> Result<()> {
        self.0.push(&of_epoch(metrics, time))
    }
}

/// The event of an epoch.
fn of_epoch(metrics: &EpochMetrics, time: f64) -> Vec<u8> {
    let summary: Vec<u8> =
        scalars(metrics).iter().flat_map(|(tag, value)| scalar(tag, *value)).collect();
    event(time, metrics.epoch as u64, &bytes(5, &summary))
}

/// An event: its content behind the time and the step.
fn event(time: f64, step: u64, content: &[u8]) -> Vec<u8> {
    let mut event = vec![key(1, FIXED_64)];
    event.extend(time.to_le_bytes());
    event.push(key(2, VARINT));
    event.extend(varint(step));
    event.extend(content);
    record(&event)
}

/// The numbers of an epoch under their tags.
fn scalars(metrics: &EpochMetrics) -> Vec<(String, f64)> {
    let Ok(Value::Object(fields)) = serde_json::to_value(metrics) else { return Vec::new() };
    let mut scalars = Vec::new();
    for (name, value) in fields.iter().filter(|(name, _)| *name != "epoch") {
        let tag = match name.split_once('_') {
            Some((set @ ("train" | "val" | "test"), what)) => format!("{set}/{what}"),
            _ => format!("train/{name}"),
        };
        match value {
            Value::Array(list) => {
                let numbers = list.iter().map(Value::as_f64).enumerate();
                scalars.extend(numbers.filter_map(|(i, x)| Some((format!("{tag}/{i}"), x?))));
            }
            value => scalars.extend(value.as_f64().map(|number| (tag, number))),
        }
    }
    scalars
}

/// A `Summary.Value` with a number, as the field of a `Summary`.
fn scalar(tag: &str, value: f64) -> Vec<u8> {
    let number = (value as f32).to_le_bytes();
    let number = [&[key(2, FIXED_32)][..], &number].concat();
    bytes(1, &[bytes(1, tag.as_bytes()), number].concat())
}

/// A `Summary` with a text: a tensor of one string that the plugin `text` shows.
fn text(tag: &str, text: &str) -> Vec<u8> {
    const DT_STRING: u8 = 7;
    let one_dimension_of_1 = bytes(2, &[key(1, VARINT), 1]);
    let kind = [key(1, VARINT), DT_STRING];
    let tensor = [&kind[..], &bytes(2, &one_dimension_of_1), &bytes(8, text.as_bytes())].concat();
    let plugin = bytes(1, &bytes(1, b"text"));
    bytes(1, &[bytes(1, tag.as_bytes()), bytes(8, &tensor), bytes(9, &plugin)].concat())
}

/// A record: its length and its bytes, each with a checksum.
fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let sum = |bytes: &[u8]| masked(crc32c::crc32c(bytes)).to_le_bytes();
    [&length[..], &sum(&length), data, &sum(data)].concat()
}

/// The checksum as it is stored: one of bytes that hold their own checksum would be of little use.
fn masked(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// The kinds of fields.
const VARINT: u8 = 0;
const FIXED_64: u8 = 1;
const BYTES: u8 = 2;
const FIXED_32: u8 = 5;

/// What a field begins with: its number, below 16, and its kind.
const fn key(number: u8, kind: u8) -> u8 {
    number << 3 | kind
}

/// A field of bytes, a string or a message.
fn bytes(number: u8, content: &[u8]) -> Vec<u8> {
    let mut field = vec![key(number, BYTES)];
    field.extend(varint(content.len() as u64));
    field.extend(content);
    field
}

/// Seven bits a byte, the lowest first, all but the last with the highest bit.
fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_those_of_tensorboard() {
        // What TensorBoard's own writer makes of the record `abc`.
        let want = [
            3, 0, 0, 0, 0, 0, 0, 0, 0xb0, 0x99, 0x49, 0x0e, b'a', b'b', b'c', 0x6e, 0x57, 0xf1,
            0x21,
        ];
        assert_eq!(record(b"abc"), want);
        assert_eq!(varint(0), [0]);
        assert_eq!(varint(300), [0xac, 0x02]);
        assert_eq!(scalar("a", 1.0), [0x0a, 8, 0x0a, 1, b'a', 0x15, 0, 0, 0x80, 0x3f]);
    }
}
