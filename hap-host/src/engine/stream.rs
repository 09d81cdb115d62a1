use std::{
    pin::Pin,
    time::{Duration, SystemTime},
};

use futures_core::Stream;
use hap_manifest::PluginId;

use super::{error::EngineError, observed::ContainerId};

/// A stream from an engine. An error ends what the engine could tell; most streams end after one.
pub type EngineStream<T> = Pin<Box<dyn Stream<Item = Result<T, EngineError>> + Send>>;

/// Something that happened to one of the instance's containers.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EngineEvent {
    /// The plugin that the container's label names.
    pub plugin: PluginId,
    /// The container.
    pub container: ContainerId,
    /// What happened.
    pub kind: EngineEventKind,
}

impl EngineEvent {
    /// Names an event.
    #[must_use]
    pub const fn new(plugin: PluginId, container: ContainerId, kind: EngineEventKind) -> Self {
        Self {
            plugin,
            container,
            kind,
        }
    }
}

/// What happened to a container. Only a hint to look: the engine is asked for the truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EngineEventKind {
    /// Its process runs.
    Started,
    /// Its process ended.
    Died,
    /// It was removed.
    Removed,
    /// Anything else that may have changed its state.
    Changed,
}

/// Which part of a container's output to read. Default: everything there is, then end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogOptions {
    follow: bool,
    tail: Option<u32>,
    since: Option<SystemTime>,
}

impl LogOptions {
    /// Goes on with new lines as they come.
    #[must_use]
    pub const fn follow(mut self, follow: bool) -> Self {
        self.follow = follow;
        self
    }

    /// Starts with at most this many of the last lines.
    #[must_use]
    pub const fn tail(mut self, lines: u32) -> Self {
        self.tail = Some(lines);
        self
    }

    /// Starts with lines written at or after this time.
    #[must_use]
    pub const fn since(mut self, time: SystemTime) -> Self {
        self.since = Some(time);
        self
    }

    /// Whether new lines are wanted.
    #[must_use]
    pub const fn wants_follow(&self) -> bool {
        self.follow
    }

    /// How many of the last lines are wanted; `None` is all.
    #[must_use]
    pub const fn wanted_tail(&self) -> Option<u32> {
        self.tail
    }

    /// From when on lines are wanted.
    #[must_use]
    pub const fn wanted_since(&self) -> Option<SystemTime> {
        self.since
    }
}

/// One line of a container's output, at most [`LogLine::MAX_BYTES`] long; a longer one
/// comes in pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogLine {
    /// Where it was written.
    pub source: LogSource,
    /// When the engine received it, where the engine says.
    pub time: Option<SystemTime>,
    /// The text without its line end; bytes that are not UTF-8 are replaced.
    pub text: String,
    /// More of the same line follows in the next item.
    pub partial: bool,
}

impl LogLine {
    /// Longest piece, in bytes.
    pub const MAX_BYTES: usize = 16 * 1024;

    /// A whole line.
    #[must_use]
    pub const fn new(source: LogSource, time: Option<SystemTime>, text: String) -> Self {
        Self {
            source,
            time,
            text,
            partial: false,
        }
    }
}

/// Where a line was written. Not a level: many programs log everything to the error stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LogSource {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// Said by the host between two runs of a plugin; no engine has such lines.
    Host,
}

/// One sample of a container's resource use. Counters run since the container's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct StatsSample {
    /// CPU time used, all threads together. A rate needs two samples.
    pub cpu_time: Duration,
    /// Memory in use without the page cache that the kernel can drop, in bytes.
    pub memory_bytes: u64,
    /// The memory limit in bytes, 0 where the engine has none.
    pub memory_limit_bytes: u64,
    /// Processes and threads.
    pub pids: u64,
    /// Bytes received over the network.
    pub network_received_bytes: u64,
    /// Bytes sent over the network.
    pub network_sent_bytes: u64,
    /// Periods in which the CPU limit held the container back.
    pub throttled_periods: u64,
    /// How long it was held back in all.
    pub throttled_time: Duration,
    /// How often it came to its memory limit. Not each time is a process killed for it: that is
    /// told by the way a run ends.
    pub memory_limit_hits: u64,
}

/// Where to cut at most `at` bytes off without splitting a character.
pub(crate) fn character_start(bytes: &[u8], at: usize) -> usize {
    let continues = |at: &usize| {
        bytes
            .get(*at)
            .is_some_and(|byte| byte & 0b1100_0000 == 0b1000_0000)
    };
    // No character is longer than four bytes: if none begins here, the bytes are no text anyway.
    (at.saturating_sub(3)..=at)
        .rev()
        .find(|at| !continues(at))
        .unwrap_or(at)
}
