use super::*;
use super::{
    counters::add,
    scrape::{PluginScrape, Scrape},
};
use crate::model::{config_state::ConfigState, desired::Desired, phase::Phase, state::PluginState};

fn scrape(metrics: &Metrics, id: &PluginId, phase: Phase) -> PluginScrape {
    PluginScrape {
        id: id.to_string(),
        state: PluginState {
            desired: Desired::Running,
            phase,
            container: None,
            restarts: 2,
            crash_loop: phase == Phase::CrashLoop,
            last_exit: None,
            failure: None,
            last_failure: None,
            retry_in: None,
            health_message: None,
            missed_health_check: None,
            time_to_healthy: None,
            config: ConfigState::None,
            autostart: crate::model::autostart::Autostart::default(),
            runs_as: crate::model::runs_as::RunsAs::default(),
            data_loss: None,
            operation: None,
            unmet_dependencies: Vec::new(),
            update: None,
            last_update: None,
        },
        counters: metrics.install(id),
    }
}

fn id(name: &str) -> PluginId {
    PluginId::new(name).unwrap()
}

#[test]
fn the_text_tells_what_was_counted() {
    let metrics = Metrics::new();
    let (light, lock) = (id("light"), id("lock"));
    let plugins = vec![
        scrape(&metrics, &light, Phase::Healthy),
        scrape(&metrics, &lock, Phase::CrashLoop),
    ];
    let counters = metrics.plugin(&light).unwrap();
    counters.failures.add("exited");
    counters.failures.add("exited");
    counters.calls.add(("command", "ok"));
    add(&counters.events, 3);
    metrics.refused_events.add("unauthorized");
    metrics.probed("answered", Duration::from_millis(2));
    metrics.operated("start", "done", Duration::from_millis(300));
    metrics.called("command", Duration::from_millis(1));
    let text = metrics.text(Scrape {
        plugins,
        last_event: 17,
        reader_lags: vec![4, 9],
        second_containers: 3,
        isolation: "lost",
        ..Scrape::default()
    });
    for line in [
        r#"hap_plugins{phase="healthy"} 1"#,
        "hap_second_containers 3",
        r#"hap_isolation{state="lost"} 1"#,
        r#"hap_isolation{state="holds"} 0"#,
        "hap_isolation_losses_total 0",
        r#"hap_plugins{phase="crash_loop"} 1"#,
        r#"hap_plugin_healthy{plugin="light"} 1"#,
        r#"hap_plugin_healthy{plugin="lock"} 0"#,
        r#"hap_plugin_crash_looping{plugin="lock"} 1"#,
        r#"hap_plugin_restarts_total{plugin="light"} 2"#,
        r#"hap_plugin_failures_total{plugin="light",cause="exited"} 2"#,
        r#"hap_plugin_calls_total{plugin="light",call="command",outcome="ok"} 1"#,
        r#"hap_events_received_total{plugin="light"} 3"#,
        r#"hap_event_requests_refused_total{code="unauthorized"} 1"#,
        "hap_event_log_last 17",
        "hap_event_readers 2",
        "hap_event_reader_lag 9",
        r#"hap_probe_duration_seconds_bucket{le="0.0025",result="answered"} 1"#,
        r#"hap_engine_operation_duration_seconds_count{operation="start",outcome="done"} 1"#,
        r#"hap_plugin_call_duration_seconds_count{call="command"} 1"#,
    ] {
        assert!(
            text.lines()
                .any(|found| found == line || found == format!("{line}.0")),
            "{line} is not in\n{text}"
        );
    }
    assert!(text.ends_with("# EOF\n"));
    assert_eq!(text.matches("# EOF").count(), 1);
}

#[test]
fn a_plugin_that_is_gone_is_counted_no_more() {
    let metrics = Metrics::new();
    metrics.install(&id("light")).failures.add("exited");
    metrics.forget(&id("light"));
    assert!(metrics.plugin(&id("light")).is_none());
    assert!(!metrics.text(Scrape::default()).contains("light"));
    assert!(metrics.install(&id("light")).failures.all().is_empty());
}

#[test]
fn resources_are_told_only_when_they_were_sampled() {
    let metrics = Metrics::new();
    let light = id("light");
    let text = |metrics: &Metrics| {
        metrics.text(Scrape {
            plugins: vec![scrape(metrics, &light, Phase::Healthy)],
            ..Scrape::default()
        })
    };
    assert!(!text(&metrics).contains("hap_plugin_memory_bytes{"));
    let sample = crate::engine::stream::StatsSample {
        memory_bytes: 4096,
        cpu_time: Duration::from_millis(1500),
        ..Default::default()
    };
    metrics.install(&light).sampled(sample);
    let text = text(&metrics);
    assert!(
        text.contains(r#"hap_plugin_memory_bytes{plugin="light"} 4096"#),
        "{text}"
    );
    assert!(
        text.contains(r#"hap_plugin_cpu_seconds_total{plugin="light"} 1.5"#),
        "{text}"
    );
}
