//! The bridge with a real broker: mosquitto, as Debian packages it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bridge::Bridge;
use hap_plugin::serde_json::{self, json};
use hap_plugin::testing::{TestPlugin, assert_schemas};
use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, Packet, QoS};
use tokio::time::{sleep, timeout};

const PATIENCE: Duration = Duration::from_secs(60);

/// A broker of its own for each test; killed when dropped.
struct Broker {
    port: u16,
    process: Child,
    folder: tempfile::TempDir,
}

impl Broker {
    fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let folder = tempfile::tempdir().unwrap();
        let process = Self::run(port, folder.path());
        Self {
            port,
            process,
            folder,
        }
    }

    fn run(port: u16, folder: &std::path::Path) -> Child {
        let file = folder.join("mosquitto.conf");
        // What it holds for an absent bridge outlives it.
        let text = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location {}/\nuser root\n",
            folder.display()
        );
        std::fs::write(&file, text).unwrap();
        let program = ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto", "mosquitto"]
            .into_iter()
            .find(|path| !path.starts_with('/') || std::path::Path::new(path).exists())
            .unwrap();
        let started = Command::new(program)
            .arg("-c")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        match started {
            Ok(process) => process,
            Err(error) => panic!(
                "mosquitto cannot be run ({error}): install it, on Debian by `apt-get install mosquitto`"
            ),
        }
    }

    /// Ends it in order, so that it writes down what it holds.
    fn end(&mut self) {
        let pid = self.process.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        self.process.wait().unwrap();
    }

    fn restart(&mut self) {
        self.process = Self::run(self.port, self.folder.path());
    }

    /// Somebody else at the broker, who listens to everything.
    async fn somebody(&self) -> (AsyncClient, EventLoop) {
        let options = MqttOptions::new("somebody", "127.0.0.1", self.port);
        let (client, mut events) = AsyncClient::new(options, 10);
        client.subscribe("from/bridge/#", QoS::AtLeastOnce).await.unwrap();
        let subscribed = async {
            loop {
                match events.poll().await {
                    Ok(Event::Incoming(Packet::SubAck(_))) => return,
                    Ok(_) => {}
                    // It is still starting.
                    Err(_) => sleep(Duration::from_millis(50)).await,
                }
            }
        };
        timeout(PATIENCE, subscribed).await.unwrap();
        (client, events)
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Sends one message and waits until the broker has it.
async fn send(client: &AsyncClient, events: &mut EventLoop, topic: &str, text: &str) {
    client
        .publish(topic, QoS::AtLeastOnce, false, text)
        .await
        .unwrap();
    let sent = async { while !matches!(events.poll().await.unwrap(), Event::Incoming(Packet::PubAck(_))) {} };
    timeout(PATIENCE, sent).await.unwrap();
}

async fn until_health(bridge: &TestPlugin, wanted: &str) {
    let reached = async {
        while bridge.health().await.pointer("/status") != wanted {
            sleep(Duration::from_millis(20)).await;
        }
    };
    if timeout(PATIENCE, reached).await.is_err() {
        panic!("it never was {wanted}: {}", bridge.health().await);
    }
}

#[tokio::test]
#[ignore = "needs mosquitto"]
async fn messages_become_events_and_commands_become_messages() {
    let broker = Broker::start();
    let (client, mut events) = broker.somebody().await;
    let bridge = TestPlugin::start(Bridge::default()).await.unwrap();
    let health = bridge.health().await;
    assert_eq!(health.pointer("/status"), "degraded", "{health}");
    let config = json!({"host": "127.0.0.1", "port": broker.port, "topics": ["home/+/state"]});
    bridge.configure(config).await.assert_success();
    until_health(&bridge, "healthy").await;

    // The broker takes the subscription after the connection: what comes before it is for nobody.
    let arrived = async {
        loop {
            send(&client, &mut events, "home/lamp/state", "on").await;
            if timeout(
                Duration::from_millis(200),
                bridge.platform().event("mqtt.message"),
            )
            .await
            .is_ok()
            {
                return;
            }
        }
    };
    timeout(PATIENCE, arrived).await.unwrap();
    let event = bridge.platform().event("mqtt.message").await;
    assert_eq!(
        event.data,
        json!({"topic": "home/lamp/state", "payload": "on", "retain": false})
    );

    let params = json!({"topic": "from/bridge/lamp", "payload": {"level": 40}});
    bridge.command("publish", params).await.assert_success();
    let received = async {
        loop {
            if let Event::Incoming(Packet::Publish(message)) = events.poll().await.unwrap() {
                return message;
            }
        }
    };
    let message = timeout(PATIENCE, received).await.unwrap();
    assert_eq!(
        (message.topic.as_str(), &*message.payload),
        ("from/bridge/lamp", br#"{"level":40}"#.as_slice())
    );
    let status = bridge.status().await.assert_success();
    assert_eq!(
        (
            status.pointer("/data/connected"),
            status.pointer("/data/published")
        ),
        (&json!(true), &json!(1))
    );
    bridge.stop().await;
}

#[tokio::test]
#[ignore = "needs mosquitto"]
async fn a_broker_that_goes_away_degrades_the_bridge_until_it_is_back() {
    let mut broker = Broker::start();
    drop(broker.somebody().await);
    let bridge = TestPlugin::start(Bridge::default()).await.unwrap();
    let config = json!({"host": "127.0.0.1", "port": broker.port, "topics": ["home/#"]});
    bridge.configure(config).await.assert_success();
    until_health(&bridge, "healthy").await;
    broker.end();
    until_health(&bridge, "degraded").await;
    let params = json!({"topic": "a", "payload": "b"});
    let refused = bridge
        .command("publish", &params)
        .await
        .assert_error("unavailable");
    assert_eq!(refused.status().as_u16(), 503);
    broker.restart();
    until_health(&bridge, "healthy").await;
    bridge.command("publish", &params).await.assert_success();
    bridge.stop().await;
}

#[tokio::test]
#[ignore = "needs mosquitto"]
async fn settings_that_cannot_work_are_refused_by_name_and_no_answer_holds_the_password() {
    let bridge = TestPlugin::start(Bridge::default()).await.unwrap();
    for (config, code) in [
        (json!({}), "invalid_config"),
        (json!({"host": ""}), "invalid_config"),
        (json!({"host": "a", "port": 0}), "invalid_config"),
        (json!({"host": "a", "port": 70000}), "invalid_config"),
        (json!({"host": "a", "topics": ["a/#/b"]}), "invalid_topic"),
        (json!({"host": "a", "password": "hunter2"}), "missing_username"),
        (
            json!({"host": "a", "username": 5, "password": "hunter2"}),
            "invalid_config",
        ),
        (
            json!({"host": "a", "username": "x", "password": ["hunter2"]}),
            "invalid_config",
        ),
    ] {
        let reply = bridge.configure(&config).await.assert_error(code);
        assert!(!reply.text().contains("hunter2"), "{reply}");
    }
    let refused = bridge
        .command("publish", json!({"topic": "a/+", "payload": 1}))
        .await;
    refused.assert_error("invalid_topic");
}

#[test]
fn the_schemas_are_those_in_the_repository_and_in_the_manifest() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas.json");
    assert_schemas::<Bridge>(file);
    let schemas: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let manifest = hap_manifest::Manifest::from_json_strict(include_str!("../manifest.json")).unwrap();
    assert_eq!(manifest.config_schema(), schemas.get("config"));
}
