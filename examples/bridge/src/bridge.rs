//! [`Bridge`].

use hap_plugin::serde_json::Value;
use hap_plugin::{Context, Fault, Health, Plugin, Reply, Result};
use rumqttc::{QoS, valid_filter, valid_topic};

use crate::connection::{self, MAX_MESSAGE};
use crate::link::Link;
use crate::{Command, Config, Status};

/// The bridge.
#[derive(Debug, Default)]
pub struct Bridge {
    link: Link,
}

impl Plugin for Bridge {
    type Config = Config;
    type Command = Command;
    type Status = Status;

    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    async fn start(&self, cx: &Context) -> Result<()> {
        let link = self.link.clone();
        cx.spawn("broker connection", connection::keep(cx.clone(), link));
        Ok(())
    }

    /// A broker that is away is not this program's fault, and a restart would not bring it back: degraded, not unhealthy.
    fn health(&self) -> Health {
        let status = self.link.status();
        if status.connected {
            Health::healthy()
        } else {
            let why = status
                .problem
                .unwrap_or_else(|| "no broker is configured".to_owned());
            Health::degraded(format!("the broker is not connected: {why}"))
        }
    }

    async fn command(&self, _: &Context, command: Command) -> Result<Reply> {
        let Command::Publish {
            topic,
            payload,
            retain,
        } = command;
        if topic.is_empty() || !valid_topic(&topic) {
            let message = format!("{topic:?} is no topic to publish to: it must not be empty or hold + or #");
            return Err(Fault::rejected("invalid_topic", message));
        }
        let payload = match payload {
            Value::String(text) => text,
            other => other.to_string(),
        };
        if payload.len() + topic.len() > MAX_MESSAGE / 2 {
            let message = format!("the message has more than {} bytes", MAX_MESSAGE / 2);
            return Err(Fault::rejected("message_too_large", message));
        }
        let away = || Fault::unavailable("the broker is not connected; try again when the bridge is healthy");
        let client = self.link.client().ok_or_else(away)?;
        // It waits in line no longer than for a place in it, and a broken connection has no line.
        client
            .try_publish(topic, QoS::AtLeastOnce, retain, payload)
            .map_err(|error| away().with_cause(error))?;
        self.link.count_published();
        Ok(Reply::text("published"))
    }

    async fn status(&self, _: &Context) -> Result<Status> {
        Ok(self.link.status())
    }

    /// The connection follows the configuration by itself; here is only what the types do not say.
    async fn configure(&self, _: &Context, config: Config) -> Result<()> {
        if config.password.is_some() && config.username.is_none() {
            let fault = Fault::rejected("missing_username", "a password needs a username");
            return Err(fault.with_path("username"));
        }
        let wrong = |topic: &String| topic.is_empty() || !valid_filter(topic);
        match config.topics.iter().enumerate().find(|(_, topic)| wrong(topic)) {
            Some((index, topic)) => {
                let message =
                    format!("{topic:?} is no topic: + stands for one level, # for the rest at the end");
                Err(Fault::rejected("invalid_topic", message).with_path(format!("topics[{index}]")))
            }
            None => Ok(()),
        }
    }
}
