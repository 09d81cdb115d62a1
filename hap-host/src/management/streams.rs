//! Streams of what happens.

use std::time::SystemTime;

use axum::{extract::State, http::HeaderMap, response::Response};
use futures_util::{StreamExt as _, future};
use hap_manifest::PluginId;

use super::{
    error::{Refusal, quoted},
    params::{Params, TAIL, header, invalid, since, time_of},
    sse::Message,
    state::{Api, Named},
    view::{
        event::{PluginEventView, SupervisorEvent},
        isolation::HostEventView,
        log::LogLineView,
        progress::Counted,
    },
};
use crate::{
    engine::stream::LogOptions,
    error::{Error, ErrorKind, Result},
    protocol::events::{
        cursor::Cursor,
        subscribe::{Delivery, SubscribeOptions},
    },
    supervisor::event_stream::StreamItem,
};

/// Where a reader that comes again goes on.
const LAST_EVENT_ID: &str = "last-event-id";
/// Earlier lines at the beginning of a stream, unless the caller says otherwise.
const TAIL_USUAL: u32 = 100;

pub(super) async fn logs(
    State(api): State<Api>,
    Named(plugin): Named,
    params: Params,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let tail = params.number("tail", 0..=TAIL.1)?;
    let since = since(&params)?;
    let last = match header(&headers, LAST_EVENT_ID)? {
        None => None,
        Some(id) => Some(time_of(id).ok_or_else(|| {
            let rule = format!(
                "it is the id of a line of this stream, and this is not: {}",
                quoted(id)
            );
            invalid(LAST_EVENT_ID, &rule)
        })?),
    };
    // A line of the future is from before the clock was set back: what came after it is older. The reader begins anew.
    let mut last = last.filter(|last| *last <= SystemTime::now());
    let mut options = LogOptions::default().follow(true);
    options = match (last, since, tail) {
        (Some(last), ..) => options.since(last),
        (None, since, tail) => {
            if let Some(since) = since {
                options = options.since(since);
            }
            match (since, tail) {
                (_, Some(lines)) => options.tail(lines),
                (None, None) => options.tail(TAIL_USUAL),
                (Some(_), None) => options,
            }
        }
    };
    let lines = plugin.logs(&options).filter_map(move |line| {
        let seen = line.as_ref().ok().and_then(|line| line.time);
        let again = last.zip(seen).is_some_and(|(last, time)| time <= last);
        if seen.is_some() && !again {
            // What comes after this is new, also when the clock is set back meanwhile.
            last = None;
        }
        let message = (!again).then(|| match line {
            Ok(line) => {
                let line = LogLineView::from(line);
                // Pieces of one line share its time: who came again in between would miss the rest.
                let id = line.time.clone().filter(|_| !line.partial);
                Message::new("line", &line).with_id(id)
            }
            Err(error) => Message::failed(error),
        });
        future::ready(message)
    });
    api.streams.open(lines)
}

pub(super) async fn events(State(api): State<Api>, params: Params) -> Result<Response, Refusal> {
    let only: Option<PluginId> = params.one("plugin")?;
    let notices = api.supervisor.events().filter_map(move |notice| {
        let message = match notice {
            StreamItem::Lagged(count) => Some(Message::new("missed", &Counted { count })),
            StreamItem::Event(event) if only.as_ref().is_none_or(|only| *only == event.plugin) => {
                Some(Message::new("event", &SupervisorEvent::from(event)))
            }
            StreamItem::Event(_) => None,
            // It concerns every plugin.
            StreamItem::Host(event) => Some(Message::new("host", &HostEventView::from(event))),
        };
        future::ready(message)
    });
    api.streams.open(notices)
}

pub(super) async fn plugin_events(
    State(api): State<Api>,
    params: Params,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let mut options = SubscribeOptions::default();
    if let Some(plugin) = params.one("plugin")? {
        options = options.plugin(plugin);
    }
    if let Some(prefix) = params.one::<String>("type_prefix")? {
        options = options.type_prefix(prefix);
    }
    let after: Option<Cursor> = match header(&headers, LAST_EVENT_ID)? {
        Some(id) => Some(
            id.parse()
                .map_err(|error: Error| invalid(LAST_EVENT_ID, &error.to_string()))?,
        ),
        None => params.one("after")?,
    };
    if let Some(cursor) = after {
        let (newest, _) = api.supervisor.0.inbox.lag();
        if cursor.seq() > newest {
            let message = format!(
                "the cursor {cursor} is ahead of the last event, {newest}: it belongs to another supervisor"
            );
            return Err(Refusal::unfit(ErrorKind::InvalidInput.as_str(), message));
        }
        options = options.after(cursor);
    }
    let deliveries = api.supervisor.plugin_events(options).map(|item| match item {
        Ok(Delivery::Event(event)) => {
            let id = event.cursor.to_string();
            Message::new("event", &PluginEventView::from(event)).with_id(Some(id))
        }
        Ok(Delivery::Missed { count, through }) => {
            Message::new("missed", &Counted { count }).with_id(Some(through.to_string()))
        }
        Err(error) => Message::failed(error),
    });
    api.streams.open(deliveries)
}
