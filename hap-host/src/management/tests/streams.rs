//! What happens, as it happens.

use std::time::SystemTime;

use hap_manifest::rfc3339;

use super::*;
use crate::{engine::stream::LogSource, supervisor::options::ShutdownMode};

/// Puts an event of a plugin on the disk, as the listener does.
pub(super) async fn store(bed: &Bed, plugin: &PluginId, kind: &str, data: &Value) {
    let now = SystemTime::now();
    let id = uuid::Uuid::now_v7().to_string();
    let event = hap_manifest::wire::Event::new(plugin, id, kind, now, data.clone());
    let store = &bed.supervisor.0.shared.store;
    store
        .append_events(plugin.clone(), vec![event], now)
        .await
        .unwrap();
}

#[tokio::test]
async fn what_happens_to_plugins_is_told_to_whoever_listens() {
    let bed = Bed::new().await;
    let mut all = bed.follow("/v1/events", &[]).await;
    let mut of_scene = bed.follow("/v1/events?plugin=scene", &[]).await;
    let light = bed.installed("light").await;
    let item = all.expect("event").await;
    assert_eq!(
        (&item.data["plugin"], &item.data["kind"]),
        (&json!("light"), &json!("installed"))
    );
    light.start().await.unwrap();
    loop {
        let item = all.expect("event").await;
        check_schema(
            &json!({"$ref": "#/components/schemas/SupervisorEvent"}),
            &item.data,
        );
        if item.data["to"] == "healthy" {
            break;
        }
    }
    bed.installed("scene").await;
    let item = of_scene.expect("event").await;
    assert_eq!(item.data["plugin"], "scene");
}

#[tokio::test]
async fn a_slow_reader_is_told_how_much_it_missed() {
    let bed = Bed::new().await;
    let light = bed.installed("light").await;
    let mut items = bed.follow("/v1/events", &[]).await;
    let events = &bed.supervisor.0.shared.events;
    // Nothing else runs meanwhile: what the stream's own queue cannot take is lost.
    for _ in 0..5_000 {
        let kind = crate::model::event::EventKind::Phase {
            from: Phase::Starting,
            to: Phase::Healthy,
        };
        events
            .send(crate::model::event::Event::now(light.id().clone(), kind))
            .unwrap();
    }
    let (mut missed, mut seen) = (0, 0);
    while missed + seen < 5_000 {
        let item = items.next().await.unwrap();
        match item.event.as_str() {
            "missed" => missed += item.data["count"].as_u64().unwrap(),
            "event" => seen += 1,
            other => panic!("{other}"),
        }
    }
    assert!(missed > 0 && seen > 0, "{missed} {seen}");
}

#[tokio::test]
async fn output_is_followed_and_gone_on_with_where_the_reader_was() {
    let bed = Bed::new().await;
    let light = bed.secretive().await;
    let path = "/v1/plugins/light/logs/stream";
    let mut waiting = bed.follow(path, &[]).await;
    light.start().await.unwrap();
    bed.engine.print(light.id(), LogSource::Stdout, "one");
    assert_eq!(waiting.expect("line").await.data["text"], "one");
    drop(waiting);
    bed.engine.print(light.id(), LogSource::Stdout, "two is hunter2");
    let mut items = bed.follow(&format!("{path}?tail=1"), &[]).await;
    let two = items.expect("line").await;
    check_schema(&json!({"$ref": "#/components/schemas/LogLine"}), &two.data);
    assert_eq!(two.data["text"], "two is [REDACTED]");
    bed.engine.print(light.id(), LogSource::Stderr, "three");
    let three = items.expect("line").await;
    assert_eq!(
        (&three.data["text"], &three.data["source"]),
        (&json!("three"), &json!("stderr"))
    );
    drop(items);

    bed.engine.print(light.id(), LogSource::Stdout, "four");
    let id = two.id.unwrap();
    let mut items = bed.follow(path, &[("last-event-id", &id)]).await;
    assert_eq!(items.expect("line").await.data["text"], "three");
    assert_eq!(items.expect("line").await.data["text"], "four");
    light.stop().await.unwrap();
    light.start().await.unwrap();
    let marker = items.expect("line").await;
    assert_eq!((&marker.data["source"], marker.id), (&json!("host"), None));
    check_schema(&json!({"$ref": "#/components/schemas/LogLine"}), &marker.data);
    bed.engine.print(light.id(), LogSource::Stdout, "five");
    assert_eq!(items.expect("line").await.data["text"], "five");

    let answer = bed
        .send("GET", path, &[("last-event-id", "7")], Body::empty())
        .await;
    assert_eq!(answer.refused(400), "invalid_parameter");
}

