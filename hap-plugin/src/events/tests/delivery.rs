use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::events::error::EmitError;
use crate::events::outbox::Outbox;
use crate::events::queue::Queue;
use crate::events::sender::Sender;
use crate::events::store::Store;
use crate::events::transport::{Answer, Message, Transport};
use crate::telemetry::{Capture, Metrics, Redactor};

/// Answers by script, then accepts; remembers when it was asked and what it accepted.
#[derive(Clone)]
struct Script(Arc<Mutex<State>>);

struct State {
    begun: Instant,
    answers: VecDeque<Answer>,
    refuse: Option<&'static str>,
    attempts: Vec<(Duration, String, usize)>,
    accepted: Vec<usize>,
}

impl Script {
    fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self(Arc::new(Mutex::new(State {
            begun: Instant::now(),
            answers: answers.into_iter().collect(),
            refuse: None,
            attempts: Vec::new(),
            accepted: Vec::new(),
        })))
    }

    fn attempts(&self) -> Vec<(Duration, String, usize)> {
        self.0.lock().unwrap().attempts.clone()
    }

    fn accepted(&self) -> Vec<usize> {
        self.0.lock().unwrap().accepted.clone()
    }
}

impl Transport for Script {
    async fn post(&mut self, message: &Message) -> Answer {
        let mut state = self.0.lock().unwrap();
        let at = state.begun.elapsed();
        state.attempts.push((at, message.id.clone(), message.events));
        if state.refuse.is_some_and(|bad| message.text().contains(bad)) {
            return Answer::Refused(StatusCode::BAD_REQUEST);
        }
        let answer = state.answers.pop_front().unwrap_or(Answer::Accepted);
        if answer == Answer::Accepted {
            state.accepted.push(message.events);
        }
        answer
    }
}

fn later() -> Answer {
    Answer::Later {
        reason: "down".to_owned(),
        after: None,
    }
}

struct Running {
    outbox: Outbox,
    metrics: Arc<Metrics>,
    flush: CancellationToken,
    sender: JoinHandle<()>,
}

fn start(script: &Script, room: usize) -> Running {
    let metrics = Arc::new(Metrics::default());
    let store = Store::Memory(Queue::new(room, 1 << 24));
    let (outbox, _) = Outbox::spawn(store, Arc::clone(&metrics), CancellationToken::new());
    let flush = CancellationToken::new();
    let sender = Sender::new(
        outbox.clone(),
        script.clone(),
        flush.clone(),
        Arc::clone(&metrics),
    );
    Running {
        outbox,
        metrics,
        flush,
        sender: tokio::spawn(sender.run()),
    }
}

