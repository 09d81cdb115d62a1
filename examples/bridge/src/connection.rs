//! The connection to the broker, kept up by a background task.

use std::sync::Arc;
use std::time::Duration;

use hap_plugin::Context;
use rumqttc::{AsyncClient, ConnectReturnCode, Event, MqttOptions, Packet, Publish, QoS, SubscribeFilter};
use serde::Serialize;
use tokio::time::{sleep, timeout};

use crate::link::Link;
use crate::{Bridge, Config};

/// Pauses between attempts to connect: they double from the first to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// An attempt to connect that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often the two sides assure each other that they are there.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Messages that wait to be sent.
const OUTGOING: usize = 100;
/// Largest message either way, in bytes; an event carries it, and an event has at most 256 KiB.
pub(crate) const MAX_MESSAGE: usize = 128 * 1024;

/// The data of the event `mqtt.message`.
#[derive(Debug, Serialize)]
struct Message<'a> {
    topic: &'a str,
    /// As text; bytes that are not UTF-8 are replaced.
    payload: std::borrow::Cow<'a, str>,
    retain: bool,
}

/// Keeps a connection to the broker of the newest configuration until the plugin stops.
pub(crate) async fn keep(cx: Context, link: Link) {
    let mut changes = cx.config_changes::<Bridge>();
    let shutdown = cx.shutdown_token();
    let mut config = changes.current();
    loop {
        let changed = match config.take() {
            Some(config) => tokio::select! {
                () = shutdown.cancelled() => return,
                never = stay_connected(&cx, &link, &config) => match never {},
                changed = changes.changed() => changed,
            },
            None => tokio::select! {
                () = shutdown.cancelled() => return,
                changed = changes.changed() => changed,
            },
        };
        link.down("it is being configured");
        config = Some(changed);
    }
}

async fn stay_connected(cx: &Context, link: &Link, config: &Arc<Config>) -> std::convert::Infallible {
    let mut pause = FIRST_PAUSE;
    loop {
        let problem = connect_and_serve(cx, link, config, &mut pause).await;
        tracing::warn!(%problem, again_in = ?pause, "the broker is not connected");
        link.down(&problem);
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Connects once and serves the connection until it ends; returns why.
async fn connect_and_serve(cx: &Context, link: &Link, config: &Config, pause: &mut Duration) -> String {
    let (client, mut events) = AsyncClient::new(options(cx, config), OUTGOING);
    loop {
        // The library sends and receives while it is polled, and pings often enough that silence means trouble.
        let event = match timeout(PATIENCE + KEEP_ALIVE, events.poll()).await {
            Ok(Ok(event)) => event,
            Ok(Err(error)) => return error.to_string(),
            Err(_) => return format!("the broker at {}:{} does not answer", config.host, config.port),
        };
        match event {
            Event::Incoming(Packet::ConnAck(answer)) if answer.code == ConnectReturnCode::Success => {
                let filters = config.topics.iter().map(|topic| filter(topic));
                if config.topics.is_empty() {
                    tracing::info!("no topics are configured, so there is nothing to listen to");
                } else if let Err(error) = client.try_subscribe_many(filters) {
                    return error.to_string();
                }
                tracing::info!(host = config.host, port = config.port, "connected");
                *pause = FIRST_PAUSE;
                link.up(client.clone());
            }
            Event::Incoming(Packet::SubAck(answer)) => {
                let refused = answer
                    .return_codes
                    .contains(&rumqttc::SubscribeReasonCode::Failure);
                if refused {
                    return "the broker refuses a topic".to_owned();
                }
            }
            Event::Incoming(Packet::Publish(message)) => {
                if let Err(problem) = pass_on(cx, link, &client, &message).await {
                    return problem;
                }
            }
            Event::Incoming(_) | Event::Outgoing(_) => {}
        }
    }
}

/// Makes an event of a message, and tells the broker only then that it has arrived.
async fn pass_on(cx: &Context, link: &Link, client: &AsyncClient, message: &Publish) -> Result<(), String> {
    let data = Message {
        topic: &message.topic,
        payload: String::from_utf8_lossy(&message.payload),
        retain: message.retain,
    };
    // Without an acknowledgement the broker sends it again after the next connect.
    cx.emit("mqtt.message", &data)
        .await
        .map_err(|error| format!("a message cannot be passed on: {error}"))?;
    link.count_received();
    client.try_ack(message).map_err(|error| error.to_string())
}

fn options(cx: &Context, config: &Config) -> MqttOptions {
    let mut options = MqttOptions::new(cx.plugin_id().as_str(), &config.host, config.port);
    options
        .set_keep_alive(KEEP_ALIVE)
        // The broker keeps messages for the time in which the bridge is away.
        .set_clean_session(false)
        .set_manual_acks(true)
        .set_max_packet_size(MAX_MESSAGE, MAX_MESSAGE);
    if let Some(username) = &config.username {
        let password = config.password.as_ref().map_or("", |password| password.expose());
        options.set_credentials(username, password);
    }
    options
}

fn filter(topic: &str) -> SubscribeFilter {
    SubscribeFilter::new(topic.to_owned(), QoS::AtLeastOnce)
}
