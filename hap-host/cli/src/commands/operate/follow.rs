use clap::Args;
use futures_util::StreamExt as _;
use hap_host::client::{
    EventOptions, Follow, Followed, HostOrPlugin, LogLineView, LogOptions, PluginEventOptions,
};
use hap_manifest::PluginId;
use serde_json::{Value, json};

use super::reach::{Reach, failure};
use crate::{
    failure::{Exit, Failure},
    terminal::{Console, DIM, Interrupt, harmless, log_line},
};

/// Shows what a plugin prints
///
/// With -f it goes on until Ctrl-C, over restarts of the plugin and of the host.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
    hap logs light
    hap logs light -f --tail 20
    hap logs light --since 2026-01-31T10:00:00Z")]
pub(crate) struct Logs {
    /// The plugin
    #[arg(value_name = "ID")]
    plugin: PluginId,

    /// Goes on with what comes
    #[arg(long, short)]
    follow: bool,

    /// At most so many earlier lines
    #[arg(long, value_name = "LINES")]
    tail: Option<u32>,

    /// Only lines written at or after this time, by RFC 3339
    #[arg(long, value_name = "TIME")]
    since: Option<String>,

    #[command(flatten)]
    reach: Reach,
}

impl Logs {
    pub(crate) async fn run(self, console: &Console, interrupt: &Interrupt) -> Result<Exit, Failure> {
        let client = self.reach.client()?;
        let mut options = LogOptions::default();
        options.tail = self.tail;
        options.since = self.since;
        if self.follow {
            let lines = client.follow_logs(&self.plugin, options);
            return follow(lines, console, interrupt, show_line).await;
        }
        let logs = interrupt
            .or(client.get_logs(&self.plugin, &options))
            .await?
            .map_err(|error| failure(&error))?;
        if logs.truncated {
            console.warning("older lines are left out, since there are too many: --tail, --since");
        }
        for line in &logs.lines {
            let (json, text) = show_line(line);
            console.event(&json, text);
        }
        Ok(Exit::Done)
    }
}

fn show_line(line: &LogLineView) -> (Value, String) {
    let text = match &*line.source {
        "host" => format!("{DIM}-- {}{DIM:#}", harmless(&line.text)),
        _ => log_line(&line.text),
    };
    (json!({ "event": "log", "line": line }), text)
}

/// Shows what happens to plugins, or with --sent what they send
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
    hap events
    hap events --plugin light
    hap events --sent --after 0")]
pub(crate) struct Events {
    /// Only of this plugin
    #[arg(long, value_name = "ID")]
    plugin: Option<PluginId>,

    /// What plugins send, in place of what happens to them
    #[arg(long)]
    sent: bool,

    /// With --sent, starts after this cursor: 0 for all that is kept
    #[arg(long, value_name = "CURSOR", requires = "sent")]
    after: Option<String>,

    #[command(flatten)]
    reach: Reach,
}

impl Events {
    pub(crate) async fn run(self, console: &Console, interrupt: &Interrupt) -> Result<Exit, Failure> {
        let client = self.reach.client()?;
        if self.sent {
            let mut options = PluginEventOptions::default();
            options.plugin = self.plugin;
            options.after = self.after;
            let events = client.follow_plugin_events(options);
            return follow(events, console, interrupt, |sent| {
                let event = serde_json::to_value(&sent.event).unwrap_or_default();
                let kind = event.get("type").and_then(Value::as_str).unwrap_or_default();
                let data = event.get("data").map(Value::to_string).unwrap_or_default();
                let text = format!(
                    "{} {} {} {}",
                    harmless(&sent.received_at),
                    sent.plugin,
                    harmless(kind),
                    harmless(&data)
                );
                (json!({ "event": "sent", "sent": sent }), text)
            })
            .await;
        }
        let mut options = EventOptions::default();
        options.plugin = self.plugin;
        follow(client.follow_events(options), console, interrupt, show_event).await
    }
}

fn show_event(event: &HostOrPlugin) -> (Value, String) {
    let (who, at, event) = match event {
        HostOrPlugin::Plugin(event) => (
            event.plugin.to_string(),
            event.at.clone(),
            serde_json::to_value(event).unwrap_or_default(),
        ),
        HostOrPlugin::Host(event) => (
            "host".to_owned(),
            event.at.clone(),
            serde_json::to_value(event).unwrap_or_default(),
        ),
        _ => {
            return (
                json!({ "event": "unknown" }),
                "an event that this version does not know".to_owned(),
            );
        }
    };
    let word = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default();
    let more = match word("kind") {
        "phase" => format!("{} -> {}", word("from"), word("to")),
        "failed" => {
            let failure = event.pointer("/failure/message").and_then(Value::as_str);
            format!("failed: {}", failure.unwrap_or_default())
        }
        kind => {
            let message = word("message");
            format!("{} {message}", kind.replace('_', " "))
                .trim_end()
                .to_owned()
        }
    };
    let text = format!("{} {who} {}", harmless(&at), harmless(&more));
    (json!({ "event": "happened", "about": event }), text)
}

/// Shows items until somebody ends it, nobody reads, or there are no more.
async fn follow<T>(
    mut items: Follow<T>,
    console: &Console,
    interrupt: &Interrupt,
    show: impl Fn(&T) -> (Value, String),
) -> Result<Exit, Failure> {
    loop {
        let item = tokio::select! {
            biased;
            // It is how such a command is ended, and leaves nothing behind.
            () = interrupt.came() => return Ok(Exit::Interrupted),
            () = console.closed().cancelled() => return Ok(Exit::Done),
            item = items.next() => item,
        };
        match item {
            None => return Ok(Exit::Done),
            Some(Err(error)) => return Err(failure(&error)),
            Some(Ok(Followed::Item(item))) => {
                let (json, text) = show(&item);
                console.event(&json, text);
            }
            Some(Ok(Followed::Missed(count))) => {
                console.event(
                    &json!({ "event": "missed", "count": count }),
                    format!("-- {count} are missing here"),
                );
            }
            Some(Ok(Followed::Broken(why))) => console.note(format!("-- {}; trying again", harmless(&why))),
            // What a newer version tells besides.
            Some(Ok(_)) => {}
        }
    }
}
