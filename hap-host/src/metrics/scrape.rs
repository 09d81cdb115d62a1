//! The text of one scrape.

use std::{collections::BTreeMap, fmt, sync::Arc};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, text},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::{Registry, Unit},
};

use super::{
    Metrics,
    counters::{PluginCounters, read},
};
use crate::model::{phase::Phase, state::PluginState};

/// What is known at the moment of a scrape besides what was counted.
#[derive(Debug, Default)]
pub(crate) struct Scrape {
    pub plugins: Vec<PluginScrape>,
    /// The number of the last event in the log.
    pub last_event: u64,
    /// How far each reader of events is behind.
    pub reader_lags: Vec<u64>,
    /// Containers that carry a plugin's labels and are not its own.
    pub second_containers: u64,
    pub refused_events: Vec<(&'static str, u64)>,
    /// Whether plugins are kept apart: the name of the state.
    pub isolation: &'static str,
    pub isolation_losses: u64,
}

/// One plugin at the moment of a scrape.
#[derive(Debug)]
pub(crate) struct PluginScrape {
    pub id: String,
    pub state: PluginState,
    pub counters: Arc<PluginCounters>,
}

impl Metrics {
    /// The whole text, in the OpenMetrics format.
    pub(crate) fn text(&self, scrape: Scrape) -> String {
        let scrape = Scrape {
            refused_events: self.refused_events.all(),
            isolation_losses: read(&self.isolation_losses),
            ..scrape
        };
        let mut moment = Registry::with_prefix("hap");
        moment.register_collector(Box::new(scrape));
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _ = text::encode_registry(&mut out, &self.registry);
        let _ = text::encode(&mut out, &moment);
        out
    }
}

impl Collector for Scrape {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut out = Out(encoder);
        self.states(&mut out)?;
        self.lives(&mut out)?;
        self.traffic(&mut out)?;
        self.resources(&mut out)?;
        self.isolation(&mut out)
    }
}

/// Writes families of one series for each plugin: their type, name, unit, help and value. A plugin
/// without a value is left out.
macro_rules! each {
    ($scrape:expr, $out:expr; $($kind:ident $name:literal $([$unit:ident])? $help:literal: |$of:ident| $value:expr;)+) => {
        $({
            #[allow(unused_mut, unused_assignments, reason = "most have no unit")]
            let mut unit = None;
            $(unit = Some(&Unit::$unit);)?
            let value = |$of: &PluginScrape| -> Option<f64> { $value };
            let plugins = $scrape.plugins.iter();
            let series = plugins.filter_map(|plugin| Some((plugin.labels(&[]), value(plugin)?)));
            $out.family(MetricType::$kind, $name, $help, unit, series)?;
        })+
    };
}

