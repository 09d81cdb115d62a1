//! What the kernel holds a process to: the files of its control group.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Which limits of a container of the host's own the kernel holds it to, as
/// [`DockerEngine::measure_limits`](crate::engine::DockerEngine::measure_limits) finds it. `None` is a limit of which that
/// cannot be seen from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct LimitsInForce {
    /// That of memory.
    pub memory: Option<bool>,
    /// That of the number of processes.
    pub processes: Option<bool>,
    /// That of the share of a processor.
    pub cpu: Option<bool>,
}

/// What a container was given.
#[derive(Debug, Clone, Copy)]
pub(super) struct Given {
    pub(super) memory: i64,
    pub(super) processes: i64,
    /// In billionths of a processor.
    pub(super) nano_cpus: i64,
}

/// Compares what a process was given with what its control groups say.
pub(super) fn in_force(process: i64, given: Given) -> LimitsInForce {
    let groups = fs::read_to_string(format!("/proc/{process}/cgroup")).unwrap_or_default();
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let read = |path: PathBuf| fs::read_to_string(path).ok();
    compare(&Tables { groups, mounts }, given, read)
}

struct Tables {
    groups: String,
    mounts: String,
}

fn compare(tables: &Tables, given: Given, read: impl Fn(PathBuf) -> Option<String>) -> LimitsInForce {
    // The file of version 1 where the controller is mounted by itself, else that of version 2.
    let value = |controller: &str, first: &str, second: &str| {
        let old = tables.folder(Some(controller)).map(|folder| folder.join(first));
        let path = old.or_else(|| tables.folder(None).map(|folder| folder.join(second)));
        path.and_then(&read).map(|text| text.trim().to_owned())
    };
    let memory = value("memory", "memory.limit_in_bytes", "memory.max");
    let processes = value("pids", "pids.max", "pids.max");
    let quota = value("cpu", "cpu.cfs_quota_us", "cpu.max");
    let period = value("cpu", "cpu.cfs_period_us", "cpu.max");
    let is = |text: String, expected: i64| text.parse() == Ok(expected);
    LimitsInForce {
        memory: memory.map(|text| is(text, given.memory)),
        processes: processes.map(|text| is(text, given.processes)),
        cpu: quota.zip(period).map(|(quota, period)| {
            // Version 2 has both in one line, and `max` where there is no quota.
            let quota = quota.split(' ').next().and_then(|word| word.parse::<i64>().ok());
            let period = period
                .rsplit(' ')
                .next()
                .and_then(|word| word.parse::<i64>().ok());
            quota.zip(period).is_some_and(|(quota, period)| {
                quota.checked_mul(1_000_000_000) == period.checked_mul(given.nano_cpus)
            })
        }),
    }
}

impl Tables {
    /// The folder of a controller's group of version 1, or of the one group of version 2.
    fn folder(&self, controller: Option<&str>) -> Option<PathBuf> {
        let group = self.groups.lines().find_map(|line| {
            let mut fields = line.splitn(3, ':').skip(1);
            let (names, path) = (fields.next()?, fields.next()?);
            let is_it = match controller {
                Some(controller) => names.split(',').any(|name| name == controller),
                None => names.is_empty(),
            };
            is_it.then_some(path)
        })?;
        let (root, point) = self.mounts.lines().find_map(|line| {
            let (here, there) = line.split_once(" - ")?;
            let mut there = there.split(' ');
            let kind = there.next()?;
            let options = there.nth(1)?;
            let is_it = match controller {
                Some(controller) => kind == "cgroup" && options.split(',').any(|name| name == controller),
                None => kind == "cgroup2",
            };
            let mut here = here.split(' ').skip(3);
            is_it.then_some((here.next()?, here.next()?))
        })?;
        // A group above the mounted part is not to be seen from here.
        let below = Path::new(group).strip_prefix(root).ok()?;
        let is_seen = below.iter().all(|part| part != "..");
        is_seen.then(|| Path::new(point).join(below))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIVEN: Given = Given {
        memory: 16 << 20,
        processes: 16,
        nano_cpus: 100_000_000,
    };

    fn compare_with(groups: &str, mounts: &str, files: &[(&str, &str)]) -> LimitsInForce {
        let tables = Tables {
            groups: groups.to_owned(),
            mounts: mounts.to_owned(),
        };
        compare(&tables, GIVEN, |path| {
            let found = files.iter().find(|(name, _)| Path::new(name) == path);
            found.map(|(_, text)| (*text).to_owned())
        })
    }

    const FIRST: (&str, &str) = (
        "9:pids:/docker/ab\n8:memory:/docker/ab\n4:cpu,cpuacct:/docker/ab\n0::/\n",
        "30 25 0:27 / /sys/fs/cgroup/memory rw,nosuid - cgroup cgroup rw,memory\n\
         31 25 0:28 / /sys/fs/cgroup/pids rw,nosuid shared:9 - cgroup cgroup rw,pids\n\
         32 25 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid - cgroup cgroup rw,cpu,cpuacct\n",
    );

    #[test]
    fn limits_of_version_1_are_read_where_each_controller_is_mounted() {
        let in_force = compare_with(
            FIRST.0,
            FIRST.1,
            &[
                (
                    "/sys/fs/cgroup/memory/docker/ab/memory.limit_in_bytes",
                    "16777216\n",
                ),
                ("/sys/fs/cgroup/pids/docker/ab/pids.max", "max\n"),
                ("/sys/fs/cgroup/cpu,cpuacct/docker/ab/cpu.cfs_quota_us", "10000\n"),
                (
                    "/sys/fs/cgroup/cpu,cpuacct/docker/ab/cpu.cfs_period_us",
                    "100000\n",
                ),
            ],
        );
        let expected = LimitsInForce {
            memory: Some(true),
            processes: Some(false),
            cpu: Some(true),
        };
        assert_eq!(in_force, expected);
    }

    #[test]
    fn limits_of_version_2_are_read_from_the_one_group() {
        let mounts = "30 25 0:27 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";
        let scope = "/sys/fs/cgroup/system.slice/docker-ab.scope";
        let file = |name: &str| format!("{scope}/{name}");
        let (memory, pids, cpu) = (file("memory.max"), file("pids.max"), file("cpu.max"));
        let in_force = |quota: &str| {
            let files = [(&*memory, "16777216"), (&*pids, "16"), (&*cpu, quota)];
            compare_with("0::/system.slice/docker-ab.scope\n", mounts, &files)
        };
        assert_eq!(in_force("10000 100000").cpu, Some(true));
        assert_eq!(in_force("max 100000").cpu, Some(false));
        assert_eq!(in_force("max 100000").memory, Some(true));
        assert_eq!(in_force("max 100000").processes, Some(true));
    }

    #[test]
    fn what_cannot_be_seen_is_not_taken_for_a_limit_without_effect() {
        assert_eq!(compare_with("", "", &[]), LimitsInForce::default());
        let above = FIRST.0.replace("/docker/ab", "/../docker/ab");
        assert_eq!(compare_with(&above, FIRST.1, &[]), LimitsInForce::default());
    }
}