impl Running {
    async fn emit(&self, id: &str) {
        self.outbox
            .append(Bytes::from(format!("{{\"id\":{id:?}}}")))
            .await
            .unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_is_tried_again_at_growing_intervals_under_one_id() {
    let script = Script::new((0..7).map(|_| later()));
    let running = start(&script, 10);
    running.emit("a").await;
    sleep(Duration::from_secs(3 * 3600)).await;
    let attempts = script.attempts();
    assert_eq!(attempts.len(), 8);
    assert!(
        attempts
            .iter()
            .all(|(_, id, events)| (id.as_str(), *events) == ("a", 1))
    );
    let waits = attempts
        .windows(2)
        .map(|pair| (pair[1].0 - pair[0].0).as_secs_f64());
    for (wait, expected) in waits.zip([1.0, 5.0, 30.0, 120.0, 600.0, 1800.0, 1800.0]) {
        assert!(
            (expected * 0.79..=expected * 1.21).contains(&wait),
            "{wait} for {expected}"
        );
    }
    assert_eq!(running.metrics.pending(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_gathers_during_an_outage_goes_in_batches_and_in_order() {
    let script = Script::new([later()]);
    let running = start(&script, 2000);
    running.emit("first").await;
    tokio::task::yield_now().await;
    for n in 0..1200 {
        running.emit(&n.to_string()).await;
    }
    sleep(Duration::from_secs(10)).await;
    let accepted = script.accepted();
    assert_eq!(accepted.iter().sum::<usize>(), 1201);
    assert!(accepted.len() <= 5 && accepted.contains(&500), "{accepted:?}");
}

#[tokio::test(start_paused = true)]
async fn the_platform_may_ask_for_patience() {
    let asked = Answer::Later {
        reason: "busy".to_owned(),
        after: Some(Duration::from_secs(90)),
    };
    let script = Script::new([asked]);
    let running = start(&script, 10);
    running.emit("a").await;
    sleep(Duration::from_secs(89)).await;
    assert_eq!(script.attempts().len(), 1);
    sleep(Duration::from_secs(2)).await;
    assert_eq!(script.accepted(), [1]);
}

#[tokio::test(start_paused = true)]
async fn one_bad_event_costs_only_itself() {
    let script = Script::new([later()]);
    script.0.lock().unwrap().refuse = Some("bad");
    let running = start(&script, 100);
    running.emit("0").await;
    tokio::task::yield_now().await;
    for id in ["1", "2", "bad", "3", "4"] {
        running.emit(id).await;
    }
    sleep(Duration::from_secs(60)).await;
    assert_eq!(script.accepted().iter().sum::<usize>(), 5);
    assert_eq!(running.metrics.pending(), 0);
    let text = running.metrics.text();
    assert!(
        text.contains("hap_events_dropped_total{reason=\"refused\"} 1"),
        "{text}"
    );
    assert!(text.contains("hap_events_delivered_total 5"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_full_outbox_refuses_and_counts() {
    let script = Script::new((0..100).map(|_| later()));
    let running = start(&script, 3);
    for id in ["1", "2", "3"] {
        running.emit(id).await;
    }
    let refused = running.outbox.append(Bytes::from_static(b"{}")).await;
    assert!(
        matches!(refused, Err(EmitError::Full { pending: 3 })),
        "{refused:?}"
    );
    let text = running.metrics.text();
    assert!(
        text.contains("hap_events_dropped_total{reason=\"full\"} 1"),
        "{text}"
    );
    assert!(text.contains("hap_events_pending 3"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_flush_does_not_wait_for_the_next_attempt() {
    let script = Script::new((0..5).map(|_| later()));
    let running = start(&script, 10);
    running.emit("a").await;
    sleep(Duration::from_secs(37)).await;
    let attempts = script.attempts().len();
    assert!((3..=4).contains(&attempts), "{attempts}");
    let begun = Instant::now();
    running.flush.cancel();
    running.sender.await.unwrap();
    assert_eq!(script.accepted(), [1]);
    assert!(begun.elapsed() <= Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn events_that_come_faster_than_they_are_stored_are_refused_counted_and_logged() {
    let capture = Capture::default();
    let _log = tracing::subscriber::set_default(capture.subscriber(&Redactor::default()));
    let script = Script::new([]);
    let running = start(&script, 1000);
    let hand_over = |n: usize| {
        let record = Bytes::from(format!("{{\"id\":\"{n}\"}}"));
        running.outbox.try_append(record)
    };
    // Nothing else runs meanwhile.
    let refused = (0..300).filter(|n| hand_over(*n).is_err()).count();
    assert_eq!(refused, 300 - 256);
    assert!(matches!(hand_over(300), Err(EmitError::Full { pending: 256 })));
    let text = running.metrics.text();
    for line in [
        "hap_events_pending 256",
        "hap_events_dropped_total{reason=\"full\"} 45",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
    }

    running.flush.cancel();
    running.sender.await.unwrap();
    assert_eq!(script.accepted().iter().sum::<usize>(), 256);
    assert_eq!(running.metrics.pending(), 0);
    let lines = capture.lines();
    let logged = lines.iter().find(|line| line["message"] == "events are refused");
    assert_eq!(logged.unwrap()["refused"], 45, "{lines:?}");
}
