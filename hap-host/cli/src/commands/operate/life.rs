use clap::Args;
use hap_host::client::{DesiredState, PluginStateView, RollBackOptions, UninstallOptions};
use hap_manifest::PluginId;
use serde_json::json;

use super::reach::{Reach, waited};
use crate::{
    failure::{Exit, Failure},
    terminal::{Console, GOOD, harmless},
};

/// Starts a plugin, and waits until it is healthy
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
    hap start light
    hap start light --no-wait")]
pub(crate) struct Start {
    /// The plugin
    #[arg(value_name = "ID")]
    plugin: PluginId,

    /// Says only that it shall run
    #[arg(long)]
    no_wait: bool,

    #[command(flatten)]
    reach: Reach,
}

impl Start {
    pub(crate) async fn run(self, console: &Console) -> Result<Exit, Failure> {
        let client = self.reach.client()?;
        let state = waited(console, format!("starting {}", self.plugin), async {
            if self.no_wait {
                client.set_desired(&self.plugin, DesiredState::Running).await
            } else {
                client.start_plugin(&self.plugin).await
            }
        });
        told("start", &self.plugin, &state.await?, console);
        Ok(Exit::Done)
    }
}

/// Stops a plugin, and waits until it is down
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
    hap stop light
    hap stop light --force")]
pub(crate) struct Stop {
    /// The plugin
    #[arg(value_name = "ID")]
    plugin: PluginId,

    /// Kills it at once
    #[arg(long)]
    force: bool,

    /// Says only that it shall not run
    #[arg(long, conflicts_with = "force")]
    no_wait: bool,

    #[command(flatten)]
    reach: Reach,
}

impl Stop {
    pub(crate) async fn run(self, console: &Console) -> Result<Exit, Failure> {
        let client = self.reach.client()?;
        let state = waited(console, format!("stopping {}", self.plugin), async {
            if self.no_wait {
                client.set_desired(&self.plugin, DesiredState::Stopped).await
            } else {
                client.stop_plugin(&self.plugin, self.force).await
            }
        });
        told("stop", &self.plugin, &state.await?, console);
        Ok(Exit::Done)
    }
}

/// Stops a plugin and starts it again, and waits until it is healthy
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
    hap restart light")]
pub(crate) struct Restart {
    /// The plugin
    #[arg(value_name = "ID")]
    plugin: PluginId,

    /// Kills it at once
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    reach: Reach,
}

impl Restart {
    pub(crate) async fn run(self, console: &Console) -> Result<Exit, Failure> {
        let client = self.reach.client()?;
        let restart = client.restart_plugin(&self.plugin, self.force);
        let state = waited(console, format!("restarting {}", self.plugin), restart).await?;
        told("restart", &self.plugin, &state, console);
        Ok(Exit::Done)
    }
}

/// Goes back to the version that a plugin had before its last update
///
/// It waits until that version has proven itself. During the probation of an update it ends the update, and the data comes back.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
    hap rollback light
    hap rollback light --restore-data")]
pub(crate) struct Rollback {
    /// The plugin
    #[arg(value_name = "ID")]
    plugin: PluginId,

    /// Puts back the data as that version left it; what was written since is lost
    #[arg(long)]
    restore_data: bool,

    #[command(flatten)]
    reach: Reach,
}

impl Rollback {
    pub(crate) async fn run(self, console: &Console) -> Result<Exit, Failure> {
        let client = self.reach.client()?;
        let mut options = RollBackOptions::default();
        options.restore_data = self.restore_data;
        let going_back = client.roll_back_plugin(&self.plugin, options);
        let updated = waited(console, format!("going back with {}", self.plugin), going_back).await?;
        let text = format!(
            "{} {} is back, in place of {}: {}",
            self.plugin,
            harmless(&updated.outcome.to),
            harmless(&updated.outcome.from),
            harmless(&updated.state.phase)
        );
        console.result(
            "rollback",
            &serde_json::to_value(&updated).unwrap_or_default(),
            text,
        );
        Ok(Exit::Done)
    }
}

/// Stops a plugin and removes it; its data stays unless told otherwise
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
    hap uninstall light
    hap uninstall light --remove-data")]
pub(crate) struct Uninstall {
    /// The plugin
    #[arg(value_name = "ID")]
    plugin: PluginId,

    /// Removes its data too; there is no way back
    #[arg(long)]
    remove_data: bool,

    /// Removes it also when others depend on it
    #[arg(long)]
    even_if_needed: bool,

    /// Kills it at once
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    reach: Reach,
}

impl Uninstall {
    pub(crate) async fn run(self, console: &Console) -> Result<Exit, Failure> {
        let client = self.reach.client()?;
        let mut options = UninstallOptions::default();
        options.remove_data = self.remove_data;
        options.even_if_needed = self.even_if_needed;
        options.force = self.force;
        let removing = client.uninstall_plugin(&self.plugin, options);
        let removed = waited(console, format!("removing {}", self.plugin), removing).await?;
        let data = if removed.data_removed {
            "and its data is removed"
        } else {
            "and its data is kept; hap orphans lists it"
        };
        let text = format!("{} is uninstalled, {data}", self.plugin);
        console.result(
            "uninstall",
            &serde_json::to_value(&removed).unwrap_or_default(),
            text,
        );
        Ok(Exit::Done)
    }
}

fn told(command: &str, plugin: &PluginId, state: &PluginStateView, console: &Console) {
    let result = json!({ "id": plugin, "state": state });
    let phase = harmless(&state.phase);
    let text = match state.time_to_healthy_ms {
        Some(millis) if phase == "healthy" => {
            format!(
                "{plugin} is {GOOD}healthy{GOOD:#}, after {}.{} s",
                millis / 1000,
                millis % 1000 / 100
            )
        }
        _ => format!("{plugin} is {phase}"),
    };
    console.result(command, &result, text);
}
