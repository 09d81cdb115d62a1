use hap_host::{
    Delivery, Event, EventKind, StreamItem,
    engine::{LogLine, LogSource},
};
use serde_json::json;

use crate::terminal::{Console, harmless, log_line};

/// A line of the plugin's output. The host has made it harmless.
pub(super) fn log(line: &LogLine, console: &Console) {
    let source = match line.source {
        LogSource::Stdout => "stdout",
        LogSource::Host => "host",
        _ => "stderr",
    };
    let text = harmless(&line.text);
    let shown = match line.source {
        LogSource::Host => format!("-- {text}"),
        _ => format!("   {}", log_line(&line.text)),
    };
    console.event(&json!({"event": "log", "source": source, "line": text}), shown);
}

/// What happens to the plugin.
pub(super) fn event(item: &StreamItem, console: &Console) {
    let StreamItem::Event(Event { kind, .. }) = item else {
        return;
    };
    match kind {
        EventKind::Phase { to, .. } => {
            console.event(&json!({"event": "phase", "phase": to}), format_args!("-- {to}"));
        }
        EventKind::Failed(failure) => {
            let text = harmless(&failure.to_string());
            console.event(
                &json!({"event": "failed", "failure": failure}),
                format_args!("-- failed: {text}"),
            );
        }
        EventKind::CrashLoopEntered => {
            let text = "it fails again and again; it is started again all the same, with the longest pauses";
            console.event(&json!({"event": "crash_loop"}), format_args!("-- {text}"));
        }
        _ => {}
    }
}

/// What the plugin sent, with its data.
pub(super) fn sent(delivery: &Delivery, console: &Console) {
    let Delivery::Event(sent) = delivery else { return };
    let data = serde_json::to_value(&sent.event).unwrap_or_default();
    let kind = data
        .get("type")
        .and_then(serde_json::Value::as_str)
        .unwrap_or_default();
    let body = data.get("data").map(ToString::to_string).unwrap_or_default();
    let text = format!("<- event {} {}", harmless(kind), harmless(&body));
    console.event(&json!({"event": "plugin_event", "sent": data}), text);
}
