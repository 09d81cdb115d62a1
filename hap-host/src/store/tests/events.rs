use std::time::Duration;

use super::*;
use crate::{error::ErrorKind, store::append::STATUS};

#[tokio::test]
async fn events_come_back_in_order_and_whole() {
    let folder = folder();
    let store = open(&folder).await;
    let sent = event("light", "1", "motion");
    let received = at(5) + Duration::from_micros(123_456);
    let appended = store
        .append_events(id("light"), vec![sent.clone()], received)
        .await
        .unwrap();
    assert_eq!(
        appended,
        [Appended {
            seq: 1,
            duplicate: false
        }]
    );
    append(&store, "lock", &["1", "2"]).await.unwrap();
    assert_eq!(store.last_seq(), 3);
    assert_eq!(store.oldest_seq().await.unwrap(), Some(1));

    let page = store.events_since(0, 1, &Filter::default()).await.unwrap();
    assert!(!page.end);
    let [Entry::Event(stored)] = &page.entries[..] else {
        panic!("one event expected")
    };
    assert_eq!(
        (stored.seq, stored.plugin.as_str(), stored.received),
        (1, "light", received)
    );
    assert_eq!(stored.event, sent);
    assert_eq!(read(&store, 0, 2, &Filter::default()).await, ["1", "1", "2"]);
    assert_eq!(read(&store, 2, 2, &Filter::default()).await, ["2"]);
    assert_eq!(read(&store, 0, 1, &of("lock")).await, ["1", "2"]);
    assert_eq!(read(&store, 0, 1, &of("nobody")).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_reader_may_want_only_some_types() {
    let folder = folder();
    let store = open(&folder).await;
    let kinds = ["status", "device.on", "device.off", "devices"];
    let events = kinds.iter().map(|kind| event("light", kind, kind)).collect();
    store.append_events(id("light"), events, at(0)).await.unwrap();
    let filter = Filter {
        type_prefix: "device.".to_owned(),
        ..Filter::default()
    };
    assert_eq!(read(&store, 0, 1, &filter).await, ["device.on", "device.off"]);
}

#[tokio::test]
async fn a_repeated_event_is_stored_once() {
    let folder = folder();
    let store = open(&folder).await;
    append(&store, "light", &["a", "b"]).await.unwrap();
    let again = append(&store, "light", &["b", "c", "c"]).await.unwrap();
    assert_eq!(
        again,
        [
            Appended {
                seq: 2,
                duplicate: true
            },
            Appended {
                seq: 3,
                duplicate: false
            },
            Appended {
                seq: 3,
                duplicate: true
            }
        ]
    );
    // Ids are a plugin's own: another may use the same.
    assert_eq!(
        append(&store, "lock", &["a"]).await.unwrap(),
        [Appended {
            seq: 4,
            duplicate: false
        }]
    );
    assert_eq!(
        read(&store, 0, 100, &Filter::default()).await,
        ["a", "b", "c", "a"]
    );
}

#[tokio::test]
async fn many_at_once_are_stored_each_in_one_piece() {
    let folder = folder();
    let store = open(&folder).await;
    let appends: Vec<_> = (0..300)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move {
                append(&store, "light", &[&format!("{n}-a"), &format!("{n}-b")])
                    .await
                    .unwrap()
            })
        })
        .collect();
    for append in appends {
        let appended = append.await.unwrap();
        assert_eq!(appended[0].seq + 1, appended[1].seq);
    }
    assert_eq!(store.last_seq(), 600);
    assert_eq!(read(&store, 0, 100, &Filter::default()).await.len(), 600);
}

#[tokio::test]
async fn the_last_seq_is_told_after_the_commit() {
    let folder = folder();
    let store = open(&folder).await;
    let mut log = store.log();
    let other = store.clone();
    let appending = tokio::spawn(async move { append(&other, "light", &["a"]).await });
    log.wait_beyond(0).await.unwrap();
    assert_eq!(log.last_seq(), 1);
    assert_eq!(read(&store, 0, 1, &Filter::default()).await, ["a"]);
    appending.await.unwrap().unwrap();
}

