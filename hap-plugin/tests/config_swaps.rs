//! Commands amid changes of the configuration: each sees one whole configuration, and nothing is left over.
//!
//! In a program of its own, whose heap is counted.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail as the tests do"
)]

use std::alloc::System;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use cap::Cap;
use hap_plugin::{Context, NoStatus, Plugin, Reply, Result, Secret, Settings, wire::CommandRequest};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tower::ServiceExt as _;

#[global_allocator]
static HEAP: Cap<System> = Cap::new(System, usize::MAX);

const COMMANDS: usize = 1000;
const CHANGES: usize = 100;
/// Rounds in which pools and tables grow to their size.
const FIRST_ROUNDS: usize = 2;
const ROUNDS: usize = 8;
const DEADLINE: Duration = Duration::from_secs(60);

/// Its parts change together, and one of them is secret.
#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Config {
    left: usize,
    filling: Vec<usize>,
    secret: Secret<String>,
    right: usize,
}

impl Config {
    fn json(number: usize) -> Value {
        json!({
            "left": number,
            "filling": vec![number; 200],
            "secret": format!("secret number {number}"),
            "right": number,
        })
    }

    /// The number that all parts agree on.
    fn number(&self) -> Option<usize> {
        let whole = self.left == self.right
            && self.filling.iter().all(|number| *number == self.left)
            && *self.secret.expose() == format!("secret number {}", self.left);
        whole.then_some(self.left)
    }
}

/// Answers with the configuration of each command's beginning and that of its end.
struct Slow {
    begun: AtomicUsize,
    finish: Semaphore,
}

impl Plugin for Slow {
    type Config = Config;
    type Command = CommandRequest;
    type Status = NoStatus;

    async fn command(&self, cx: &Context, _: CommandRequest) -> Result<Reply> {
        let first = cx.config::<Self>()?.number();
        self.begun.fetch_add(1, Ordering::SeqCst);
        self.finish.acquire().await?.forget();
        let last = cx.config::<Self>()?.number();
        Reply::json([first, last])
    }
}

async fn ask(router: &Router, path: &str, body: &Value) -> (u16, Value) {
    let request = Request::post(path)
        .header("content-type", "application/json")
        .body(Body::from(body.to_string()))
        .unwrap();
    let answer = router.clone().oneshot(request).await.unwrap();
    let status = answer.status().as_u16();
    let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap())
}

/// Begins the commands bit by bit while the configuration is changed, so that in the end all of them run at once; how many
/// configurations they began with.
async fn round(slow: &Arc<Slow>, router: &Router) -> usize {
    slow.begun.store(0, Ordering::SeqCst);
    let changes = Arc::new(AtomicUsize::new(0));
    let changing = tokio::spawn({
        let (slow, router, changes) = (Arc::clone(slow), router.clone(), Arc::clone(&changes));
        async move {
            for number in 1..=CHANGES {
                // Not ahead of the commands by more than three changes, however busy the machine is.
                while slow.begun.load(Ordering::SeqCst) + 3 * COMMANDS / CHANGES < number * COMMANDS / CHANGES
                {
                    tokio::task::yield_now().await;
                }
                let (status, answer) = ask(&router, "/config", &Config::json(number)).await;
                assert_eq!(status, 200, "{answer}");
                changes.store(number, Ordering::SeqCst);
            }
        }
    });
    let mut commands = Vec::with_capacity(COMMANDS);
    for _ in 0..COMMANDS {
        let router = router.clone();
        commands.push(tokio::spawn(async move {
            ask(&router, "/command", &json!({"command": "look"})).await
        }));
        // Ten with each change, while the next one is on its way.
        while changes.load(Ordering::SeqCst) < commands.len() * CHANGES / COMMANDS {
            tokio::task::yield_now().await;
        }
    }
    changing.await.unwrap();
    while slow.begun.load(Ordering::SeqCst) < COMMANDS {
        tokio::task::yield_now().await;
    }

    slow.finish.add_permits(COMMANDS);
    let mut seen = BTreeSet::new();
    for command in commands {
        let (status, answer) = command.await.unwrap();
        assert_eq!(status, 200, "{answer}");
        let numbers: [Option<usize>; 2] = serde_json::from_value(answer["result"].clone()).unwrap();
        let [Some(first), Some(last)] = numbers else {
            panic!("a command saw a mixture: {answer}");
        };
        assert_eq!(first, last, "a command saw a change");
        seen.insert(first);
    }
    seen.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_commands_amid_a_hundred_changes_see_no_mixture_and_leave_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings::new("slow".parse().unwrap())
        .with_data_dir(dir.path())
        .with_max_concurrent_commands(COMMANDS)
        .with_config(&Config::json(0));
    let slow = Arc::new(Slow {
        begun: AtomicUsize::new(0),
        finish: Semaphore::new(0),
    });
    let router = hap_plugin::into_router(Arc::clone(&slow), settings)
        .await
        .unwrap();
    let mut heap = Vec::new();
    for number in 0..ROUNDS {
        let seen = timeout(DEADLINE, round(&slow, &router)).await.unwrap();
        assert!(seen > CHANGES / 5, "the changes and the commands did not overlap");
        heap.push(HEAP.allocated());
        eprintln!(
            "round {number}: {seen} configurations seen, {} bytes on the heap",
            HEAP.allocated()
        );
    }
    // A configuration has more than a kibibyte, and there were a hundred changes and a thousand commands in each round.
    let (settled, end) = (heap[FIRST_ROUNDS - 1], heap[ROUNDS - 1]);
    assert!(end < settled + 16 * 1024, "the heap grows: {heap:?}");
}
