use std::time::Duration;

use futures_util::StreamExt as _;

use super::*;
use crate::error::ErrorKind;

async fn quiet(events: &mut PluginEvents) {
    let next = tokio::time::timeout(Duration::from_secs(60), events.next()).await;
    assert!(next.is_err(), "nothing was expected: {next:?}");
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_gets_what_comes_and_nothing_from_before() {
    let bench = Bench::new().await;
    bench.post(r#"{"type":"a","id":"before"}"#).await.accepted(1, 0);
    let mut events = bench.inbox.subscribe(SubscribeOptions::default());
    quiet(&mut events).await;
    bench
        .post(r#"[{"type":"a","id":"1"},{"type":"a","id":"2"}]"#)
        .await
        .accepted(2, 0);
    assert_eq!(items(&mut events, 2).await, ["1", "2"]);
    quiet(&mut events).await;
}

#[tokio::test(start_paused = true)]
async fn a_reader_goes_on_where_it_was() {
    let bench = Bench::new().await;
    for n in 0..5 {
        bench
            .post(json!({"type": "a", "id": n.to_string()}).to_string())
            .await
            .accepted(1, 0);
    }
    let mut events = bench.all();
    assert_eq!(items(&mut events, 2).await, ["0", "1"]);
    let third = events.next().await.unwrap().unwrap();
    let saved: Cursor = third.cursor().to_string().parse().unwrap();
    drop(events);
    let mut events = bench.inbox.subscribe(SubscribeOptions::default().after(saved));
    assert_eq!(items(&mut events, 2).await, ["3", "4"]);
    quiet(&mut events).await;
}

#[tokio::test(start_paused = true)]
async fn a_reader_may_want_one_plugin_and_one_kind() {
    let bench = Bench::new().await;
    let batch = |of: &str| json!([{"type": "door.open", "id": format!("{of}-1")}, {"type": "status", "id": format!("{of}-2")}]);
    bench
        .send(by_token("light", 1, batch("light").to_string()))
        .await
        .accepted(2, 0);
    bench
        .send(by_token("lock", 2, batch("lock").to_string()))
        .await
        .accepted(2, 0);
    let all = SubscribeOptions::default().after(Cursor::START);
    let mut of_lock = bench.inbox.subscribe(all.clone().plugin(id("lock")));
    assert_eq!(items(&mut of_lock, 2).await, ["lock-1", "lock-2"]);
    quiet(&mut of_lock).await;
    let mut doors = bench.inbox.subscribe(all.clone().type_prefix("door."));
    assert_eq!(items(&mut doors, 2).await, ["light-1", "lock-1"]);
    quiet(&mut doors).await;
    let mut both = bench.inbox.subscribe(all.plugin(id("light")).type_prefix("stat"));
    assert_eq!(items(&mut both, 1).await, ["light-2"]);
    quiet(&mut both).await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_loses_nothing_and_a_dropped_wait_neither() {
    let bench = Bench::with(EventRetention::default(), rate(1_000_000, 1_000_000)).await;
    let mut events = bench.all();
    quiet(&mut events).await;
    for n in 0..10 {
        let batch: Vec<_> = (0..100)
            .map(|m| json!({"type": "a", "id": (n * 100 + m).to_string()}))
            .collect();
        bench.post(json!(batch).to_string()).await.accepted(100, 0);
        // Given up as soon as it is begun.
        let _ = futures_util::FutureExt::now_or_never(events.next());
    }
    // At most those that the abandoned calls handed out are not seen here.
    let rest: Vec<_> = items(&mut bench.all(), 1000).await;
    let wanted: Vec<_> = (0..1000).map(|n| n.to_string()).collect();
    assert_eq!(rest, wanted);
}

#[tokio::test(start_paused = true)]
async fn a_gap_is_told_once_with_its_size() {
    let retention = EventRetention::default().events(3).dedup_window(1000);
    let bench = Bench::with(retention, rate(1_000_000, 1_000_000)).await;
    for n in 0..10 {
        let batch: Vec<_> = (0..100)
            .map(|m| json!({"type": "a", "id": (n * 100 + m).to_string()}))
            .collect();
        bench.post(json!(batch).to_string()).await.accepted(100, 0);
    }
    // The gap is longer than a page.
    let mut events = bench.all();
    let Delivery::Missed { count, through } = events.next().await.unwrap().unwrap() else {
        panic!()
    };
    assert_eq!((count, through), (997, Cursor::new(997)));
    assert_eq!(items(&mut events, 3).await, ["997", "998", "999"]);
    quiet(&mut events).await;
    let mut events = bench.inbox.subscribe(SubscribeOptions::default().after(through));
    assert_eq!(items(&mut events, 1).await, ["997"]);
}

#[tokio::test]
async fn a_cursor_of_another_store_is_told_and_ends_the_stream() {
    let bench = Bench::new().await;
    let mut events = bench
        .inbox
        .subscribe(SubscribeOptions::default().after(Cursor::new(99)));
    assert_eq!(
        events.next().await.unwrap().unwrap_err().kind(),
        ErrorKind::InvalidInput
    );
    assert!(events.next().await.is_none());
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn a_stream_ends_with_the_store_and_does_not_keep_it() {
    let bench = Bench::new().await;
    let mut events = bench.all();
    let mut waiting = bench.all();
    let waiting = tokio::spawn(async move { waiting.next().await.is_none() });
    bench.post(MOTION).await.accepted(1, 0);
    assert_eq!(items(&mut events, 1).await, ["1"]);
    let waited = tokio::spawn(async move { events.next().await.is_none() });
    tokio::task::yield_now().await;

    let Bench {
        _folder: folder,
        store,
        credentials,
        inbox,
    } = bench;
    drop((store, credentials, inbox));
    assert!(waited.await.unwrap());
    drop(waiting);
    Store::open(folder.path().to_path_buf()).await.unwrap();
}

#[tokio::test]
async fn it_is_a_stream() {
    let bench = Bench::new().await;
    bench.post(MOTION).await.accepted(1, 0);
    let mut events = bench.all();
    assert!(matches!(
        events.by_ref().next().await,
        Some(Ok(Delivery::Event(_)))
    ));
    fn assert_send<T: Send + 'static>(_: &T) {}
    assert_send(&events);
}

#[tokio::test(start_paused = true)]
async fn what_is_too_old_goes_while_the_inbox_is_maintained() {
    let bench = Bench::with(
        EventRetention::default().age(Duration::ZERO),
        EventRateLimit::default(),
    )
    .await;
    bench.post(MOTION).await.accepted(1, 0);
    let cancel = tokio_util::sync::CancellationToken::new();
    let (inbox, token) = (bench.inbox.clone(), cancel.clone());
    let maintaining = tokio::spawn(async move { inbox.maintain(token).await });
    while bench.store.oldest_seq().await.unwrap().is_some() {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(items(&mut bench.all(), 1).await, ["missed 1"]);
    cancel.cancel();
    maintaining.await.unwrap();
}

/// One time of removal by age, in the way of a host that starts.
async fn maintained_once(bench: &Bench) {
    let cancel = tokio_util::sync::CancellationToken::new();
    let (inbox, token) = (bench.inbox.clone(), cancel.clone());
    let maintaining = tokio::spawn(async move { inbox.maintain(token).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    cancel.cancel();
    maintaining.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_jump_of_the_clock_that_the_host_before_saw_removes_nothing() {
    const AGE: Duration = Duration::from_secs(2);
    let bench = Bench::with(EventRetention::default().age(AGE), EventRateLimit::default()).await;
    bench.post(MOTION).await.accepted(1, 0);
    // Time that the machine's clock counts, which is not the paused one.
    tokio::task::spawn_blocking(|| {
        #[expect(clippy::disallowed_methods, reason = "it is a thread of its own")]
        std::thread::sleep(AGE + Duration::from_millis(100));
    })
    .await
    .unwrap();
    let wall = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let jump = format!("86400 2 {wall}");
    bench.store.set_meta("events.clock_jump", &jump).await.unwrap();
    maintained_once(&bench).await;
    assert_eq!(items(&mut bench.all(), 1).await.len(), 1);
    assert!(
        bench.store.oldest_seq().await.unwrap().is_some(),
        "it was removed"
    );
    bench.store.set_meta("events.clock_jump", "").await.unwrap();
    maintained_once(&bench).await;
    assert_eq!(
        bench.store.oldest_seq().await.unwrap(),
        None,
        "the clock counts again"
    );
}