#[tokio::test]
async fn numbers_never_come_back_not_even_after_everything_is_gone() {
    let folder = folder();
    let retention = EventRetention::default().events(1).dedup_window(0);
    let store = open_with(&folder, retention.clone()).await;
    append(&store, "light", &["a", "b", "c"]).await.unwrap();
    let none_left = EventRetention::default().events(0).dedup_window(0);
    drop(store);
    let store = open_with(&folder, none_left).await;
    store.prune_events(at(0)).await.unwrap();
    assert_eq!(store.oldest_seq().await.unwrap(), None);
    assert_eq!(store.last_seq(), 3);
    assert_eq!(read(&store, 0, 10, &Filter::default()).await, ["missed 3"]);
    assert_eq!(read(&store, 2, 10, &Filter::default()).await, ["missed 1"]);
    assert_eq!(
        read(&store, 3, 10, &Filter::default()).await,
        Vec::<String>::new()
    );
    drop(store);
    let store = open_with(&folder, retention).await;
    assert_eq!(store.last_seq(), 3);
    assert_eq!(append(&store, "light", &["d"]).await.unwrap()[0].seq, 4);
}

#[tokio::test]
async fn retention_by_number_takes_the_oldest_and_a_reader_learns_how_many() {
    let folder = folder();
    let store = open_with(&folder, EventRetention::default().events(2)).await;
    append(&store, "light", &["a", "b", "c"]).await.unwrap();
    append(&store, "light", &["d", "e"]).await.unwrap();
    assert_eq!(
        read(&store, 0, 10, &Filter::default()).await,
        ["missed 3", "d", "e"]
    );
    assert_eq!(read(&store, 1, 10, &of("light")).await, ["missed 2", "d", "e"]);
    assert_eq!(store.oldest_seq().await.unwrap(), Some(4));
    // A forgotten event is still known when it is sent again.
    assert!(append(&store, "light", &["a"]).await.unwrap()[0].duplicate);
}

#[tokio::test]
async fn a_flooding_plugin_loses_its_own_events_and_nobody_elses() {
    let folder = folder();
    let store = open_with(&folder, EventRetention::default().events(2).dedup_window(1)).await;
    append(&store, "lock", &["precious"]).await.unwrap();
    for n in 0..10 {
        append(&store, "noisy", &[&n.to_string()]).await.unwrap();
    }
    assert_eq!(read(&store, 0, 3, &of("lock")).await, ["precious"]);
    assert_eq!(read(&store, 0, 100, &of("noisy")).await, ["missed 8", "8", "9"]);
    assert_eq!(
        read(&store, 0, 100, &Filter::default()).await,
        ["precious", "missed 8", "8", "9"]
    );
}

#[tokio::test]
async fn retention_by_size_counts_bytes() {
    let folder = folder();
    let store = open_with(&folder, EventRetention::default().bytes(10_000)).await;
    for n in 0..10 {
        let data = json!("x".repeat(3_000));
        let event = Event::new(&id("light"), n.to_string(), "motion", at(0), data);
        store
            .append_events(id("light"), vec![event], at(0))
            .await
            .unwrap();
    }
    assert_eq!(
        read(&store, 0, 100, &Filter::default()).await,
        ["missed 7", "7", "8", "9"]
    );
}

#[tokio::test]
async fn retention_by_age_goes_in_steps_and_erases_ids_after_two_days() {
    let folder = folder();
    let hour = 60 * 60;
    let age = Duration::from_secs(3600);
    let store = open_with(&folder, EventRetention::default().age(age)).await;
    let old: Vec<_> = (0..2500)
        .map(|n| event("light", &n.to_string(), "motion"))
        .collect();
    store.append_events(id("light"), old, at(0)).await.unwrap();
    store
        .append_events(id("light"), vec![event("light", "young", "motion")], at(hour))
        .await
        .unwrap();

    let pruned = store.prune_events(at(hour + 1)).await.unwrap();
    assert_eq!((pruned.forgotten, pruned.erased), (2500, 0));
    assert_eq!(
        read(&store, 0, 5000, &Filter::default()).await,
        ["missed 2500", "young"]
    );
    assert!(append(&store, "light", &["17"]).await.unwrap()[0].duplicate);

    let pruned = store.prune_events(at(48 * hour + 1)).await.unwrap();
    assert_eq!((pruned.forgotten, pruned.erased), (1, 2500));
    assert!(!append(&store, "light", &["17"]).await.unwrap()[0].duplicate);
    assert!(append(&store, "light", &["young"]).await.unwrap()[0].duplicate);
}

