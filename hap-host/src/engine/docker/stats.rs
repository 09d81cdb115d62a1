use std::time::Duration;

use bollard::{
    models::{ContainerMemoryStats, ContainerStatsResponse},
    query_parameters::StatsOptionsBuilder,
};
use futures_util::StreamExt;

use super::client::Client;
use crate::engine::{
    error::{EngineError, EngineErrorKind},
    observed::ContainerId,
    stream::StatsSample,
};

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

/// Usage counts the page cache, which the kernel gives back under pressure. The part that it gives
/// back first is `total_inactive_file` on cgroup v1 and `inactive_file` on v2; a v1 engine sends
/// both, of which only the total counts the whole tree.
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

    /// What an engine sends on cgroup v2, shortened: other names of memory, no share of each
    /// processor, no highest use, and null where there is nothing.
    fn of_cgroup_v2() -> serde_json::Value {
        serde_json::json!({
            "read": "2026-01-02T03:04:05.678901234Z",
            "preread": "0001-01-01T00:00:00Z",
            "pids_stats": { "current": 5, "limit": 64 },
            "num_procs": 0,
            "storage_stats": {},
            "blkio_stats": {
                "io_service_bytes_recursive": [
                    { "major": 259, "minor": 0, "op": "read", "value": 1_175_552 },
                    { "major": 259, "minor": 0, "op": "write", "value": 0 }
                ],
                "io_serviced_recursive": null,
                "io_queue_recursive": null,
                "sectors_recursive": null
            },
            "cpu_stats": {
                "cpu_usage": {
                    "total_usage": 4_310_277_000_u64,
                    "usage_in_kernelmode": 902_110_000_u64,
                    "usage_in_usermode": 3_408_167_000_u64
                },
                "system_cpu_usage": 81_342_190_000_000_u64,
                "online_cpus": 4,
                "throttling_data": { "periods": 431, "throttled_periods": 87, "throttled_time": 5_120_034_000_u64 }
            },
            "precpu_stats": {
                "cpu_usage": { "total_usage": 0, "usage_in_kernelmode": 0, "usage_in_usermode": 0 },
                "throttling_data": { "periods": 0, "throttled_periods": 0, "throttled_time": 0 }
            },
            "memory_stats": {
                "usage": 61_874_176,
                "failcnt": 2,
                "limit": 67_108_864,
                "stats": {
                    "active_anon": 4096, "active_file": 1_351_680, "anon": 50_335_744, "anon_thp": 0,
                    "file": 9_732_096, "file_dirty": 0, "file_mapped": 5_271_552, "file_writeback": 0,
                    "inactive_anon": 50_331_648, "inactive_file": 8_380_416, "kernel_stack": 81_920,
                    "pgactivate": 330, "pgfault": 15_180, "pgmajfault": 21, "shmem": 0, "slab": 1_248_560,
                    "slab_reclaimable": 791_840, "slab_unreclaimable": 456_720, "sock": 0, "unevictable": 0,
                    "workingset_activate": 0, "workingset_nodereclaim": 0, "workingset_refault": 0
                }
            },
            "name": "/hap.default.light",
            "networks": { "eth0": { "rx_bytes": 4998, "rx_packets": 119, "tx_bytes": 310, "tx_packets": 4 } }
        })
    }

    #[test]
    fn the_reply_of_an_engine_on_cgroup_v2_becomes_a_sample_with_its_throttling_and_its_memory_events() {
        let sample = convert(&serde_json::from_value(of_cgroup_v2()).unwrap()).unwrap();
        let expected = StatsSample {
            cpu_time: Duration::from_micros(4_310_277),
            memory_bytes: 61_874_176 - 8_380_416,
            memory_limit_bytes: 67_108_864,
            pids: 5,
            network_received_bytes: 4998,
            network_sent_bytes: 310,
            throttled_periods: 87,
            throttled_time: Duration::from_micros(5_120_034),
            memory_limit_hits: 2,
        };
        assert_eq!(sample, expected);
        // One that never came to its limit is sent without the count.
        let mut without = of_cgroup_v2();
        without["memory_stats"].as_object_mut().unwrap().remove("failcnt");
        let sample = convert(&serde_json::from_value(without).unwrap()).unwrap();
        assert_eq!(sample.memory_limit_hits, 0);
    }

    #[test]
    fn a_container_without_limits_or_network_on_cgroup_v2_is_measured_all_the_same() {
        let mut reply = of_cgroup_v2();
        reply.as_object_mut().unwrap().remove("networks");
        // What an engine sends whose kernel does not count for it.
        reply["memory_stats"] = serde_json::json!({});
        let sample = convert(&serde_json::from_value(reply).unwrap()).unwrap();
        assert_eq!(
            (sample.pids, sample.memory_bytes, sample.network_sent_bytes),
            (5, 0, 0)
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
