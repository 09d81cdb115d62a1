use std::{
    collections::HashMap,
    pin::Pin,
    time::{Duration, SystemTime},
};

use bollard::{
    errors::Error as ClientError,
    models::EventMessage,
    query_parameters::{EventsOptionsBuilder, LogsOptions, LogsOptionsBuilder},
};
use futures_util::{Stream, StreamExt, stream};
use hap_manifest::PluginId;

use super::{
    by_parts,
    client::Client,
    error::Failure,
    log_lines::{LineAssembler, is_before},
};
use crate::engine::{
    instance::InstanceName,
    labels,
    observed::ContainerId,
    stream::{EngineEvent, EngineEventKind, EngineStream, LogLine, LogOptions},
};

/// What may change a container's state. Without naming them, each check of health would
/// add three more.
const EVENTS: [&str; 8] = [
    "start", "die", "destroy", "oom", "pause", "unpause", "rename", "update",
];

pub(super) fn events(client: &Client, instance: &InstanceName) -> EngineStream<EngineEvent> {
    // The request goes out with the first poll, which may be later than the call: the engine is
    // asked for what came since, so that nothing falls between.
    let reading = Reading {
        client: client.clone(),
        instance: instance.clone(),
        messages: messages(client, instance, &now()),
    };
    let events = stream::unfold(reading, async |mut reading| {
        loop {
            let message = reading.messages.next().await?;
            match reading.read(message) {
                Ok(message) => {
                    if let Some(event) = event(&message) {
                        return Some((Ok(event), reading));
                    }
                }
                Err(failure) => return Some((Err(failure.into()), reading)),
            }
        }
    });
    Box::pin(events)
}

/// The engine's messages, and how they are asked for.
struct Reading {
    client: Client,
    instance: InstanceName,
    messages: Messages,
}

type Messages = Pin<Box<dyn Stream<Item = Result<EventMessage, ClientError>> + Send>>;

fn messages(client: &Client, instance: &InstanceName, since: &str) -> Messages {
    let filters = HashMap::from([
        ("type", vec!["container".to_owned()]),
        ("label", vec![format!("{}={instance}", labels::INSTANCE)]),
        ("event", EVENTS.map(str::to_owned).to_vec()),
    ]);
    let options = EventsOptionsBuilder::default()
        .since(since)
        .filters(&filters)
        .build();
    Box::pin(client.docker().events(Some(options)))
}

impl Reading {
    /// Takes the next message. The client library gives a stream up after one that it cannot read: that
    /// one is read by its parts, and the engine is asked for what came after it.
    fn read(&mut self, message: Result<EventMessage, ClientError>) -> Result<EventMessage, Failure> {
        let error = match message {
            Ok(message) => return Ok(message),
            Err(error) => error,
        };
        let subject = self.instance.as_str();
        let message: EventMessage = self.client.by_parts("events", subject, error, by_parts::value)?;
        let later = message.time_nano.and_then(|nanos| u64::try_from(nanos).ok());
        if let Some(later) = later.and_then(|nanos| nanos.checked_add(1)) {
            let since = moment(Duration::from_nanos(later));
            self.messages = messages(&self.client, &self.instance, &since);
        }
        Ok(message)
    }
}

/// The engine reads seconds and nine digits behind a point.
fn now() -> String {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    moment(since_epoch.unwrap_or_default())
}

fn moment(since_epoch: Duration) -> String {
    format!("{}.{:09}", since_epoch.as_secs(), since_epoch.subsec_nanos())
}

/// `None` for a container that names no plugin: the same that listing leaves out.
fn event(message: &EventMessage) -> Option<EngineEvent> {
    let actor = message.actor.as_ref()?;
    let plugin = PluginId::new(actor.attributes.as_ref()?.get(labels::PLUGIN_ID)?).ok()?;
    let kind = match message.action.as_deref()? {
        "start" => EngineEventKind::Started,
        "die" => EngineEventKind::Died,
        "destroy" => EngineEventKind::Removed,
        _ => EngineEventKind::Changed,
    };
    Some(EngineEvent::new(
        plugin,
        ContainerId::new(actor.id.as_deref()?),
        kind,
    ))
}

pub(super) fn logs(client: &Client, id: &ContainerId, options: &LogOptions) -> EngineStream<LogLine> {
    let since = options.wanted_since();
    let client = client.clone();
    let subject = id.to_string();
    let frames = client.docker().logs(id.as_str(), Some(logs_options(options)));
    let mut lines = LineAssembler::default();
    // A last item tells the end, so that a line without its line end is not lost.
    let ended = frames.map(Some).chain(stream::iter([None]));
    let lines = ended.flat_map(move |frame| {
        let items = match frame {
            Some(Ok(frame)) => lines.push(&frame),
            None => lines.finish(),
            Some(Err(error)) => {
                return stream::iter(vec![Err(client.failure("logs", &subject, error).into())]);
            }
        };
        let wanted = items.into_iter().filter(|line| !is_before(line, since)).map(Ok);
        stream::iter(wanted.collect::<Vec<_>>())
    });
    Box::pin(lines)
}

fn logs_options(options: &LogOptions) -> LogsOptions {
    let tail = options
        .wanted_tail()
        .map_or_else(|| "all".to_owned(), |lines| lines.to_string());
    let since = options
        .wanted_since()
        .and_then(|since| since.duration_since(SystemTime::UNIX_EPOCH).ok());
    let since = since.map_or(0, |since| i32::try_from(since.as_secs()).unwrap_or(i32::MAX));
    LogsOptionsBuilder::default()
        .follow(options.wants_follow())
        .stdout(true)
        .stderr(true)
        .timestamps(true)
        .since(since)
        .tail(&tail)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(action: &str) -> EventMessage {
        serde_json::from_value(serde_json::json!({
            "Type": "container", "Action": action,
            "Actor": { "ID": "abc", "Attributes": { "hap.instance": "home", "hap.plugin.id": "light" } }
        }))
        .unwrap()
    }

    #[test]
    fn actions_become_kinds() {
        for (action, kind) in [
            ("start", EngineEventKind::Started),
            ("die", EngineEventKind::Died),
            ("destroy", EngineEventKind::Removed),
            ("oom", EngineEventKind::Changed),
            ("pause", EngineEventKind::Changed),
        ] {
            let event = event(&message(action)).unwrap();
            assert_eq!(
                (event.kind, event.plugin.as_str(), event.container.as_str()),
                (kind, "light", "abc")
            );
        }
    }

    #[test]
    fn an_event_without_a_plugin_is_left_out() {
        let mut unnamed = message("die");
        if let Some(attributes) = unnamed.actor.as_mut().and_then(|actor| actor.attributes.as_mut()) {
            attributes.remove(labels::PLUGIN_ID);
        }
        assert_eq!(event(&unnamed), None);
    }

    #[test]
    fn log_options_are_handed_on_with_whole_seconds() {
        let since = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_900);
        let options = logs_options(&LogOptions::default().follow(true).tail(5).since(since));
        assert_eq!(
            (options.follow, options.tail.as_str(), options.since),
            (true, "5", 1_700_000_000)
        );
        assert!(options.stdout && options.stderr && options.timestamps);
        let all = logs_options(&LogOptions::default());
        assert_eq!((all.follow, all.tail.as_str(), all.since), (false, "all", 0));
    }
}
