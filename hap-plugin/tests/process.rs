//! A plugin as a process of one thread, or of one that works: what it logs, and how it ends while that thread is blocked.
//!
//! Without a test harness, since the plugin is this program started again, and takes no arguments.
#![cfg_attr(
    unix,
    expect(
        clippy::disallowed_methods,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::print_stdout,
        clippy::unwrap_used,
        reason = "a test fails by panicking and says what it does, and this plugin blocks on purpose"
    )
)]

#[cfg(unix)]
mod unix {
    use std::process::{ExitCode, Output, Stdio};
    use std::time::{Duration, Instant};

    use hap_plugin::{Context, Fault, NoConfig, NoStatus, Plugin, Reply, Result};
    use rustix::process::{Pid, Signal, kill_process};
    use serde_json::Value;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::process::{Child, Command as Process};
    use tokio::time::{sleep, timeout};
    use tower::ServiceExt as _;
    use tracing::Instrument as _;

    /// Tells this program to be the plugin, and which.
    const ROLE: &str = "HAP_TEST_PROCESS";
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const DEADLINE: Duration = Duration::from_secs(30);

    struct Lamp;

    #[derive(serde::Deserialize, schemars::JsonSchema)]
    #[serde(tag = "command", content = "params", rename_all = "snake_case")]
    enum Command {
        Block { seconds: u64 },
        Log(Way),
    }

    /// How a command may come to log a line.
    #[derive(Debug, Clone, Copy, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
    #[serde(rename_all = "snake_case")]
    enum Way {
        AtOnce,
        AfterWaiting,
        InItsOwnSpan,
        InItsOwnSpanAfterWaiting,
        InATaskOfItsOwn,
        InABackgroundTask,
        AfterARequestWithin,
        ByPanicking,
    }

    const WAYS: [Way; 8] = [
        Way::AtOnce,
        Way::AfterWaiting,
        Way::InItsOwnSpan,
        Way::InItsOwnSpanAfterWaiting,
        Way::InATaskOfItsOwn,
        Way::InABackgroundTask,
        Way::AfterARequestWithin,
        Way::ByPanicking,
    ];

