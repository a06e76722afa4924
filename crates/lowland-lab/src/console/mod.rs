//! What a person or a program sees: lines, tables, a live bar, or JSON.

mod table;
mod watcher;

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

pub use lowland_models::zoo::grouped;
pub use table::{Align, Table, results_table};
pub use watcher::Watcher;

/// Where text goes. With `json`, standard output holds one JSON object a line and nothing else, and
/// text for people goes to standard error.
#[derive(Clone, Copy, Debug, Default)]
pub struct Console {
    json: bool,
}

impl Console {
    /// A console for people, or one for programs.
    #[must_use]
    pub fn new(json: bool) -> Console {
        Console { json }
    }

    /// Whether programs read along.
    #[must_use]
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Whether there is somebody to look at a live bar.
    #[must_use]
    pub fn is_live(&self) -> bool {
        io::stderr().is_terminal()
    }

    /// A line for people. A reader who has gone away does not stop a run.
    pub fn say(&self, line: &str) {
        if self.json {
            let _ = writeln!(io::stderr().lock(), "{line}");
        } else {
            let _ = writeln!(io::stdout().lock(), "{line}");
        }
    }

    /// An object for programs, on a line of its own; nothing where only people read.
    pub fn emit(&self, object: &impl Serialize) {
        if self.json
            && let Ok(text) = serde_json::to_string(object)
        {
            let mut out = io::stdout().lock();
            let _ = writeln!(out, "{text}").and_then(|()| out.flush());
        }
    }
}

/// A number of things: `1 epoch`, `2,000 epochs`.
#[must_use]
pub fn counted(number: usize, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

/// A fraction as a percentage with two decimals: `91.25 %`.
#[must_use]
pub fn percent(fraction: f64) -> String {
    format!("{:.2} %", 100.0 * fraction)
}

/// A duration with the two units that matter: `1 h 02 min`, `3 min 20 s`, `4.1 s`.
#[must_use]
pub fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        0..60 => format!("{seconds:.1} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole / 60 % 60),
    }
}

/// Bytes in MiB with one decimal.
#[must_use]
pub fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(
            counted(1, "epoch", "epochs") + ", " + &counted(0, "image", "images"),
            "1 epoch, 0 images"
        );
        assert_eq!(percent(0.912_49), "91.25 %");
        assert_eq!(
            [0.0, 59.4, 61.0, 3599.0, 3720.0].map(duration),
            ["0.0 s", "59.4 s", "1 min 01 s", "59 min 59 s", "1 h 02 min"]
        );
        assert_eq!(mebibytes(1 << 19), "0.5 MiB");
    }
}
