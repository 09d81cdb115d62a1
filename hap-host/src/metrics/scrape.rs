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
#[derive(Debug)]
pub(crate) struct Scrape {
    pub plugins: Vec<PluginScrape>,
    /// The number of the last event in the log.
    pub last_event: u64,
    /// How far each reader of events is behind.
    pub reader_lags: Vec<u64>,
    pub refused_events: Vec<(&'static str, u64)>,
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
    pub(crate) fn text(&self, plugins: Vec<PluginScrape>, last_event: u64, reader_lags: Vec<u64>) -> String {
        let scrape = Scrape {
            plugins,
            last_event,
            reader_lags,
            refused_events: self.refused_events.all(),
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

type Value<'a> = &'a dyn Fn(&PluginScrape) -> Option<f64>;

impl Collector for Scrape {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut out = Out(encoder);
        self.states(&mut out)?;
        self.lives(&mut out)?;
        self.traffic(&mut out)?;
        self.resources(&mut out)
    }
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
        out.gauge(
            "plugins",
            "Installed plugins, by phase",
            None,
            by("phase", phases),
        )?;
        out.gauge(
            "plugins_config",
            "Installed plugins, by how far their settings are",
            None,
            by("state", configs),
        )?;
        let healthy = |plugin: &PluginScrape| Some(flag(plugin.state.phase == Phase::Healthy));
        out.gauge(
            "plugin_healthy",
            "Whether it answers its health checks well",
            None,
            self.each(&healthy),
        )?;
        let looping = |plugin: &PluginScrape| Some(flag(plugin.state.crash_loop));
        out.gauge(
            "plugin_crash_looping",
            "Whether it is in a crash loop",
            None,
            self.each(&looping),
        )
    }

    fn lives(&self, out: &mut Out<'_>) -> fmt::Result {
        let restarts = |plugin: &PluginScrape| Some(float(plugin.state.restarts));
        out.counter(
            "plugin_restarts",
            "Starts after a failure",
            None,
            self.each(&restarts),
        )?;
        let failures = self.plugins.iter().flat_map(|plugin| {
            let counts = plugin.counters.failures.all().into_iter();
            counts.map(|(cause, count)| (plugin.labels(&[("cause", cause)]), float(count)))
        });
        out.counter(
            "plugin_failures",
            "Failed runs and operations, by cause",
            None,
            failures,
        )?;
        let loops = |plugin: &PluginScrape| Some(float(read(&plugin.counters.crash_loops)));
        out.counter(
            "plugin_crash_loops",
            "Crash loops entered",
            None,
            self.each(&loops),
        )
    }

    fn traffic(&self, out: &mut Out<'_>) -> fmt::Result {
        let calls = self.plugins.iter().flat_map(|plugin| {
            let counts = plugin.counters.calls.all().into_iter();
            counts.map(|((call, outcome), count)| {
                (
                    plugin.labels(&[("call", call), ("outcome", outcome)]),
                    float(count),
                )
            })
        });
        out.counter(
            "plugin_calls",
            "Calls to plugins, by call and outcome",
            None,
            calls,
        )?;
        let events = |plugin: &PluginScrape| Some(float(read(&plugin.counters.events)));
        out.counter("events_received", "Events made durable", None, self.each(&events))?;
        let duplicates = |plugin: &PluginScrape| Some(float(read(&plugin.counters.duplicate_events)));
        out.counter(
            "events_duplicate",
            "Events that were there already",
            None,
            self.each(&duplicates),
        )?;
        let refused = self.refused_events.iter();
        let refused = refused.map(|(code, count)| (vec![("code", (*code).to_owned())], float(*count)));
        out.counter(
            "event_requests_refused",
            "Refused requests of plugins, by code",
            None,
            refused,
        )?;
        out.single(
            "event_log_last",
            "Number of the last event in the log",
            self.last_event,
        )?;
        let readers = u64::try_from(self.reader_lags.len()).unwrap_or(u64::MAX);
        out.single("event_readers", "Readers of the event log", readers)?;
        let lag = self.reader_lags.iter().max().copied().unwrap_or(0);
        let help = "Events that the slowest reader has before it, at most";
        out.single("event_reader_lag", help, lag)?;
        let lines = |plugin: &PluginScrape| Some(float(read(&plugin.counters.forwarded_lines)));
        out.counter(
            "log_lines_forwarded",
            "Lines of output sent to tracing",
            None,
            self.each(&lines),
        )?;
        let lost = |plugin: &PluginScrape| Some(float(read(&plugin.counters.suppressed_lines)));
        out.counter(
            "log_lines_suppressed",
            "Lines of output left out by the flood limit",
            None,
            self.each(&lost),
        )
    }

    fn resources(&self, out: &mut Out<'_>) -> fmt::Result {
        let cpu = |plugin: &PluginScrape| Some(plugin.counters.recent_sample()?.cpu_time.as_secs_f64());
        out.counter(
            "plugin_cpu",
            "CPU time since the container's start",
            Some(&Unit::Seconds),
            self.each(&cpu),
        )?;
        let throttled =
            |plugin: &PluginScrape| Some(float(plugin.counters.recent_sample()?.throttled_periods));
        out.counter(
            "plugin_cpu_throttled_periods",
            "Periods held back by the CPU limit",
            None,
            self.each(&throttled),
        )?;
        let memory = |plugin: &PluginScrape| Some(float(plugin.counters.recent_sample()?.memory_bytes));
        out.gauge(
            "plugin_memory",
            "Memory without droppable cache",
            Some(&Unit::Bytes),
            self.each(&memory),
        )?;
        let limit = |plugin: &PluginScrape| Some(float(plugin.counters.recent_sample()?.memory_limit_bytes));
        out.gauge(
            "plugin_memory_limit",
            "The memory limit",
            Some(&Unit::Bytes),
            self.each(&limit),
        )?;
        let hits = |plugin: &PluginScrape| Some(float(plugin.counters.recent_sample()?.memory_limit_hits));
        out.counter(
            "plugin_memory_limit_hits",
            "Times at the memory limit",
            None,
            self.each(&hits),
        )?;
        let pids = |plugin: &PluginScrape| Some(float(plugin.counters.recent_sample()?.pids));
        out.gauge(
            "plugin_processes",
            "Processes and threads",
            None,
            self.each(&pids),
        )
    }

    /// One series for each plugin that has a value.
    fn each<'a>(&'a self, value: Value<'a>) -> impl Iterator<Item = Series> + 'a {
        let plugins = self.plugins.iter();
        plugins.filter_map(move |plugin| Some((plugin.labels(&[]), value(plugin)?)))
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
    fn counter(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        series: impl Iterator<Item = Series>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, unit, MetricType::Counter)?;
        for (labels, value) in series {
            ConstCounter::new(value).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn single(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        let gauge = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        ConstGauge::new(float(value)).encode(gauge)
    }

    fn gauge(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        series: impl Iterator<Item = Series>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, unit, MetricType::Gauge)?;
        for (labels, value) in series {
            ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
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
