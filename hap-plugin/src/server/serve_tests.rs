use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::*;

use crate::api::{Context, NoStatus, Reply};
use crate::config::NoConfig;
use crate::error::{Fault, Result};

#[derive(Deserialize, JsonSchema)]
#[serde(tag = "command", content = "params", rename_all = "snake_case")]
enum Command {
    Wait { ms: u64 },
}

#[derive(Default)]
struct Slow {
    refuse_start: bool,
    panic_at_start: bool,
    fail_at_start: bool,
}

impl Plugin for Slow {
    type Config = NoConfig;
    type Command = Command;
    type Status = NoStatus;

    async fn start(&self, _: &Context) -> Result<()> {
        assert!(!self.panic_at_start, "no bridge");
        if self.fail_at_start {
            let _: u16 = "x".parse()?;
        }
        if self.refuse_start {
            Err(Fault::rejected("no_bridge", "set the address of the bridge"))
        } else {
            Ok(())
        }
    }

    async fn command(&self, _: &Context, command: Command) -> Result<Reply> {
        let Command::Wait { ms } = command;
        sleep(Duration::from_millis(ms)).await;
        Ok(Reply::text("waited"))
    }
}

struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), StartError>>,
}

fn settings() -> Settings {
    Settings::new("slow".parse().unwrap())
}

async fn start() -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let served = serve(Slow::default())
        .settings(settings())
        .listener(listener)
        .with_graceful_shutdown(async {
            let _ = stopped.await;
        });
    let server = Server {
        address,
        stop,
        task: tokio::spawn(served.into_future()),
    };
    while !exchange(address, HEALTH).await.contains("healthy") {
        sleep(Duration::from_millis(5)).await;
    }
    server
}

const HEALTH: &str = "GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

async fn exchange(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

async fn wait_command(address: SocketAddr, ms: u64) -> String {
    let body = format!(r#"{{"command":"wait","params":{{"ms":{ms}}}}}"#);
    let head = "POST /command HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json";
    exchange(
        address,
        &format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()),
    )
    .await
}

#[tokio::test]
async fn while_it_stops_it_says_so_and_finishes_what_runs() {
    let Server { address, stop, task } = start().await;
    let running = tokio::spawn(wait_command(address, 400));
    sleep(Duration::from_millis(100)).await;
    stop.send(()).unwrap();
    sleep(Duration::from_millis(50)).await;
    let health = exchange(address, HEALTH).await;
    assert!(
        health.starts_with("HTTP/1.1 503") && health.contains("stopping"),
        "{health}"
    );
    let refused = wait_command(address, 1).await;
    assert!(
        refused.starts_with("HTTP/1.1 503") && refused.contains("retry-after: 5"),
        "{refused}"
    );
    assert!(running.await.unwrap().contains("waited"));
    task.await.unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_connection_that_says_nothing_does_not_hold_up_the_end() {
    let server = start().await;
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    silent.write_all(b"GET /hea").await.unwrap();
    let begun = Instant::now();
    server.stop.send(()).unwrap();
    server.task.await.unwrap().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn an_endless_head_is_cut_off() {
    let server = start().await;
    let head = format!("GET /health HTTP/1.1\r\nx: {}\r\n\r\n", "x".repeat(1_000_000));
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    // The server may hang up before it has taken everything.
    let _ = stream.write_all(head.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(!String::from_utf8_lossy(&answer).contains("200 OK"));
}

#[tokio::test]
async fn a_plugin_that_refuses_to_start_tells_why() {
    let error = into_router(
        Slow {
            refuse_start: true,
            ..Slow::default()
        },
        settings(),
    )
    .await
    .unwrap_err();
    assert_eq!(
        error.problems(),
        ["the plugin failed to start: set the address of the bridge"]
    );
    assert_eq!(error.exit_code(), 78);
    let error = into_router(
        Slow {
            panic_at_start: true,
            ..Slow::default()
        },
        settings(),
    )
    .await
    .unwrap_err();
    assert_eq!(
        error.problems(),
        ["the plugin failed to start: the plugin panicked: no bridge"]
    );
    assert_eq!(error.exit_code(), 1);
}

#[tokio::test]
async fn a_start_that_fails_by_a_question_mark_is_told_with_its_line() {
    let plugin = Slow {
        fail_at_start: true,
        ..Slow::default()
    };
    let error = into_router(plugin, settings()).await.unwrap_err();
    let why = "the plugin failed to start: internal error: invalid digit found in string (at hap-plugin/src/server/serve_tests.rs:";
    assert!(error.problems()[0].starts_with(why), "{error}");
}

#[tokio::test]
async fn a_data_directory_that_is_missing_is_told_with_what_helps() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    for (data_dir, told) in [
        (
            dir.path().join("none"),
            "there is no such directory; create it or mount a volume there",
        ),
        (file, "it is no directory"),
    ] {
        let settings = settings().with_data_dir(&data_dir);
        let error = into_router(Slow::default(), settings).await.unwrap_err();
        let whole = format!("HAP_DATA_DIR={}: {told}", data_dir.display());
        assert!(error.problems()[0].starts_with(&whole), "{error}");
    }
}

#[tokio::test]
async fn problems_of_different_steps_are_told_together() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap();
    let settings = settings().with_data_dir("/proc/none");
    let error = serve(Slow::default())
        .settings(settings)
        .bind(address)
        .await
        .unwrap_err();
    assert_eq!(error.problems().len(), 2, "{error}");
    assert!(error.is_lasting());
}

#[test]
fn what_an_author_holds_can_be_shared_between_threads() {
    fn check<T: Send + Sync + 'static>() {}
    check::<Context>();
    check::<crate::events::EventClient>();
    check::<Settings>();
    check::<Fault>();
    check::<Reply>();
    check::<StartError>();
}
