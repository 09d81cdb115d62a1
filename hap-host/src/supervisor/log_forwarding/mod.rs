//! Hands the output of plugins on as events of the host's own log.

mod line;
mod throttle;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use hap_manifest::PluginId;
use tokio::time::Instant;

use self::{line::Line, throttle::Flood};
use crate::{
    engine::stream::{LogLine, LogOptions, LogSource},
    metrics::counters::{PluginCounters, add},
    model::log_forwarding::LogForwarding,
    plugin::handle::{PluginHandle, log_place::Place},
};

/// Pause before output is followed again after it ended or the engine failed.
const PAUSE: Duration = Duration::from_millis(250);

/// Forwards what one plugin prints from now on, until the plugin is gone. Safe to
/// drop at any await.
pub(crate) async fn forward(plugin: PluginHandle, options: LogForwarding, counters: Arc<PluginCounters>) {
    let mut forwarder = Forwarder {
        flood: Flood::new(options),
        plugin: plugin.id().clone(),
        options,
        counters,
        // Not what an adopted plugin printed before.
        place: Place::at(SystemTime::now()),
        continued: false,
    };
    while plugin.wait_for(|state| state.phase.may_print()).await.is_ok() {
        let wanted = LogOptions::default().follow(true).since(forwarder.place.reopen());
        let mut lines = plugin.logs_of_this_run(&wanted);
        while let Some(Ok(line)) = lines.next().await {
            forwarder.take(&plugin, &line);
        }
        forwarder.settle();
        tokio::time::sleep(PAUSE).await;
    }
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
        LogSource::Host => "host",
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
