use std::fmt::Write as _;

use clap::{Args, Subcommand};
use hap_host::client::WantedLimits;
use hap_manifest::{CpuLimit, MemoryLimit, PidsLimit, PluginId};
use serde_json::json;

use super::{
    ps::bytes,
    reach::{Reach, failure},
};
use crate::{
    failure::{Exit, Failure},
    terminal::{Console, Table, harmless},
};

/// Shows what a plugin asks for and was granted, or changes what it was granted
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
    hap grants light
    hap grants light --add network
    hap grants light --remove device:/dev/ttyUSB0")]
pub(crate) struct Grants {
    /// The plugin
    #[arg(value_name = "ID")]
    plugin: PluginId,

    /// Grants this too
    #[arg(long, value_name = "PERMISSION")]
    add: Vec<String>,

    /// Takes this back; a plugin that may no longer run is stopped
    #[arg(long, value_name = "PERMISSION")]
    remove: Vec<String>,

    #[command(flatten)]
    reach: Reach,
}

impl Grants {
    pub(crate) async fn run(self, console: &Console) -> Result<Exit, Failure> {
        let client = self.reach.client()?;
        let mut permissions = client
            .get_permissions(&self.plugin)
            .await
            .map_err(|error| failure(&error))?;
        if !self.add.is_empty() || !self.remove.is_empty() {
            let mut grants: Vec<String> = permissions
                .granted
                .iter()
                .map(|granted| granted.id.clone())
                .collect();
            let asked = |name: &String| {
                permissions
                    .consent
                    .requested
                    .iter()
                    .any(|asked| asked.id == *name)
            };
            if let Some(unknown) = self.add.iter().find(|name| !asked(name)) {
                let all: Vec<_> = permissions
                    .consent
                    .requested
                    .iter()
                    .map(|asked| asked.id.as_str())
                    .collect();
                let message = format!("{} does not ask for {unknown:?}", self.plugin);
                return Err(Failure::new(Exit::Usage, "not_asked_for", message)
                    .help(harmless(&format!("it asks for: {}", all.join(", ")))));
            }
            if let Some(unknown) = self.remove.iter().find(|name| !grants.contains(name)) {
                let message = format!("{} was not granted {unknown:?}", self.plugin);
                return Err(Failure::new(Exit::Usage, "not_granted", message)
                    .help(harmless(&format!("it was granted: {}", grants.join(", ")))));
            }
            grants.retain(|name| !self.remove.contains(name));
            grants.extend(self.add.iter().cloned());
            permissions = client
                .set_grants(&self.plugin, &grants)
                .await
                .map_err(|error| failure(&error))?;
        }
        let mut text = harmless(permissions.text.trim_end());
        let granted: Vec<_> = permissions
            .granted
            .iter()
            .map(|granted| granted.id.as_str())
            .collect();
        // A string takes everything.
        let _ = write!(
            text,
            "\n\ngranted: {}",
            if granted.is_empty() {
                "nothing".to_owned()
            } else {
                harmless(&granted.join(", "))
            }
        );
        for refusal in &permissions.refusals {
            let _ = write!(text, "\nrefused: it {}", harmless(&refusal.text));
        }
        console.result(
            "grants",
            &serde_json::to_value(&permissions).unwrap_or_default(),
            text,
        );
        Ok(Exit::Done)
    }
}

/// Shows the limits of a plugin, or gives it others in place of its manifest's
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
    hap limits light
    hap limits light --memory 128m --cpu 0.5
    hap limits light --reset")]
pub(crate) struct Limits {
    /// The plugin
    #[arg(value_name = "ID")]
    plugin: PluginId,

    /// Memory, such as 128m
    #[arg(long, value_name = "SIZE")]
    memory: Option<MemoryLimit>,

    /// Cores, such as 0.5
    #[arg(long, value_name = "CORES")]
    cpu: Option<f64>,

    /// Processes and threads
    #[arg(long, value_name = "COUNT")]
    processes: Option<u32>,

    /// Takes back what was given in place of its manifest's
    #[arg(long, conflicts_with_all = ["memory", "cpu", "processes"])]
    reset: bool,

    #[command(flatten)]
    reach: Reach,
}

