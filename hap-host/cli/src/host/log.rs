//! The host's own log, on standard error.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::{
    Layer as _, Registry,
    filter::LevelFilter,
    fmt,
    layer::SubscriberExt as _,
    reload::{self, Handle},
    util::SubscriberInitExt as _,
};

use super::config::{Format, Level, Log};

/// The log while the host runs: its level can be changed.
#[derive(Debug)]
pub(super) struct LogControl(Handle<LevelFilter, Registry>);

impl LogControl {
    /// Begins to write. It is the first and only log of this process.
    pub(super) fn begin(log: &Log) -> Self {
        let (level, handle) = reload::Layer::new(filter(log.level));
        let is_json = match log.format {
            Format::Auto => !io::stderr().is_terminal(),
            Format::Text => false,
            Format::Json => true,
        };
        let lines = if is_json {
            let lines = fmt::layer().json().flatten_event(true).with_current_span(false);
            lines.with_span_list(true).with_writer(io::stderr).boxed()
        } else {
            fmt::layer().with_ansi(false).with_writer(io::stderr).boxed()
        };
        // There is one already in a test that starts two hosts in one process.
        let _ = tracing_subscriber::registry().with(level).with(lines).try_init();
        Self(handle)
    }

    pub(super) fn set_level(&self, level: Level) {
        if let Err(error) = self.0.reload(filter(level)) {
            tracing::warn!(%error, "the level of the log stays as it is");
        }
    }
}

const fn filter(level: Level) -> LevelFilter {
    match level {
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
        Level::Trace => LevelFilter::TRACE,
    }
}