#[tokio::test]
async fn a_clock_that_jumped_does_not_put_stages_out_of_order() {
    let folder = folder();
    let store = open_with(&folder, EventRetention::default().age(Duration::from_secs(10))).await;
    for (name, second) in [("future", 1000), ("past", -1000), ("now", 0)] {
        store
            .append_events(id("light"), vec![event("light", name, "motion")], at(second))
            .await
            .unwrap();
    }
    store.prune_events(at(5)).await.unwrap();
    assert_eq!(
        read(&store, 0, 100, &Filter::default()).await,
        ["future", "past", "now"]
    );
    store.prune_events(at(1011)).await.unwrap();
    assert_eq!(read(&store, 0, 100, &Filter::default()).await, ["missed 3"]);
}

#[tokio::test]
async fn the_last_status_outlives_retention_but_not_its_plugin() {
    let folder = folder();
    let store = open_with(&folder, EventRetention::default().events(1).dedup_window(0)).await;
    store.put_plugin(&record("light")).await.unwrap();
    assert_eq!(store.last_status(&id("light")).await.unwrap(), None);
    let events = vec![
        event("light", "1", STATUS),
        event("light", "2", STATUS),
        event("light", "3", "motion"),
    ];
    store.append_events(id("light"), events, at(7)).await.unwrap();
    append(&store, "light", &["4", "5"]).await.unwrap();
    drop(store);
    let store = open(&folder).await;
    let status = store.last_status(&id("light")).await.unwrap().unwrap();
    assert_eq!(
        (status.seq, status.event.id.as_str(), status.received),
        (2, "2", at(7))
    );
    store.remove_plugin(&id("light")).await.unwrap();
    assert_eq!(store.last_status(&id("light")).await.unwrap(), None);
}

#[tokio::test]
async fn a_removed_plugin_leaves_its_unread_events_and_no_memory_of_ids() {
    let folder = folder();
    let store = open(&folder).await;
    append(&store, "light", &["1", "2"]).await.unwrap();
    store.remove_plugin(&id("light")).await.unwrap();
    assert!(!append(&store, "light", &["1"]).await.unwrap()[0].duplicate);
    assert_eq!(read(&store, 0, 100, &of("light")).await, ["1", "2", "1"]);
}

#[tokio::test]
async fn a_cursor_of_another_store_is_an_error_and_not_a_silence() {
    let folder = folder();
    let store = open(&folder).await;
    append(&store, "light", &["1"]).await.unwrap();
    let error = store.events_since(500, 10, &Filter::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("500"), "{error}");
}

#[tokio::test]
async fn an_unreadable_event_counts_as_missed() {
    let folder = folder();
    let store = open(&folder).await;
    append(&store, "light", &["1", "2", "3"]).await.unwrap();
    rusqlite::Connection::open(folder.path().join("hap.db"))
        .unwrap()
        .execute("UPDATE events SET body = '{' WHERE seq = 2", [])
        .unwrap();
    assert_eq!(
        read(&store, 0, 100, &Filter::default()).await,
        ["1", "missed 1", "3"]
    );
}

#[tokio::test]
async fn a_page_is_bounded_in_bytes() {
    let folder = folder();
    let store = open_with(&folder, EventRetention::default()).await;
    for n in 0..10 {
        let event = Event::new(
            &id("light"),
            n.to_string(),
            "x",
            at(0),
            json!("x".repeat(1 << 20)),
        );
        store
            .append_events(id("light"), vec![event], at(0))
            .await
            .unwrap();
    }
    let page = store.events_since(0, 100, &Filter::default()).await.unwrap();
    assert_eq!(page.entries.len(), 4);
    assert_eq!(read(&store, 0, 100, &Filter::default()).await.len(), 10);
}