impl Limits {
    pub(crate) async fn run(self, console: &Console) -> Result<Exit, Failure> {
        let client = self.reach.client()?;
        let mut limits = client
            .get_limits(&self.plugin)
            .await
            .map_err(|error| failure(&error))?;
        let changes = self.memory.is_some() || self.cpu.is_some() || self.processes.is_some();
        if changes || self.reset {
            let mut wanted = if self.reset {
                WantedLimits::default()
            } else {
                limits.overrides.clone()
            };
            let bad =
                |error: hap_manifest::ParseError| Failure::new(Exit::Usage, "bad_limit", error.to_string());
            let processes = self.processes.map(PidsLimit::new).transpose().map_err(bad)?;
            let cpu = self.cpu.map(CpuLimit::from_cores).transpose().map_err(bad)?;
            wanted.memory_limit = self.memory.or(wanted.memory_limit);
            wanted.cpu_limit = cpu.or(wanted.cpu_limit);
            wanted.pids_limit = processes.or(wanted.pids_limit);
            let progress = console.progress(format!("setting the limits of {}", self.plugin));
            let set = client.set_limits(&self.plugin, &wanted).await;
            drop(progress);
            limits = set.map_err(|error| failure(&error))?;
        }
        let force = &limits.in_force;
        let text = format!(
            "memory      {}\ncpu         {}.{:03} cores\nprocesses   {}",
            bytes(force.memory_bytes),
            force.nano_cpus / 1_000_000_000,
            force.nano_cpus % 1_000_000_000 / 1_000_000,
            force.pids
        );
        console.result("limits", &serde_json::to_value(&limits).unwrap_or_default(), text);
        Ok(Exit::Done)
    }
}

/// Lists what the engine keeps for a host that belongs to no plugin, and removes it
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
    hap orphans
    hap orphans sweep
    hap orphans prune-images
    hap orphans rm-data light")]
pub(crate) struct Orphans {
    #[command(subcommand)]
    action: Option<Action>,

    #[command(flatten)]
    reach: Reach,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Removes containers and networks that are old enough
    #[command(after_help = "Examples:\n    hap orphans sweep\n    hap orphans sweep --older-than 0")]
    Sweep {
        /// How old they have to be, in seconds
        #[arg(long, value_name = "SECONDS", default_value_t = 600)]
        older_than: u32,
    },
    /// Removes images that were built for plugins and that none runs any more
    #[command(after_help = "Examples:\n    hap orphans prune-images")]
    PruneImages,
    /// Removes the data that an uninstalled plugin left; there is no way back
    #[command(after_help = "Examples:\n    hap orphans rm-data light")]
    RmData {
        /// The plugin that left it
        #[arg(value_name = "ID")]
        plugin: PluginId,
    },
}

impl Orphans {
    pub(crate) async fn run(self, console: &Console) -> Result<Exit, Failure> {
        let client = self.reach.client()?;
        let progress = console.progress("asking the engine");
        let swept = match &self.action {
            None => {
                let list = client.list_orphans().await.map_err(|error| failure(&error))?;
                drop(progress);
                let mut table = Table::new(["KIND", "FATE", "SIZE", "WHAT"]);
                for orphan in &list.orphans {
                    let size = orphan.bytes.map_or_else(|| "-".to_owned(), bytes);
                    table.row([
                        orphan.kind.to_string(),
                        orphan.fate.to_string(),
                        size,
                        orphan.text.clone(),
                    ]);
                }
                let text = if list.orphans.is_empty() {
                    "there is nothing".to_owned()
                } else {
                    table.shown(false)
                };
                console.result("orphans", &serde_json::to_value(&list).unwrap_or_default(), text);
                return Ok(Exit::Done);
            }
            Some(Action::RmData { plugin }) => {
                client
                    .remove_orphaned_data(plugin)
                    .await
                    .map_err(|error| failure(&error))?;
                drop(progress);
                console.result(
                    "orphans",
                    &json!({ "plugin": plugin }),
                    format!("the data of {plugin} is removed"),
                );
                return Ok(Exit::Done);
            }
            Some(Action::Sweep { older_than }) => client.sweep_orphans(*older_than).await,
            Some(Action::PruneImages) => client.prune_images().await,
        };
        drop(progress);
        let swept = swept.map_err(|error| failure(&error))?;
        let mut text = format!(
            "{} removed, {} freed",
            swept.removed.len(),
            bytes(swept.freed_bytes)
        );
        for failed in &swept.failed {
            // A string takes everything.
            let _ = write!(
                text,
                "\nnot removed: {}: {}",
                harmless(&failed.orphan.text),
                harmless(&failed.refusal.error)
            );
        }
        console.result("orphans", &serde_json::to_value(&swept).unwrap_or_default(), text);
        Ok(if swept.failed.is_empty() {
            Exit::Done
        } else {
            Exit::Failed
        })
    }
}