/// The clock was set back since the reader had its last line: all that came after is older than that.
#[tokio::test]
async fn a_reader_that_comes_again_after_the_clock_was_set_back_misses_nothing() {
    let bed = Bed::new().await;
    let light = bed.installed("light").await;
    light.start().await.unwrap();
    bed.engine.print(light.id(), LogSource::Stdout, "one");
    let path = "/v1/plugins/light/logs/stream";
    let id = rfc3339::format(SystemTime::now() + Duration::from_secs(3600)).unwrap();
    let mut items = bed.follow(path, &[("last-event-id", &id)]).await;
    assert_eq!(items.expect("line").await.data["text"], "one");
    bed.engine.print(light.id(), LogSource::Stdout, "two");
    assert_eq!(items.expect("line").await.data["text"], "two");
}

#[tokio::test]
async fn a_stream_that_ends_before_its_reader_has_read_it_says_so_after_the_last_item() {
    let bed = Bed::new().await;
    let light = bed.installed("light").await;
    light.start().await.unwrap();
    for number in 0..100 {
        bed.engine
            .print(light.id(), LogSource::Stdout, &format!("line {number}"));
    }
    light.stop().await.unwrap();
    let mut items = bed.follow("/v1/plugins/light/logs/stream?tail=100", &[]).await;
    for number in 0..100 {
        assert_eq!(items.expect("line").await.data["text"], format!("line {number}"));
        if number == 0 {
            light.uninstall().await.unwrap();
        }
    }
    assert_eq!(items.expect("end").await.data["reason"], "no_more");
}

#[tokio::test]
async fn what_plugins_send_is_read_live_and_from_where_the_reader_was() {
    let bed = Bed::new().await;
    let (light, meter) = (bed.installed("light").await, bed.installed("meter").await);
    let mut live = bed.follow("/v1/plugin-events?type_prefix=device.", &[]).await;
    store(&bed, light.id(), "device.on", &json!({"n": 1})).await;
    store(&bed, light.id(), "status", &json!({"n": 2})).await;
    store(&bed, meter.id(), "device.read", &json!({"n": 3})).await;
    let first = live.expect("event").await;
    check_schema(&json!({"$ref": "#/components/schemas/PluginEvent"}), &first.data);
    assert_eq!(first.data["event"]["data"]["n"], 1);
    assert_eq!(first.id.as_deref(), first.data["cursor"].as_str());
    assert_eq!(live.expect("event").await.data["event"]["data"]["n"], 3);

    let mut all = bed.follow("/v1/plugin-events?after=0&plugin=light", &[]).await;
    assert_eq!(all.expect("event").await.data["event"]["type"], "device.on");
    assert_eq!(all.expect("event").await.data["event"]["type"], "status");
    // Who comes again says more than the query with which it came first.
    let id = first.id.unwrap();
    let mut rest = bed
        .follow("/v1/plugin-events?after=0", &[("last-event-id", &id)])
        .await;
    assert_eq!(rest.expect("event").await.data["event"]["type"], "status");

    for (path, status, code) in [
        ("/v1/plugin-events?after=99", 422, "invalid_input"),
        ("/v1/plugin-events?after=x", 400, "invalid_parameter"),
        ("/v1/plugin-events?plugin=Not%20one", 400, "invalid_parameter"),
        ("/v1/events?plugin=Not%20one", 400, "invalid_parameter"),
    ] {
        assert_eq!(bed.get(path).await.refused(status), code, "{path}");
    }
}

#[tokio::test]
async fn streams_are_bounded_and_one_that_is_closed_makes_room() {
    let bed = Bed::new().await;
    let most = bed.streams.free();
    let mut open = Vec::new();
    for _ in 0..most {
        open.push(bed.follow("/v1/events", &[]).await);
    }
    let answer = bed.get("/v1/events").await;
    assert_eq!(answer.refused(429), "too_many_streams");
    assert!(answer.error().contains("64") && answer.headers.contains_key(header::RETRY_AFTER));
    open.pop();
    let freed = async {
        while bed.streams.free() == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, freed).await.unwrap();
    bed.follow("/v1/events", &[]).await;
}

#[tokio::test]
async fn streams_end_when_the_supervisor_does() {
    let bed = Bed::new().await;
    let light = bed.installed("light").await;
    light.start().await.unwrap();
    let mut open = Vec::new();
    for path in ["/v1/events", "/v1/plugin-events", "/v1/plugins/light/logs/stream"] {
        open.push(bed.follow(path, &[]).await);
    }
    bed.supervisor.shutdown(ShutdownMode::LeaveRunning).await.unwrap();
    for mut items in open {
        let last = loop {
            let item = items.next().await.unwrap();
            if item.event == "end" {
                break item;
            }
        };
        assert_eq!(last.data["reason"], "shutting_down");
        assert!(items.next().await.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_takes_nothing_loses_its_place() {
    let bed = Bed::new().await;
    let light = bed.installed("light").await;
    let most = bed.streams.free();
    let stuck = bed.follow("/v1/events", &[]).await;
    for _ in 0..100 {
        let kind = crate::model::event::EventKind::CrashLoopLeft;
        bed.supervisor
            .0
            .shared
            .events
            .send(crate::model::event::Event::now(light.id().clone(), kind))
            .unwrap();
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(bed.streams.free(), most - 1);
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(bed.streams.free(), most);
    drop(stuck);
}
