//! [`Metrics`]: what is counted, and its text form.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was carried out.
    Ok,
    /// It was refused, by its shape or by the plugin.
    Rejected,
    /// The plugin failed.
    Failed,
    /// Its deadline passed.
    TimedOut,
    /// The plugin panicked.
    Panicked,
    /// There was no room for it, or the plugin was not ready.
    TurnedAway,
}

impl Outcome {
    const ALL: [(Self, &str); 6] = [
        (Self::Ok, "ok"),
        (Self::Rejected, "rejected"),
        (Self::Failed, "failed"),
        (Self::TimedOut, "timeout"),
        (Self::Panicked, "panic"),
        (Self::TurnedAway, "turned_away"),
    ];

    /// The word of the metrics and the log.
    pub(crate) fn word(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(kind, _)| *kind == self)
            .map_or("", |(_, word)| *word)
    }
}

/// Why an event was not delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    /// There was no room when it was emitted.
    Full,
    /// It could not be stored when it was emitted.
    Storage,
    /// The platform refuses this event for good.
    Refused,
    /// The process ended and nothing kept it.
    Shutdown,
    /// Its record on disk is damaged.
    Damaged,
}

impl Loss {
    const ALL: [(Self, &str); 5] = [
        (Self::Full, "full"),
        (Self::Storage, "storage"),
        (Self::Refused, "refused"),
        (Self::Shutdown, "shutdown"),
        (Self::Damaged, "damaged"),
    ];
}

/// Counters since the process began, and gauges.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    commands: [AtomicU64; 6],
    in_flight: AtomicU64,
    emitted: AtomicU64,
    delivered: AtomicU64,
    // Those that the outbox holds, and those on their way to it that nobody waits for.
    stored: AtomicU64,
    handed_over: AtomicU64,
    attempts_failed: AtomicU64,
    lost: [AtomicU64; 5],
}

impl Metrics {
    pub(crate) fn command(&self, outcome: Outcome) {
        let index = Outcome::ALL.iter().position(|(kind, _)| *kind == outcome);
        if let Some(counter) = index.and_then(|index| self.commands.get(index)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts a command as in flight until the guard is dropped.
    pub(crate) fn command_begins(self: &std::sync::Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(std::sync::Arc::clone(self))
    }

    pub(crate) fn emitted(&self, events: usize) {
        self.emitted.fetch_add(events as u64, Ordering::Relaxed);
    }

    pub(crate) fn delivered(&self, events: usize) {
        self.delivered.fetch_add(events as u64, Ordering::Relaxed);
    }

    pub(crate) fn attempt_failed(&self) {
        self.attempts_failed.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn lost(&self, loss: Loss, events: usize) {
        let index = Loss::ALL.iter().position(|(kind, _)| *kind == loss);
        if let Some(counter) = index.and_then(|index| self.lost.get(index)) {
            counter.fetch_add(events as u64, Ordering::Relaxed);
        }
    }

    /// The outbox holds this many events.
    pub(crate) fn set_pending(&self, events: usize) {
        // Orders it before `taken_over`, so that no event is missing in between.
        self.stored.store(events as u64, Ordering::Release);
    }

    /// An event is on its way to the outbox.
    pub(crate) fn handed_over(&self) {
        self.handed_over.fetch_add(1, Ordering::Relaxed);
    }

    /// It has arrived there, or has been refused.
    pub(crate) fn taken_over(&self) {
        self.handed_over.fetch_sub(1, Ordering::Release);
    }

    /// Events that wait for the platform.
    pub(crate) fn pending(&self) -> u64 {
        let handed_over = self.handed_over.load(Ordering::Acquire);
        handed_over + self.stored.load(Ordering::Acquire)
    }

    /// The Prometheus text format, version 0.0.4.
    pub(crate) fn text(&self) -> String {
        let mut text = String::with_capacity(2048);
        let read = |value: &AtomicU64| value.load(Ordering::Relaxed);

        family(
            &mut text,
            "hap_commands_total",
            "counter",
            "Commands by how they ended.",
        );
        for ((_, outcome), value) in Outcome::ALL.iter().zip(&self.commands) {
            let _ = writeln!(
                text,
                "hap_commands_total{{outcome=\"{outcome}\"}} {}",
                read(value)
            );
        }
        let single = [
            (
                "hap_commands_in_flight",
                "gauge",
                "Commands that run now.",
                read(&self.in_flight),
            ),
            (
                "hap_events_emitted_total",
                "counter",
                "Events accepted for delivery.",
                read(&self.emitted),
            ),
            (
                "hap_events_delivered_total",
                "counter",
                "Events the platform acknowledged.",
                read(&self.delivered),
            ),
            (
                "hap_events_pending",
                "gauge",
                "Events that wait for the platform.",
                self.pending(),
            ),
            (
                "hap_event_attempts_failed_total",
                "counter",
                "Failed requests to the platform.",
                read(&self.attempts_failed),
            ),
        ];
        for (name, kind, help, value) in single {
            family(&mut text, name, kind, help);
            let _ = writeln!(text, "{name} {value}");
        }
        family(
            &mut text,
            "hap_events_dropped_total",
            "counter",
            "Events that will not be delivered, by reason.",
        );
        for ((_, reason), value) in Loss::ALL.iter().zip(&self.lost) {
            let _ = writeln!(
                text,
                "hap_events_dropped_total{{reason=\"{reason}\"}} {}",
                read(value)
            );
        }
        text
    }
}

// Writing to a `String` does not fail.
fn family(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

/// One command in flight.
#[derive(Debug)]
pub(crate) struct InFlight(std::sync::Arc<Metrics>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn what_is_counted_is_in_the_text() {
        let metrics = Arc::new(Metrics::default());
        let running = metrics.command_begins();
        metrics.command(Outcome::Ok);
        metrics.command(Outcome::TurnedAway);
        metrics.lost(Loss::Full, 3);
        let text = metrics.text();
        for line in [
            "hap_commands_total{outcome=\"ok\"} 1",
            "hap_commands_total{outcome=\"turned_away\"} 1",
            "hap_commands_in_flight 1",
            "hap_events_dropped_total{reason=\"full\"} 3",
            "# TYPE hap_events_pending gauge",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
        drop(running);
        assert!(metrics.text().contains("hap_commands_in_flight 0\n"));
    }
}
