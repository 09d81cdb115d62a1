//! [`Follow`]: a stream that goes on when its connection breaks.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures_core::Stream;
use futures_util::stream;
use hap_manifest::PluginId;
use serde_json::Value;

use super::{
    Client,
    error::{ClientError, ClientErrorKind},
    operation::Operation,
    sse::{EVENTS, Events},
};

/// Pauses before a connection is tried again: they double from the first to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// What a [`Follow`] tells.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Followed<T> {
    /// The next item.
    Item(T),
    /// So many items are gone, because this reader was too slow or away for too long.
    Missed(u64),
    /// The connection broke, or the host ends. It is tried again until the stream is dropped, from the place where it
    /// broke where the items have places.
    Broken(String),
}

/// What a host tells, item by item, for as long as somebody reads. It connects when it is read for the first time.
///
/// When the connection breaks it says so, once, and is made again with growing pauses. It ends when the host says that
/// there is no more, such as when the plugin is uninstalled, and after an error: the host refuses it, or what comes cannot
/// be read. Dropping it closes the connection.
pub struct Follow<T>(Pin<Box<dyn Stream<Item = Result<Followed<T>, ClientError>> + Send>>);

/// Where a stream comes from.
#[derive(Debug)]
pub(super) struct Source {
    client: Client,
    operation: Operation,
    plugin: Option<PluginId>,
    query: Vec<(&'static str, String)>,
}

impl Source {
    pub(super) fn new(client: &Client, operation: Operation, plugin: Option<PluginId>) -> Self {
        Self {
            client: client.clone(),
            operation,
            plugin,
            query: Vec::new(),
        }
    }

    pub(super) fn maybe(mut self, name: &'static str, value: Option<String>) -> Self {
        self.query.extend(value.map(|value| (name, value)));
        self
    }

    async fn connect(&self, after: Option<&str>) -> Result<Events, ClientError> {
        let mut call = match &self.plugin {
            Some(plugin) => self.client.call_of(self.operation, plugin),
            None => self.client.call(self.operation),
        };
        for (name, value) in &self.query {
            call = call.query(name, value);
        }
        let reply = call.accept(EVENTS).header("last-event-id", after).begin().await?;
        Ok(Events::of(reply))
    }
}

/// Where a follower is between two items.
struct State<R> {
    source: Source,
    read: R,
    events: Option<Events>,
    after: Option<String>,
    pause: Option<Duration>,
    ended: bool,
}

impl<T: Send + 'static> Follow<T> {
    /// `read` makes an item of a named event, or passes it over.
    pub(super) fn new(
        source: Source,
        read: impl Fn(&str, Value) -> Option<Result<T, serde_json::Error>> + Send + 'static,
    ) -> Self {
        let state = State {
            source,
            read,
            events: None,
            after: None,
            pause: None,
            ended: false,
        };
        Self(Box::pin(stream::unfold(state, |mut state| async move {
            let next = state.next().await?;
            Some((next, state))
        })))
    }
}

impl<T, R: Fn(&str, Value) -> Option<Result<T, serde_json::Error>>> State<R> {
    async fn next(&mut self) -> Option<Result<Followed<T>, ClientError>> {
        if self.ended {
            return None;
        }
        loop {
            let Some(events) = &mut self.events else {
                if let Some(pause) = self.pause {
                    tokio::time::sleep(pause).await;
                }
                match self.source.connect(self.after.as_deref()).await {
                    Ok(events) => self.events = Some(events),
                    // It has told that it is away.
                    Err(error) if self.pause.is_some() && is_passing(&error) => self.wait_longer(),
                    Err(error) => return Some(Err(self.end(error))),
                }
                continue;
            };
            let event = match events.next().await {
                Some(Ok(event)) => event,
                Some(Err(error)) if !is_passing(&error) => return Some(Err(self.end(error))),
                broken => {
                    let why = match broken {
                        Some(Err(error)) => error.to_string(),
                        _ => format!("{} closed the connection", self.source.client.place()),
                    };
                    return Some(Ok(self.broken(why)));
                }
            };
            self.pause = None;
            if event.id.is_some() {
                self.after = event.id;
            }
            match event.name.as_str() {
                "missed" => {
                    let count = event
                        .data
                        .get("count")
                        .and_then(Value::as_u64)
                        .unwrap_or_default();
                    return Some(Ok(Followed::Missed(count)));
                }
                "failed" => {
                    let error = ClientError::refused(None, &event.data);
                    return Some(Err(self.end(error)));
                }
                "end" if event.data.get("reason").is_some_and(|reason| reason == "no_more") => {
                    self.ended = true;
                    return None;
                }
                "end" => {
                    let why = format!("the host at {} ends", self.source.client.place());
                    return Some(Ok(self.broken(why)));
                }
                name => match (self.read)(name, event.data) {
                    Some(Ok(item)) => return Some(Ok(Followed::Item(item))),
                    Some(Err(error)) => {
                        let message = format!(
                            "an item of {} cannot be read: {error}",
                            self.source.operation.name()
                        );
                        let error = ClientError::new(ClientErrorKind::InvalidReply, message);
                        return Some(Err(self.end(error)));
                    }
                    None => {}
                },
            }
        }
    }

    fn end(&mut self, error: ClientError) -> ClientError {
        self.ended = true;
        error
    }

    fn broken(&mut self, why: String) -> Followed<T> {
        self.events = None;
        self.wait_longer();
        Followed::Broken(why)
    }

    fn wait_longer(&mut self) {
        self.pause = Some(
            self.pause
                .map_or(FIRST_PAUSE, |pause| (pause * 2).min(LONGEST_PAUSE)),
        );
    }
}

/// Whether trying again may help.
fn is_passing(error: &ClientError) -> bool {
    match error.kind() {
        ClientErrorKind::Unreachable | ClientErrorKind::Timeout => true,
        // It ends, or has too many streams.
        ClientErrorKind::Refused => matches!(error.status(), Some(429 | 503)),
        ClientErrorKind::Usage | ClientErrorKind::InvalidReply => false,
    }
}

impl<T> Stream for Follow<T> {
    type Item = Result<Followed<T>, ClientError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(cx)
    }
}

impl<T> fmt::Debug for Follow<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follow").finish_non_exhaustive()
    }
}
