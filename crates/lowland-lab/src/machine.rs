//! What a record says about when and where a run took place.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// The machine that a run took place on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's model name; empty where the system does not tell.
    pub cpu: String,
    /// Logical cores this process may use.
    pub logical_cores: usize,
    /// Operating system and architecture.
    pub system: String,
}

impl Machine {
    /// This machine.
    #[must_use]
    pub fn this() -> Machine {
        Machine {
            cpu: cpu_model(),
            logical_cores: logical_cores(),
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        }
    }
}

/// Logical cores this process may use.
#[must_use]
pub fn logical_cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn cpu_model() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = info.lines().find(|line| line.starts_with("model name"));
    line.and_then(|line| line.split_once(':')).map_or(String::new(), |(_, name)| name.trim().into())
}

/// The most memory this process has had resident so far, in bytes; `None` where the system does not
/// tell.
#[must_use]
pub fn peak_resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// The state of a git repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// The commit checked out.
    pub commit: String,
    /// Whether tracked files differ from it.
    pub modified: bool,
}

/// The commit of the repository around a folder; `None` where there is none, or no git.
#[must_use]
pub fn commit_of(folder: &Path) -> Option<Commit> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").arg("-C").arg(folder).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_string())
    };
    let commit = git(&["rev-parse", "--verify", "--quiet", "HEAD"])?;
    let modified = !git(&["status", "--porcelain", "--untracked-files=no"])?.is_empty();
    Some(Commit { commit, modified })
}

/// A moment in UTC, as the wall clock has it: to be written down, and never to be compared or subtracted,
/// as the clock may be wrong and jump. Durations are measured by [`Instant`](std::time::Instant).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Utc {
    seconds: u64,
    nanos: u32,
}

/// The last second of the year 9999, behind which RFC 3339 has no years.
const LAST_SECOND: u64 = 253_402_300_799;

impl Utc {
    /// Now: the one place that reads the wall clock.
    #[must_use]
    pub fn now() -> Utc {
        Utc::of(SystemTime::now())
    }

    /// A moment of the system; one before 1970 or after 9999, as a broken clock has it, is the nearest of
    /// these years.
    fn of(time: SystemTime) -> Utc {
        let since_1970 = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Utc { seconds: since_1970.as_secs().min(LAST_SECOND), nanos: since_1970.subsec_nanos() }
    }

    /// Seconds since 1970, to a microsecond.
    #[must_use]
    pub fn seconds(self) -> f64 {
        self.seconds as f64 + f64::from(self.nanos) / 1e9
    }

    /// Year, month, day, hour, minute, second.
    fn parts(self) -> [u64; 6] {
        let (days, rest) = (self.seconds / 86_400, self.seconds % 86_400);
        // Howard Hinnant, "chrono-compatible low-level date algorithms", civil_from_days: years start
        // in March, so that the leap day is a year's last.
        let z = days + 719_468;
        let (era, day_of_era) = (z / 146_097, z % 146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        let year = era * 400 + year_of_era + u64::from(month <= 2);
        [year, month, day, rest / 3600, rest / 60 % 60, rest % 60]
    }

    /// For file names: `20261121T214500Z`.
    #[must_use]
    pub fn compact(self) -> String {
        let [y, mo, d, h, mi, s] = self.parts();
        format!("{y:04}{mo:02}{d:02}T{h:02}{mi:02}{s:02}Z")
    }

    /// RFC 3339: `2026-11-21T21:45:00Z`.
    #[must_use]
    pub fn rfc3339(self) -> String {
        let [y, mo, d, h, mi, s] = self.parts();
        format!("{y:04}-{mo:02}-{d:02}T{h:02}:{mi:02}:{s:02}Z")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn moments_are_those_of_the_calendar() {
        let at = |seconds| Utc { seconds, nanos: 0 }.rfc3339();
        assert_eq!(at(0), "1970-01-01T00:00:00Z");
        assert_eq!(at(951_782_399), "2000-02-28T23:59:59Z");
        assert_eq!(at(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(at(1_234_567_890), "2009-02-13T23:31:30Z");
        assert_eq!(at(4_102_444_800), "2100-01-01T00:00:00Z");
        assert_eq!(Utc { seconds: 1_234_567_890, nanos: 0 }.compact(), "20090213T233130Z");
    }

    #[test]
    fn a_broken_clock_does_no_harm() {
        let day = Duration::from_secs(86_400);
        let of = |time: Option<SystemTime>| time.map(|time| Utc::of(time).rfc3339());
        let first = Some("1970-01-01T00:00:00Z".to_string());
        assert_eq!(of(UNIX_EPOCH.checked_sub(day)), first);
        assert_eq!(of(UNIX_EPOCH.checked_sub(1_000_000 * day)), first);
        let last = Some("9999-12-31T23:59:59Z".to_string());
        assert_eq!(of(UNIX_EPOCH.checked_add(Duration::from_secs(LAST_SECOND))), last);
        assert_eq!(of(UNIX_EPOCH.checked_add(Duration::from_secs(LAST_SECOND + 1))), last);
        assert_eq!(of(UNIX_EPOCH.checked_add(100_000_000 * day)), last);
        let late = UNIX_EPOCH.checked_add(100_000_000 * day).map(Utc::of);
        assert_eq!(late.map(Utc::compact).as_deref(), Some("99991231T235959Z"));
    }

    #[test]
    fn a_folder_outside_any_repository_has_no_commit() {
        let folder = tempfile::tempdir().unwrap();
        assert!(commit_of(folder.path()).is_none());
    }
}
