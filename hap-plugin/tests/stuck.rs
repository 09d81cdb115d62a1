//! A plugin as a process whose only thread is blocked, and what it says when it cannot say it by itself.
//!
//! Without a test harness, since the plugin is this program started again, and takes no arguments.
#![cfg_attr(
    unix,
    expect(
        clippy::disallowed_methods,
        clippy::indexing_slicing,
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

    /// Tells this program to be the plugin, and which.
    const ROLE: &str = "HAP_TEST_STUCK";
    const DEADLINE: Duration = Duration::from_secs(30);

    struct Stuck;

    #[derive(serde::Deserialize, schemars::JsonSchema)]
    #[serde(tag = "command", content = "params", rename_all = "snake_case")]
    enum Command {
        Block { seconds: u64 },
    }

    impl Plugin for Stuck {
        type Config = NoConfig;
        type Command = Command;
        type Status = NoStatus;

        async fn start(&self, _: Context) -> Result<()> {
            if std::env::var(ROLE).unwrap() == "refuse" {
                return Err(Fault::rejected("no_bridge", "set the address of the bridge"));
            }
            Ok(())
        }

        async fn command(&self, _: &Context, Command::Block { seconds }: Command) -> Result<Reply> {
            std::thread::sleep(Duration::from_secs(seconds));
            Ok(Reply::text("done"))
        }
    }

    /// A program of one thread only: the least that an author may give it.
    #[tokio::main(flavor = "current_thread")]
    pub(super) async fn main() -> ExitCode {
        if std::env::var_os(ROLE).is_some() {
            return hap_plugin::run(Stuck).await;
        }
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

    async fn a_plugin_that_blocks_its_only_thread_ends_within_its_budget() {
        let plugin = Running::start().await;
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
            assert!(log.contains(part), "{part} in {log}");
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
            let port = free_port().await;
            let child = Process::new(std::env::current_exe().unwrap())
                .env_clear()
                .envs([(ROLE, "serve"), ("PORT", &*port.to_string())])
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
            let request = b"GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
            connection.write_all(request).await.is_ok()
                && connection.read_to_string(&mut answer).await.is_ok()
                && answer.starts_with("HTTP/1.1 200")
        }

        /// Sends the command that blocks, and gives it the time to arrive.
        async fn begin_to_block(&self, seconds: u64) -> TcpStream {
            let mut connection = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
            let body = format!(r#"{{"command":"block","params":{{"seconds":{seconds}}}}}"#);
            let request = format!(
                "POST /command HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            connection.write_all(request.as_bytes()).await.unwrap();
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
