use std::fmt::Write as _;

use clap::Args;
use hap_host::client::PluginDetails;
use hap_manifest::PluginId;
use serde_json::json;

use super::{
    ps::{bytes, cpu},
    reach::{Reach, failure},
};
use crate::{
    failure::{Exit, Failure},
    terminal::{BAD, Console, harmless},
};

/// Tells everything that is known of a plugin
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
    hap status light
    hap --json status light")]
pub(crate) struct Status {
    /// The plugin
    #[arg(value_name = "ID")]
    plugin: PluginId,

    #[command(flatten)]
    reach: Reach,
}

impl Status {
    pub(crate) async fn run(self, console: &Console) -> Result<Exit, Failure> {
        let client = self.reach.client()?;
        let details = client
            .get_plugin(&self.plugin)
            .await
            .map_err(|error| failure(&error))?;
        // Only one that runs can be asked, and what it does not answer is left out.
        let own = client.get_status(&self.plugin).await.ok();
        let mut text = told(&details);
        if let Some(own) = &own {
            line(&mut text, "says", &format!("{} {}", own.status, own.data));
        }
        let result = json!({ "plugin": details, "status": own });
        console.result("status", &result, text.trim_end());
        Ok(Exit::Done)
    }
}

fn line(text: &mut String, name: &str, value: &str) {
    // A string takes everything.
    let _ = writeln!(text, "{name:<12}{}", harmless(value));
}

fn told(details: &PluginDetails) -> String {
    let (state, manifest) = (&details.state, &details.manifest);
    let mut text = format!("{} {}\n", manifest.name(), manifest.version());
    text = harmless(&text);
    line(&mut text, "id", details.id.as_str());
    line(&mut text, "image", manifest.image().as_ref());
    line(&mut text, "wanted", &state.desired);
    line(&mut text, "state", &state.phase);
    if let Some(message) = &state.health_message {
        line(&mut text, "health", message);
    }
    if let Some(failure) = &state.failure {
        let _ = writeln!(text, "{BAD}failure{BAD:#}     {}", harmless(&failure.message));
        if let Some(hint) = &failure.hint {
            line(&mut text, "", hint);
        }
        for last in &failure.last_lines {
            line(&mut text, "", &format!("| {last}"));
        }
    }
    for unmet in &state.waiting_for {
        line(&mut text, "waits for", &unmet.text);
    }
    if let Some(missed) = &state.missed_health_check {
        line(&mut text, "missed", missed);
    }
    line(&mut text, "restarts", &state.restarts.to_string());
    if let Some(exit) = &state.last_exit {
        line(&mut text, "last end", &exit.text);
    }
    if let Some(container) = &state.container {
        let short: String = container.chars().take(12).collect();
        line(&mut text, "container", &short);
    }
    line(&mut text, "runs as", &state.runs_as.text);
    let granted: Vec<_> = details
        .permissions
        .granted
        .iter()
        .map(|granted| granted.id.as_str())
        .collect();
    line(
        &mut text,
        "granted",
        &if granted.is_empty() {
            "nothing".to_owned()
        } else {
            granted.join(", ")
        },
    );
    for refusal in &details.permissions.refusals {
        line(&mut text, "refused", &refusal.text);
    }
    let config = match &state.config.reason {
        Some(reason) => format!("{}: {reason}", state.config.state),
        None => state.config.state.to_string(),
    };
    line(&mut text, "settings", &config);
    if let Some(update) = &state.update {
        line(
            &mut text,
            "update",
            &format!("{} to {}, at {}", update.from, update.to, update.stage),
        );
    }
    if let Some(previous) = &state.previous_version {
        line(
            &mut text,
            "before",
            &format!("{previous}; hap rollback goes back to it"),
        );
    }
    if let Some(loss) = &state.data_loss {
        line(&mut text, "data lost", &loss.volumes.join(", "));
    }
    text
}

/// Tells what a plugin uses now: CPU since the sample before, memory, processes, network
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
    hap stats light
    hap --json stats light")]
pub(crate) struct Stats {
    /// The plugin
    #[arg(value_name = "ID")]
    plugin: PluginId,

    #[command(flatten)]
    reach: Reach,
}

impl Stats {
    pub(crate) async fn run(self, console: &Console) -> Result<Exit, Failure> {
        let client = self.reach.client()?;
        let usage = client
            .get_usage(&self.plugin)
            .await
            .map_err(|error| failure(&error))?;
        let mut text = String::new();
        line(&mut text, "cpu", &cpu(Some(&usage)));
        line(
            &mut text,
            "cpu time",
            &format!(
                "{:.1} s",
                std::time::Duration::from_millis(usage.cpu_time_ms).as_secs_f64()
            ),
        );
        let limit = match usage.memory_limit_bytes {
            0 => String::new(),
            limit => format!(" of {}", bytes(limit)),
        };
        line(
            &mut text,
            "memory",
            &format!("{}{limit}", bytes(usage.memory_bytes)),
        );
        line(&mut text, "processes", &usage.processes.to_string());
        line(
            &mut text,
            "network",
            &format!(
                "{} in, {} out",
                bytes(usage.network_received_bytes),
                bytes(usage.network_sent_bytes)
            ),
        );
        line(
            &mut text,
            "held back",
            &format!(
                "{} times by its CPU limit, {} at its memory limit",
                usage.throttled_periods, usage.memory_limit_hits
            ),
        );
        console.result(
            "stats",
            &serde_json::to_value(&usage).unwrap_or_default(),
            text.trim_end(),
        );
        Ok(Exit::Done)
    }
}