    impl Lamp {
        async fn log(cx: &Context, way: Way) -> Result<()> {
            let say = move || tracing::info!("logged {way:?}");
            let say_later = async move {
                sleep(Duration::from_millis(20)).await;
                say();
            };
            match way {
                Way::AtOnce => say(),
                Way::AfterWaiting => say_later.await,
                Way::InItsOwnSpan => tracing::info_span!("own", depth = 1).in_scope(say),
                Way::InItsOwnSpanAfterWaiting => {
                    say_later.instrument(tracing::info_span!("own", depth = 1)).await;
                }
                Way::InATaskOfItsOwn => tokio::spawn(say_later.in_current_span()).await?,
                Way::InABackgroundTask => cx.spawn("logs", say_later),
                Way::AfterARequestWithin => {
                    let settings = hap_plugin::Settings::new("inner".parse()?);
                    let router = hap_plugin::into_router(Self, settings).await?;
                    let request = http::Request::post("/command")
                        .header("x-request-id", "inner")
                        .body(axum::body::Body::from(r#"{"command":"log","params":"at_once"}"#))?;
                    router.oneshot(request).await?;
                    say();
                }
                Way::ByPanicking => panic!("logged {way:?}"),
            }
            Ok(())
        }
    }

    impl Plugin for Lamp {
        type Config = NoConfig;
        type Command = Command;
        type Status = NoStatus;

        async fn start(&self, _: &Context) -> Result<()> {
            if std::env::var(ROLE).unwrap() == "refuse" {
                return Err(Fault::rejected("no_bridge", "set the address of the bridge"));
            }
            Ok(())
        }

        async fn command(&self, cx: &Context, command: Command) -> Result<Reply> {
            match command {
                Command::Block { seconds } => std::thread::sleep(Duration::from_secs(seconds)),
                Command::Log(way) => Self::log(cx, way).await?,
            }
            Ok(Reply::text("done"))
        }
    }

    pub(super) fn main() -> ExitCode {
        match std::env::var(ROLE).as_deref() {
            Err(_) => tests(),
            // Where the thread that `main` began on works on no command.
            Ok("worker") => tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .unwrap()
                .block_on(hap_plugin::run(Lamp)),
            Ok(_) => plugin_of_one_thread(),
        }
    }

    /// The least that an author may give it.
    #[tokio::main(flavor = "current_thread")]
    async fn plugin_of_one_thread() -> ExitCode {
        hap_plugin::run(Lamp).await
    }

    #[tokio::main(flavor = "current_thread")]
    async fn tests() -> ExitCode {
        println!("each line that a command logs has the ids of its request");
        each_line_that_a_command_logs_has_the_ids_of_its_request().await;
        println!("a plugin that blocks its only thread ends within its budget, and says why");
        a_plugin_that_blocks_its_only_thread_ends_within_its_budget().await;
        println!("a second signal ends a plugin that blocks its only thread");
        a_second_signal_ends_a_plugin_that_blocks_its_only_thread().await;
        println!("a command that blocked is told by name");
        a_command_that_blocked_is_told_by_name().await;
        println!("what keeps it from starting is told whatever the log leaves out");
        what_keeps_it_from_starting_is_told_whatever_the_log_leaves_out().await;
        println!("test result: ok");
        ExitCode::SUCCESS
    }

    async fn each_line_that_a_command_logs_has_the_ids_of_its_request() {
        let plugin = Running::start().await;
        // All at a time on one thread, so that they get into each other's way if they can.
        let mut connections = Vec::new();
        for way in WAYS {
            let body = serde_json::json!({"command": "log", "params": way}).to_string();
            let headers = format!("x-request-id: {way:?}\r\ntraceparent: 00-{TRACE}-00f067aa0ba902b7-00\r\n");
            connections.push(plugin.command(&headers, &body).await);
        }
        for mut connection in connections {
            let mut answer = vec![0; 1024];
            assert!(
                timeout(DEADLINE, connection.read(&mut answer))
                    .await
                    .unwrap()
                    .unwrap()
                    > 0
            );
        }
        sleep(Duration::from_millis(100)).await;
        plugin.signal(Signal::TERM);
        let (_, log) = plugin.ended().await;
        let lines: Vec<Value> = log
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        for way in WAYS {
            let text = format!("logged {way:?}");
            let of_way = |line: &&Value| {
                line["message"].as_str().unwrap().ends_with(&text) && line["request_id"] != "inner"
            };
            let found: Vec<&Value> = lines.iter().filter(of_way).collect();
            assert!(!found.is_empty(), "{way:?} in {log}");
            for line in found {
                assert_eq!(
                    (&line["request_id"], &line["trace_id"]),
                    (&Value::from(format!("{way:?}")), &Value::from(TRACE)),
                    "{line}"
                );
            }
        }
        let inner: Vec<&Value> = lines
            .iter()
            .filter(|line| line["request_id"] == "inner")
            .collect();
        assert_eq!(inner.len(), 1, "{inner:?}");
        let own = lines.iter().filter(|line| line["depth"] == 1).count();
        assert_eq!(own, 2, "{log}");
        for line in lines
            .iter()
            .filter(|line| ["ready", "stopping"].contains(&line["message"].as_str().unwrap()))
        {
            assert_eq!(line["request_id"], Value::Null, "{line}");
        }
    }

    async fn a_plugin_that_blocks_its_only_thread_ends_within_its_budget() {
        for role in ["serve", "worker"] {
            let plugin = Running::start_as(role).await;
            plugin.begin_to_block(600).await;
            let begun = Instant::now();
            plugin.signal(Signal::TERM);
            let (output, log) = plugin.ended().await;
            assert_eq!(output.status.code(), Some(0));
            // 8 s, and one for the end of the runtime; the rest is for a slow machine.
            assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
            for part in [
                "asked to stop",
                "something blocks its threads",
                "did not end by itself in time",
            ] {
                assert!(log.contains(part), "{part} in {role}: {log}");
            }
        }
    }

    async fn a_second_signal_ends_a_plugin_that_blocks_its_only_thread() {
        let plugin = Running::start().await;
        plugin.begin_to_block(600).await;
        plugin.signal(Signal::TERM);
        sleep(Duration::from_millis(200)).await;
        plugin.signal(Signal::INT);
        let (output, log) = plugin.ended().await;
        assert_eq!(output.status.code(), Some(1));
        assert!(log.contains("asked again"), "{log}");
        assert!(!log.contains("did not end by itself"), "{log}");
    }

    async fn a_command_that_blocked_is_told_by_name() {
        let plugin = Running::start().await;
        let mut connection = plugin.begin_to_block(1).await;
        let mut answer = vec![0; 1024];
        let length = timeout(DEADLINE, connection.read(&mut answer))
            .await
            .unwrap()
            .unwrap();
        assert!(answer[..length].starts_with(b"HTTP/1.1 200"));
        plugin.signal(Signal::TERM);
        let (output, log) = plugin.ended().await;
        assert_eq!(output.status.code(), Some(0));
        let line = log.lines().find(|line| line.contains("kept its thread")).unwrap();
        let line: Value = serde_json::from_str(line).unwrap();
        assert!(
            line["message"]
                .as_str()
                .unwrap()
                .contains("the command \"block\""),
            "{line}"
        );
        assert!(line["request_id"].is_string(), "{line}");
    }

    async fn what_keeps_it_from_starting_is_told_whatever_the_log_leaves_out() {
        for filter in ["info", "stuck=debug", "off"] {
            let port = free_port().await.to_string();
            let output = Process::new(std::env::current_exe().unwrap())
                .env_clear()
                .envs([(ROLE, "refuse"), ("PORT", &*port), ("RUST_LOG", filter)])
                .output();
            let output = timeout(DEADLINE, output).await.unwrap().unwrap();
            assert_eq!(output.status.code(), Some(78));
            let told = [output.stdout, output.stderr].concat();
            let told = String::from_utf8(told).unwrap();
            assert!(told.contains("set the address of the bridge"), "{filter}: {told}");
        }
    }

    struct Running {
        child: Child,
        port: u16,
    }

    impl Running {
        async fn start() -> Self {
            Self::start_as("serve").await
        }

        async fn start_as(role: &str) -> Self {
            let port = free_port().await;
            let child = Process::new(std::env::current_exe().unwrap())
                .env_clear()
                .envs([(ROLE, role), ("PORT", &*port.to_string())])
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .kill_on_drop(true)
                .spawn()
                .unwrap();
            let running = Self { child, port };
            let begun = Instant::now();
            while !running.is_healthy().await {
                assert!(begun.elapsed() < DEADLINE, "the plugin does not turn healthy");
                sleep(Duration::from_millis(10)).await;
            }
            running
        }

        async fn is_healthy(&self) -> bool {
            let Ok(mut connection) = TcpStream::connect(("127.0.0.1", self.port)).await else {
                return false;
            };
            let mut answer = String::new();
            let request = b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
            connection.write_all(request).await.is_ok()
                && connection.read_to_string(&mut answer).await.is_ok()
                && answer.starts_with("HTTP/1.1 200")
        }

        /// Sends a command, and leaves its answer on the connection. Each header has its line end.
        async fn command(&self, headers: &str, body: &str) -> TcpStream {
            let mut connection = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
            let length = body.len();
            let request = format!(
                "POST /command HTTP/1.1\r\nhost: localhost\r\n{headers}content-length: {length}\r\n\r\n{body}"
            );
            connection.write_all(request.as_bytes()).await.unwrap();
            connection
        }

        /// Sends the command that blocks, and gives it the time to arrive.
        async fn begin_to_block(&self, seconds: u64) -> TcpStream {
            let body = format!(r#"{{"command":"block","params":{{"seconds":{seconds}}}}}"#);
            let connection = self.command("", &body).await;
            sleep(Duration::from_millis(500)).await;
            connection
        }

        fn signal(&self, signal: Signal) {
            let pid = i32::try_from(self.child.id().unwrap()).unwrap();
            kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
        }

        async fn ended(self) -> (Output, String) {
            let output = timeout(DEADLINE, self.child.wait_with_output())
                .await
                .unwrap()
                .unwrap();
            let log = String::from_utf8(output.stdout.clone()).unwrap();
            (output, log)
        }
    }

    async fn free_port() -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap().port()
    }
}

#[cfg(unix)]
fn main() -> std::process::ExitCode {
    unix::main()
}

// Signals are of Unix.
#[cfg(not(unix))]
fn main() {}
