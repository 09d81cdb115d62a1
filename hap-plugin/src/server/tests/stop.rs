use tokio::time::Instant;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_running_commands_and_then_says_goodbye() {
    let lamp = Running::start(settings()).await;
    let running = tokio::spawn(
        lamp.router
            .clone()
            .oneshot(post("/command", r#"{"command":"wait","params":{"ms":2000}}"#)),
    );
    lamp.lamp.0.started.notified().await;
    let begun = Instant::now();
    lamp.service.stop(true).await;
    assert_eq!(begun.elapsed().as_millis(), 2000);
    assert_eq!(running.await.unwrap().unwrap().status(), 200);
    assert_eq!(lamp.lamp.0.stopped.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_take_longer_than_its_budget() {
    let lamp = Running::start(settings()).await;
    let running = tokio::spawn(
        lamp.router
            .clone()
            .oneshot(post("/command", r#"{"command":"until_go"}"#)),
    );
    lamp.lamp.0.started.notified().await;
    lamp.service.cx.spawn("stubborn", std::future::pending());
    let begun = Instant::now();
    lamp.service.stop(true).await;
    assert!(begun.elapsed() <= Duration::from_secs(8), "{:?}", begun.elapsed());
    // The command that was cut off is answered all the same.
    assert_eq!(running.await.unwrap().unwrap().status(), 503);
    assert_eq!(lamp.lamp.0.stopped.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn background_tasks_are_told_to_end() {
    let lamp = Running::start(settings()).await;
    let token = lamp.service.cx.shutdown_token();
    let ended = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&ended);
    lamp.service.cx.spawn("obedient", async move {
        token.cancelled().await;
        count.fetch_add(1, Ordering::SeqCst);
    });
    lamp.service
        .cx
        .spawn("broken", async { panic!("a task may fail") });
    lamp.service.stop(true).await;
    assert_eq!(ended.load(Ordering::SeqCst), 1);
}