impl Scrape {
    fn states(&self, out: &mut Out<'_>) -> fmt::Result {
        let mut phases = BTreeMap::<_, u64>::new();
        let mut configs = BTreeMap::<_, u64>::new();
        for plugin in &self.plugins {
            *phases.entry(plugin.state.phase.as_str()).or_default() += 1;
            *configs.entry(plugin.state.config.as_str()).or_default() += 1;
        }
        let by = |label, counts: BTreeMap<&'static str, u64>| {
            counts
                .into_iter()
                .map(move |(value, count)| (vec![(label, value.to_owned())], float(count)))
        };
        out.gauge("plugins", "Installed plugins, by phase", by("phase", phases))?;
        let help = "Installed plugins, by how far their settings are";
        out.gauge("plugins_config", help, by("state", configs))?;
        each! { self, out;
            Gauge "plugin_healthy" "Whether it answers its health checks well":
                |plugin| Some(flag(plugin.state.phase == Phase::Healthy));
            Gauge "plugin_crash_looping" "Whether it is in a crash loop":
                |plugin| Some(flag(plugin.state.crash_loop));
        }
        Ok(())
    }

    fn lives(&self, out: &mut Out<'_>) -> fmt::Result {
        each! { self, out;
            Counter "plugin_restarts" "Starts after a failure": |plugin| Some(float(plugin.state.restarts));
        }
        let failures = self.plugins.iter().flat_map(|plugin| {
            let counts = plugin.counters.failures.all().into_iter();
            counts.map(|(cause, count)| (plugin.labels(&[("cause", cause)]), float(count)))
        });
        out.counter(
            "plugin_failures",
            "Failed runs and operations, by cause",
            failures,
        )?;
        each! { self, out;
            Counter "plugin_crash_loops" "Crash loops entered":
                |plugin| Some(float(read(&plugin.counters.crash_loops)));
        }
        Ok(())
    }

    fn traffic(&self, out: &mut Out<'_>) -> fmt::Result {
        let calls = self.plugins.iter().flat_map(|plugin| {
            let counts = plugin.counters.calls.all().into_iter();
            counts.map(|((call, outcome), count)| {
                let labels = plugin.labels(&[("call", call), ("outcome", outcome)]);
                (labels, float(count))
            })
        });
        out.counter("plugin_calls", "Calls to plugins, by call and outcome", calls)?;
        each! { self, out;
            Counter "events_received" "Events made durable":
                |plugin| Some(float(read(&plugin.counters.events)));
            Counter "events_duplicate" "Events that were there already":
                |plugin| Some(float(read(&plugin.counters.duplicate_events)));
        }
        let refused = self.refused_events.iter();
        let refused = refused.map(|(code, count)| (vec![("code", (*code).to_owned())], float(*count)));
        let help = "Refused requests of plugins, by code";
        out.counter("event_requests_refused", help, refused)?;
        let readers = u64::try_from(self.reader_lags.len()).unwrap_or(u64::MAX);
        let lag = self.reader_lags.iter().max().copied().unwrap_or(0);
        let help = "Events that the slowest reader has before it, at most";
        out.single(
            "event_log_last",
            "Number of the last event in the log",
            self.last_event,
        )?;
        out.single("event_readers", "Readers of the event log", readers)?;
        out.single("event_reader_lag", help, lag)?;
        let help = "Containers that carry a plugin's labels and are not its own";
        out.single("second_containers", help, self.second_containers)?;
        each! { self, out;
            Counter "log_lines_forwarded" "Lines of output sent to tracing":
                |plugin| Some(float(read(&plugin.counters.forwarded_lines)));
            Counter "log_lines_suppressed" "Lines of output left out by the flood limit":
                |plugin| Some(float(read(&plugin.counters.suppressed_lines)));
        }
        Ok(())
    }

    fn isolation(&self, out: &mut Out<'_>) -> fmt::Result {
        let states = ["absent", "unknown", "holds", "lost"].into_iter();
        let series = states.map(|state| {
            let label = vec![("state", state.to_owned())];
            (label, flag(state == self.isolation))
        });
        let help = "Whether plugins are kept apart, as measured: 1 for the state that it is in";
        out.gauge("isolation", help, series)?;
        let help = "Times that isolation was lost";
        out.count("isolation_losses", help, self.isolation_losses)
    }

    fn resources(&self, out: &mut Out<'_>) -> fmt::Result {
        each! { self, out;
            Counter "plugin_cpu" [Seconds] "CPU time since the container's start":
                |plugin| Some(plugin.counters.recent_sample()?.cpu_time.as_secs_f64());
            Counter "plugin_cpu_throttled_periods" "Periods held back by the CPU limit":
                |plugin| Some(float(plugin.counters.recent_sample()?.throttled_periods));
            Gauge "plugin_memory" [Bytes] "Memory without droppable cache":
                |plugin| Some(float(plugin.counters.recent_sample()?.memory_bytes));
            Gauge "plugin_memory_limit" [Bytes] "The memory limit":
                |plugin| Some(float(plugin.counters.recent_sample()?.memory_limit_bytes));
            Counter "plugin_memory_limit_hits" "Times at the memory limit":
                |plugin| Some(float(plugin.counters.recent_sample()?.memory_limit_hits));
            Gauge "plugin_processes" "Processes and threads":
                |plugin| Some(float(plugin.counters.recent_sample()?.pids));
        }
        Ok(())
    }
}

impl PluginScrape {
    fn labels(&self, more: &[(&'static str, &'static str)]) -> Vec<(&'static str, String)> {
        let more = more.iter().map(|(label, value)| (*label, (*value).to_owned()));
        std::iter::once(("plugin", self.id.clone())).chain(more).collect()
    }
}

type Series = (Vec<(&'static str, String)>, f64);

struct Out<'a>(DescriptorEncoder<'a>);

impl Out<'_> {
    fn family(
        &mut self,
        kind: MetricType,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        series: impl Iterator<Item = Series>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, unit, kind)?;
        for (labels, value) in series {
            let series = family.encode_family(&labels)?;
            match kind {
                MetricType::Counter => ConstCounter::new(value).encode(series)?,
                _ => ConstGauge::new(value).encode(series)?,
            }
        }
        Ok(())
    }

    fn counter(&mut self, name: &str, help: &str, series: impl Iterator<Item = Series>) -> fmt::Result {
        self.family(MetricType::Counter, name, help, None, series)
    }

    fn gauge(&mut self, name: &str, help: &str, series: impl Iterator<Item = Series>) -> fmt::Result {
        self.family(MetricType::Gauge, name, help, None, series)
    }

    fn count(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        let counter = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        ConstCounter::new(float(value)).encode(counter)
    }

    fn single(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        let gauge = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        ConstGauge::new(float(value)).encode(gauge)
    }
}

/// Prometheus knows floating point only; counts are exact up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "a count of 9 * 10^15 is never reached")]
const fn float(count: u64) -> f64 {
    count as f64
}

const fn flag(set: bool) -> f64 {
    if set { 1.0 } else { 0.0 }
}