#[tokio::test(start_paused = true)]
async fn time_stands_still_while_the_disk_works() {
    let folder = folder();
    let store = open(&folder).await;
    let before = tokio::time::Instant::now();
    for n in 0..50 {
        append(&store, "light", &[&n.to_string()]).await.unwrap();
    }
    assert_eq!(before.elapsed(), Duration::ZERO);
}

#[tokio::test]
async fn bounds_that_became_much_narrower_are_reached_in_steps() {
    let folder = folder();
    let store = open(&folder).await;
    for plugin in ["light", "lock"] {
        for n in 0..5 {
            let events = (0..1000)
                .map(|m| event(plugin, &format!("{n}-{m}"), "motion"))
                .collect();
            store.append_events(id(plugin), events, at(0)).await.unwrap();
        }
    }
    drop(store);
    let store = open_with(&folder, EventRetention::default().events(10).dedup_window(10)).await;
    append(&store, "light", &["one-more"]).await.unwrap();
    let page = store.events_since(0, 1, &of("light")).await.unwrap();
    assert!(
        matches!(page.entries[..], [Entry::Missed { .. }]),
        "one append takes a part: {page:?}"
    );
    let pruned = store.prune_events(at(0)).await.unwrap();
    assert_eq!(pruned.forgotten, 10_001 - 20 - 2);
    for plugin in ["light", "lock"] {
        let found = read(&store, 0, 100, &of(plugin)).await;
        assert_eq!(found.len(), 11, "{found:?}");
    }
}

#[tokio::test]
async fn an_append_removes_little_more_than_it_brings_and_still_keeps_the_bound_by_size() {
    let folder = folder();
    let store = open(&folder).await;
    let events = (0..2000).map(|n| event("light", &n.to_string(), "motion"));
    for part in events.collect::<Vec<_>>().chunks(500) {
        store
            .append_events(id("light"), part.to_vec(), at(0))
            .await
            .unwrap();
    }
    drop(store);
    let retention = EventRetention::default().events(10).bytes(1 << 20);
    let store = open_with(&folder, retention.clone()).await;
    let kept = async |store: &Store| {
        let all = read(store, 0, 5000, &of("light")).await;
        all.iter().filter(|one| !one.starts_with("missed")).count()
    };
    append(&store, "light", &["a", "b", "c", "d"]).await.unwrap();
    assert_eq!(kept(&store).await, 2004 - 6);
    store.prune_events(at(0)).await.unwrap();
    assert_eq!(kept(&store).await, 10);
    // One that takes nearly all of the room takes the place of all.
    let mut large = event("light", "large", "motion");
    large.data = json!("x".repeat((1 << 20) - 1000));
    store
        .append_events(id("light"), vec![large], at(0))
        .await
        .unwrap();
    assert!(kept(&store).await < 9);
}

#[tokio::test]
async fn the_file_gives_back_what_retention_freed() {
    let folder = folder();
    let store = open(&folder).await;
    for n in 0..20 {
        let events = (0..500).map(|m| {
            let mut event = event("light", &format!("{n}-{m}"), "motion");
            event.data = json!("x".repeat(1000));
            event
        });
        store
            .append_events(id("light"), events.collect(), at(0))
            .await
            .unwrap();
    }
    drop(store);
    let store = open_with(&folder, EventRetention::default().events(3000).dedup_window(100)).await;
    store.prune_events(at(0)).await.unwrap();
    assert_eq!(read(&store, 0, 9000, &of("light")).await.len(), 3001);
    let taken: u64 = std::fs::read_dir(&folder)
        .unwrap()
        .map(|file| file.unwrap().metadata().unwrap().len())
        .sum();
    assert!(taken < 2 * 3000 * 1000, "{taken} bytes for three million");
}
