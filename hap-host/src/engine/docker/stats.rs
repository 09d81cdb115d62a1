use std::time::Duration;

use bollard::{
    models::{ContainerMemoryStats, ContainerStatsResponse},
    query_parameters::StatsOptionsBuilder,
};
use futures_util::StreamExt;

use super::client::Client;
use crate::engine::{ContainerId, EngineError, EngineErrorKind, StatsSample};

pub(super) async fn sample(client: &Client, id: &ContainerId) -> Result<StatsSample, EngineError> {
    // Without one-shot the engine waits a second or two for a second sample to compare with.
    let options = StatsOptionsBuilder::default()
        .stream(false)
        .one_shot(true)
        .build();
    let mut samples = client.docker().stats(id.as_str(), Some(options));
    let subject = id.to_string();
    let first = async { samples.next().await.transpose() };
    let sample = client.call("stats", &subject, first).await?;
    sample.as_ref().and_then(convert).ok_or_else(|| {
        EngineError::new(
            EngineErrorKind::Failed,
            "stats",
            subject,
            "the container is not running, so there is nothing to measure",
        )
    })
}

/// `None` for a container that does not run: the engine then sends a sample without values.
fn convert(stats: &ContainerStatsResponse) -> Option<StatsSample> {
    let pids = stats.pids_stats.as_ref().and_then(|pids| pids.current);
    let memory = stats.memory_stats.as_ref();
    let usage = memory.and_then(|memory| memory.usage);
    if pids.is_none() && usage.is_none() {
        return None;
    }
    let cpu = stats.cpu_stats.as_ref();
    let total = cpu
        .and_then(|cpu| cpu.cpu_usage.as_ref())
        .and_then(|usage| usage.total_usage);
    let throttling = cpu.and_then(|cpu| cpu.throttling_data.as_ref());
    let throttled_time = throttling.and_then(|data| data.throttled_time);
    // On cgroup v1 the kernel's `memory.failcnt`, on v2 the count `oom` of its `memory.events`.
    let limit_hits = memory.and_then(|memory| memory.failcnt);
    let networks = stats.networks.iter().flat_map(|networks| networks.values());
    let (received, sent) = networks.fold((0_u64, 0_u64), |(received, sent), network| {
        let rx = network.rx_bytes.unwrap_or_default();
        let tx = network.tx_bytes.unwrap_or_default();
        (received.saturating_add(rx), sent.saturating_add(tx))
    });
    Some(StatsSample {
        cpu_time: Duration::from_nanos(total.unwrap_or_default()),
        memory_bytes: memory.map(without_cache).unwrap_or_default(),
        memory_limit_bytes: memory.and_then(|memory| memory.limit).unwrap_or_default(),
        pids: pids.unwrap_or_default(),
        network_received_bytes: received,
        network_sent_bytes: sent,
        throttled_periods: throttling
            .and_then(|data| data.throttled_periods)
            .unwrap_or_default(),
        throttled_time: Duration::from_nanos(throttled_time.unwrap_or_default()),
        memory_limit_hits: limit_hits.unwrap_or_default(),
    })
}

/// Usage counts the page cache, which the kernel gives back under pressure. The part that it gives back first is
/// `total_inactive_file` on cgroup v1 and `inactive_file` on v2; a v1 engine sends both, of which only the total
/// counts the whole tree.
fn without_cache(memory: &ContainerMemoryStats) -> u64 {
    let detail = |name: &str| memory.stats.as_ref().and_then(|stats| stats.get(name).copied());
    let cache = detail("total_inactive_file")
        .or_else(|| detail("inactive_file"))
        .unwrap_or_default();
    let usage = memory.usage.unwrap_or_default();
    usage.checked_sub(cache).unwrap_or(usage)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn memory(usage: u64, details: &[(&str, u64)]) -> ContainerMemoryStats {
        let details: HashMap<_, _> = details
            .iter()
            .map(|(name, value)| ((*name).to_owned(), *value))
            .collect();
        ContainerMemoryStats {
            usage: Some(usage),
            stats: Some(details),
            ..Default::default()
        }
    }

    #[test]
    fn droppable_cache_is_not_counted_on_either_cgroup_version() {
        let v1 = memory(
            1000,
            &[("total_inactive_file", 300), ("inactive_file", 1), ("cache", 500)],
        );
        let v2 = memory(1000, &[("inactive_file", 400), ("file", 500)]);
        let odd = memory(100, &[("inactive_file", 400)]);
        assert_eq!(
            [v1, v2, odd].map(|memory| without_cache(&memory)),
            [700, 600, 100]
        );
    }

    #[test]
    fn a_sample_without_values_is_no_sample() {
        assert_eq!(convert(&ContainerStatsResponse::default()), None);
    }

    #[test]
    fn a_reply_of_the_engine_becomes_a_sample() {
        let reply = serde_json::json!({
            "cpu_stats": {
                "cpu_usage": { "total_usage": 1_500_000_000_u64 },
                "throttling_data": { "throttled_periods": 7, "throttled_time": 2_000_000_u64 }
            },
            "memory_stats": { "usage": 5000, "limit": 8000, "failcnt": 3, "stats": { "inactive_file": 1000 } },
            "pids_stats": { "current": 3 },
            "networks": { "eth0": { "rx_bytes": 10, "tx_bytes": 20 }, "eth1": { "rx_bytes": 1, "tx_bytes": 2 } }
        });
        let sample = convert(&serde_json::from_value(reply).unwrap()).unwrap();
        assert_eq!(sample.cpu_time, Duration::from_millis(1500));
        assert_eq!(
            (sample.memory_bytes, sample.memory_limit_bytes, sample.pids),
            (4000, 8000, 3)
        );
        assert_eq!(
            (sample.network_received_bytes, sample.network_sent_bytes),
            (11, 22)
        );
        assert_eq!(sample.throttled_periods, 7);
        assert_eq!(sample.throttled_time, Duration::from_millis(2));
        assert_eq!(sample.memory_limit_hits, 3);
    }
}
