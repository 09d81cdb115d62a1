//! Hands the output of plugins on as events of the host's own log.

mod cursor;
mod line;
mod throttle;

use std::{sync::Arc, time::Duration};

use hap_manifest::PluginId;
use time::OffsetDateTime;
use tokio::time::Instant;

use self::{cursor::Place, line::Line, throttle::Flood};
use crate::{
    engine::stream::{LogLine, LogOptions, LogSource},
    metrics::counters::{PluginCounters, add},
    model::state::Phase,
    plugin::handle::PluginHandle,
};

/// Pause before output is followed again after it ended or the engine failed.
const PAUSE: Duration = Duration::from_millis(250);

/// How plugins' output goes into the host's log. Default: 100 lines in a second for long and 1,000 at once of each
/// plugin, each line cut after 4,096 characters.
///
/// Each line becomes one `tracing` event of the target `hap_host::plugin`, with the fields `plugin` and `source`
/// (`stdout` or `stderr`). A line that is a JSON object gives the event its level and message; what the plugin calls
/// its target or logger is the field `origin`, the id of the trace that it belongs to `trace_id`, and the rest is the field
/// `fields`, as JSON. Other lines are information. Keys, secret settings and control characters are taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "it does nothing until it is given to the builder"]
pub struct LogForwarding {
    lines_per_second: u32,
    burst: u32,
    characters: usize,
}

impl Default for LogForwarding {
    fn default() -> Self {
        Self {
            lines_per_second: 100,
            burst: 1_000,
            characters: 4_096,
        }
    }
}

impl LogForwarding {
    /// Lines of one plugin in a second, for long; at least 1. What is over is counted and left out.
    pub const fn lines_per_second(mut self, lines: u32) -> Self {
        self.lines_per_second = if lines == 0 { 1 } else { lines };
        self
    }

    /// Lines of one plugin at once; at least 1.
    pub const fn burst(mut self, lines: u32) -> Self {
        self.burst = if lines == 0 { 1 } else { lines };
        self
    }

    /// Characters of a message, and of its fields, after which they are cut.
    pub const fn characters(mut self, most: usize) -> Self {
        self.characters = most;
        self
    }
}

/// Forwards what one plugin prints from now on, until the plugin is gone. Safe to drop at any await.
pub(crate) async fn forward(plugin: PluginHandle, options: LogForwarding, counters: Arc<PluginCounters>) {
    let mut forwarder = Forwarder {
        flood: Flood::new(options),
        plugin: plugin.id().clone(),
        options,
        counters,
        // Not what an adopted plugin printed before.
        place: Place::at(OffsetDateTime::now_utc()),
        continued: false,
    };
    while plugin.wait_for(|state| prints(state.phase)).await.is_ok() {
        let wanted = LogOptions::default()
            .follow(true)
            .since(forwarder.place.reopen().into());
        let mut lines = plugin.logs(&wanted);
        while let Some(Ok(line)) = lines.next().await {
            forwarder.take(&plugin, &line);
        }
        forwarder.settle();
        tokio::time::sleep(PAUSE).await;
    }
}

/// Whether there is a process that may print.
fn prints(phase: Phase) -> bool {
    phase.is_reachable() || matches!(phase, Phase::Starting | Phase::Stopping)
}

struct Forwarder {
    plugin: PluginId,
    options: LogForwarding,
    flood: Flood,
    counters: Arc<PluginCounters>,
    place: Place,
    /// What comes is the rest of a line that was cut.
    continued: bool,
}

impl Forwarder {
    fn take(&mut self, plugin: &PluginHandle, line: &LogLine) {
        if line.time.is_some_and(|time| !self.place.take(time)) {
            return;
        }
        let rest = std::mem::replace(&mut self.continued, line.partial);
        if rest {
            return;
        }
        if !self.flood.admit(Instant::now()) {
            add(&self.counters.suppressed_lines, 1);
            return;
        }
        self.settle();
        add(&self.counters.forwarded_lines, 1);
        let redactor = plugin.cell().config.redactor();
        let read = Line::read(&line.text, &redactor, self.options.characters);
        emit(&self.plugin, line.source, &read);
    }

    /// Says how much was left out since it was said last.
    fn settle(&mut self) {
        let lost = self.flood.take_suppressed();
        if lost > 0 {
            tracing::warn!(target: "hap_host::plugin", plugin = %self.plugin, lost, "lines of its output were left out: it prints too much");
        }
    }
}

fn emit(plugin: &PluginId, source: LogSource, line: &Line) {
    let source = match source {
        LogSource::Stdout => "stdout",
        LogSource::Stderr => "stderr",
    };
    // A level is part of an event's static data, so each has an event of its own.
    macro_rules! event {
        ($level:ident) => {
            tracing::event!(
                target: "hap_host::plugin",
                tracing::Level::$level,
                %plugin,
                source,
                origin = line.origin.as_deref(),
                trace_id = line.trace_id.as_deref(),
                fields = line.fields.as_deref(),
                "{}",
                line.message
            )
        };
    }
    match line.level {
        tracing::Level::ERROR => event!(ERROR),
        tracing::Level::WARN => event!(WARN),
        tracing::Level::INFO => event!(INFO),
        tracing::Level::DEBUG => event!(DEBUG),
        tracing::Level::TRACE => event!(TRACE),
    }
}
