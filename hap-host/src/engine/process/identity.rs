use std::{fs, io, path::Path, sync::OnceLock};

use rustix::process::{Pid, Signal};
use serde::{Deserialize, Serialize};

/// One process, told apart from a later one of the same number by when it started
/// and in which boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    pid: u32,
    start_ticks: u64,
    boot: Box<str>,
}

/// What a process is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    Running,
    /// Frozen by a signal.
    Stopped,
    /// Ended, reaped or not.
    Gone,
}

impl Identity {
    /// Names the process that has this number now.
    pub(super) fn of(pid: u32) -> Option<Self> {
        let stat = Stat::read(pid)?;
        Some(Self {
            pid,
            start_ticks: stat.start_ticks,
            boot: boot().into(),
        })
    }

    pub(super) const fn pid(&self) -> u32 {
        self.pid
    }

    pub(super) fn life(&self) -> Life {
        match self.stat() {
            Some(stat) if stat.is_ended() => Life::Gone,
            Some(stat) if stat.state == b'T' => Life::Stopped,
            Some(_) => Life::Running,
            None => Life::Gone,
        }
    }

    pub(super) fn is_alive(&self) -> bool {
        self.life() != Life::Gone
    }

    fn stat(&self) -> Option<Stat> {
        Stat::read(self.pid).filter(|stat| stat.start_ticks == self.start_ticks && *self.boot == *boot())
    }

    /// The living processes of the group that this process leads or led.
    pub(super) fn group(&self) -> Vec<Stat> {
        if self.is_reused() {
            return Vec::new();
        }
        let mut members = Stat::all();
        members.retain(|stat| stat.group == self.pid && !stat.is_ended());
        members
    }

    /// Signals every process of the group. A group that is gone is fine.
    pub(super) fn signal_group(&self, signal: Signal) {
        if self.is_reused() {
            return;
        }
        let Some(pid) = pid(self.pid) else { return };
        match rustix::process::kill_process_group(pid, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => {}
            Err(error) => {
                tracing::warn!(pid = self.pid, ?signal, %error, "a process group was not signalled")
            }
        }
    }

    /// While a member of the group lives, the kernel gives its number to nobody else: a process of
    /// this number that started at another time proves that the group is gone.
    fn is_reused(&self) -> bool {
        *self.boot != *boot() || Stat::read(self.pid).is_some_and(|stat| stat.start_ticks != self.start_ticks)
    }

    #[cfg(test)]
    pub(super) fn with_start(mut self, ticks: u64) -> Self {
        self.start_ticks = ticks;
        self
    }
}

/// What the kernel tells of a process in `/proc/<pid>/stat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) pid: u32,
    state: u8,
    pub(super) group: u32,
    /// Ticks of CPU time, those of reaped children included.
    pub(super) cpu_ticks: u64,
    pub(super) threads: u64,
    start_ticks: u64,
}

impl Stat {
    pub(super) fn read(pid: u32) -> Option<Self> {
        Self::parse(pid, &fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    pub(super) fn all() -> Vec<Self> {
        pids().into_iter().filter_map(Self::read).collect()
    }

    /// The program's name stands in parentheses and may hold anything, so fields are
    /// counted from its end.
    fn parse(pid: u32, text: &str) -> Option<Self> {
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
        let cpu_ticks = (11..15).map(number).sum::<Option<u64>>()?;
        Some(Self {
            pid,
            state: *fields.first()?.as_bytes().first()?,
            group: u32::try_from(number(2)?).ok()?,
            cpu_ticks,
            threads: number(17)?,
            start_ticks: number(19)?,
        })
    }

    /// A zombie has ended: it only waits for its parent to ask how.
    const fn is_ended(&self) -> bool {
        matches!(self.state, b'Z' | b'X' | b'x')
    }
}

/// The processes whose standard output or error is one of `files`: whoever was started in a
/// container, even if it has left the process group since.
pub(super) fn writers(files: &[&Path]) -> Vec<u32> {
    let own = std::process::id();
    let writes = |pid: u32| {
        [1, 2].into_iter().any(|fd| {
            fs::read_link(format!("/proc/{pid}/fd/{fd}"))
                .is_ok_and(|target| files.contains(&target.as_path()))
        })
    };
    pids()
        .into_iter()
        .filter(|pid| *pid != own && writes(*pid))
        .collect()
}

/// Kills one process; one that is gone is fine.
pub(super) fn kill(number: u32) {
    if let Some(pid) = pid(number) {
        match rustix::process::kill_process(pid, Signal::KILL) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => {}
            Err(error) => tracing::warn!(pid = number, %error, "a process was not killed"),
        }
    }
}

/// Whether this system tells of its processes as this engine needs it.
pub(super) fn check_system() -> io::Result<()> {
    fs::metadata("/proc/self/stat").map(|_| ())
}

fn pid(number: u32) -> Option<Pid> {
    i32::try_from(number).ok().and_then(Pid::from_raw)
}

fn pids() -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect()
}

/// Start times count from the boot, so they say nothing across one.
fn boot() -> &'static str {
    static BOOT: OnceLock<String> = OnceLock::new();
    BOOT.get_or_init(|| {
        let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        id.trim().to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_whose_name_looks_like_fields_is_read_all_the_same() {
        let text = "42 (a) S 1 (b) T 1 7 7 0 -1 4194304 1 0 0 0 10 20 3 4 20 0 5 0 9876 1 1";
        let stat = Stat::parse(42, text).unwrap();
        assert_eq!(
            (
                stat.state,
                stat.group,
                stat.cpu_ticks,
                stat.threads,
                stat.start_ticks
            ),
            (b'T', 7, 37, 5, 9876)
        );
    }

    #[test]
    fn a_process_of_the_same_number_that_started_at_another_time_is_not_the_same() {
        let own = Identity::of(std::process::id()).unwrap();
        assert_eq!(own.life(), Life::Running);
        let other = own.with_start(1);
        assert_eq!(other.life(), Life::Gone);
        assert!(other.group().is_empty());
    }
}
