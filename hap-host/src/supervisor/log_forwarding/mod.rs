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
    engine::{
        deadline::{self, within},
        observed::{ContainerId, Observed},
        stream::{LogLine, LogOptions, LogSource},
    },
    metrics::counters::{PluginCounters, add},
    model::log_forwarding::LogForwarding,
    plugin::handle::{
        PluginHandle,
        log_place::Place,
        log_reading::{last_lines, read_on},
    },
};

/// Pause before output is followed again after it ended or the engine failed.
const PAUSE: Duration = Duration::from_millis(250);
/// How often an engine is asked for them.
const TRIES: usize = 20;

/// Forwards what one plugin prints, until the plugin is gone: all that the containers print that are
/// made from now on, and what the adopted one prints from now on. Safe to drop at any await.
pub(crate) async fn forward(
    plugin: PluginHandle,
    adopted: Option<Observed>,
    options: LogForwarding,
    counters: Arc<PluginCounters>,
) {
    let place = match &adopted {
        Some(adopted) => place_in(&plugin, adopted).await,
        None => Place::default(),
    };
    let (container, run) = adopted.map(|adopted| (adopted.id, adopted.started_at)).unzip();
    let mut forwarder = Forwarder {
        flood: Flood::new(options),
        plugin: plugin.id().clone(),
        options,
        counters,
        container,
        run: run.flatten(),
        place,
        continued: false,
    };
    while plugin.wait_for(|state| state.phase.may_print()).await.is_ok() {
        let wanted = forwarder.reopen(&plugin).await;
        let mut lines = plugin.logs_of_this_run(&wanted);
        while let Some(Ok(line)) = lines.next().await {
            forwarder.take(&plugin, &line);
        }
        forwarder.settle();
        tokio::time::sleep(PAUSE).await;
    }
}

/// The place behind what an adopted container has printed.
async fn place_in(plugin: &PluginHandle, adopted: &Observed) -> Place {
    for _ in 0..TRIES {
        if let Some(printed) = last_lines(plugin, &adopted.id).await {
            let now = started_at(plugin, &adopted.id).await;
            return match now.filter(|now| Some(*now) != adopted.started_at) {
                // It was started meanwhile: what that run printed is new.
                Some(began) => Place::at(began),
                None => Place::behind(&printed),
            };
        }
        tokio::time::sleep(PAUSE).await;
    }
    Place::at(SystemTime::now())
}

async fn started_at(plugin: &PluginHandle, container: &ContainerId) -> Option<SystemTime> {
    let look = plugin.cell().shared.engine.inspect(container);
    let seen = within(deadline::CONTROL, "inspect", container, look).await;
    seen.ok()?.started_at
}

struct Forwarder {
    plugin: PluginId,
    options: LogForwarding,
    flood: Flood,
    counters: Arc<PluginCounters>,
    /// Whose output the place is in.
    container: Option<ContainerId>,
    place: Place,
    /// When the run began that printed last, as the engine says.
    run: Option<SystemTime>,
    /// What comes is the rest of a line that was cut.
    continued: bool,
}

impl Forwarder {
    /// How the engine is asked for what comes after the place.
    async fn reopen(&mut self, plugin: &PluginHandle) -> LogOptions {
        let container = plugin.state().container;
        if container.is_some() && container != self.container {
            (self.container, self.place) = (container, Place::default());
        }
        // At the beginning of a log there is nothing to ask the engine before.
        let (Some(container), Some(_)) = (self.container.clone(), self.place.last()) else {
            return LogOptions::default().follow(true);
        };
        let began = started_at(plugin, &container).await;
        let is_another_run = std::mem::replace(&mut self.run, began) != began;
        read_on(plugin, &container, began, is_another_run, &mut self.place).await
    }

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
