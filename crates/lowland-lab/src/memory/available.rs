//! The memory that this machine can give to a process.

use std::fs;
use std::path::{Path, PathBuf};

/// Bytes that this process can still be given, swap included; none where the system does not tell.
///
/// What the kernel says is available, and what the limits of the control groups around this process
/// leave, whichever is less.
pub(crate) fn available_bytes() -> Option<u64> {
    let files = |path: &Path| fs::read_to_string(path).ok();
    available(&files)
}

/// [`available_bytes`], of a system whose files are read so.
fn available(read: &dyn Fn(&Path) -> Option<String>) -> Option<u64> {
    let info = read(Path::new("/proc/meminfo"))?;
    let bytes = |name: &str| {
        let line = info.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
    };
    let of_groups = read(Path::new("/proc/self/cgroup"))
        .unwrap_or_default()
        .lines()
        .filter_map(Hierarchy::parse)
        .flat_map(|(hierarchy, group)| hierarchy.left(Path::new(&group), read))
        .min();
    let free = bytes("MemAvailable:")?.min(of_groups.unwrap_or(u64::MAX));
    Some(free.saturating_add(bytes("SwapFree:").unwrap_or(0)))
}

/// How control groups tell of memory.
struct Hierarchy {
    mount: &'static str,
    limit: &'static str,
    usage: &'static str,
    /// What of the usage is pages of files, which are given up where memory is short.
    files: &'static str,
}

const VERSION_1: Hierarchy = Hierarchy {
    mount: "/sys/fs/cgroup/memory",
    limit: "memory.limit_in_bytes",
    usage: "memory.usage_in_bytes",
    files: "total_inactive_file",
};

const VERSION_2: Hierarchy = Hierarchy {
    mount: "/sys/fs/cgroup",
    limit: "memory.max",
    usage: "memory.current",
    files: "inactive_file",
};

impl Hierarchy {
    /// The hierarchy and the group that a line of `/proc/self/cgroup` is about, where that is memory.
    fn parse(line: &str) -> Option<(Hierarchy, String)> {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, group) = (parts.next()?, parts.next()?);
        let hierarchy = match controllers {
            "" => VERSION_2,
            _ if controllers.split(',').any(|name| name == "memory") => VERSION_1,
            _ => return None,
        };
        Some((hierarchy, group.to_string()))
    }

    /// What each limit on the group, and on those it is in, leaves.
    fn left(&self, group: &Path, read: &dyn Fn(&Path) -> Option<String>) -> Vec<u64> {
        let mount = Path::new(self.mount);
        // Where a container sees its own group as the root, the path leads nowhere and the root counts.
        let folder =
            |group: &Path| -> PathBuf { mount.join(group.strip_prefix("/").unwrap_or(group)) };
        let left = |group: &Path| {
            let number = |name: &str| read(&folder(group).join(name))?.trim().parse::<u64>().ok();
            let stat = read(&folder(group).join("memory.stat")).unwrap_or_default();
            let files = stat.lines().find_map(|line| {
                line.strip_prefix(self.files)?.strip_prefix(' ')?.trim().parse::<u64>().ok()
            });
            let used = number(self.usage)?.saturating_sub(files.unwrap_or(0));
            Some(number(self.limit)?.saturating_sub(used))
        };
        group.ancestors().filter_map(left).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMINFO: &str =
        "MemTotal: 1000 kB\nMemFree: 10 kB\nMemAvailable:    600 kB\nSwapFree:  7 kB\n";

    /// What is available where these files are.
    fn found(files: &[(&str, &str)]) -> Option<u64> {
        let read = |path: &Path| {
            let file = files.iter().find(|(name, _)| Path::new(name) == path)?;
            Some(file.1.to_string())
        };
        available(&read)
    }

    #[test]
    fn without_groups_it_is_what_the_kernel_says() {
        assert_eq!(found(&[("/proc/meminfo", MEMINFO)]), Some(607 * 1024));
        assert_eq!(found(&[]), None);
        assert_eq!(found(&[("/proc/meminfo", "MemAvailable: many kB\n")]), None);
        if cfg!(target_os = "linux") {
            assert!(available_bytes().is_some_and(|bytes| bytes > 1 << 20));
        }
    }

    #[test]
    fn the_tightest_limit_of_all_groups_around_counts() {
        let version_2 = [
            ("/proc/meminfo", MEMINFO),
            ("/proc/self/cgroup", "0::/a/b\n"),
            ("/sys/fs/cgroup/a/b/memory.max", "max\n"),
            ("/sys/fs/cgroup/a/b/memory.current", "5000\n"),
            ("/sys/fs/cgroup/a/memory.max", "100000\n"),
            ("/sys/fs/cgroup/a/memory.current", "30000\n"),
            ("/sys/fs/cgroup/a/memory.stat", "anon 7\ninactive_file 10000\nactive_file 3\n"),
        ];
        assert_eq!(found(&version_2), Some(80_000 + 7 * 1024));
        let version_1 = [
            ("/proc/meminfo", MEMINFO),
            ("/proc/self/cgroup", "9:name=systemd:/x\n4:cpu,memory:/a:b\n"),
            ("/sys/fs/cgroup/memory/a:b/memory.limit_in_bytes", "9223372036854771712\n"),
            ("/sys/fs/cgroup/memory/a:b/memory.usage_in_bytes", "5000\n"),
            ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "4096\n"),
            ("/sys/fs/cgroup/memory/memory.usage_in_bytes", "5000\n"),
        ];
        assert_eq!(found(&version_1), Some(7 * 1024), "nothing is left but swap");
        assert_eq!(found(&version_1[..4]), Some(607 * 1024), "no limit to speak of");
    }
}
