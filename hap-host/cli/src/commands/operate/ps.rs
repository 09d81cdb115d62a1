use std::time::Duration;

use clap::Args;
use futures_util::{StreamExt as _, stream};
use hap_host::client::{Client, PluginSummary, UsageView};
use serde_json::json;
use tokio::time::timeout;

use super::reach::{Reach, failure};
use crate::{
    failure::{Exit, Failure},
    terminal::{Console, Table, harmless},
};

/// Calls for what plugins use that are made at a time.
const AT_A_TIME: usize = 8;
/// Longest wait for one of them: the list is worth more than its last column.
const USAGE: Duration = Duration::from_secs(3);

/// Lists the installed plugins: where each is, what it uses, and what is wrong with it
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
    hap ps
    hap ps --wide
    hap --json ps")]
pub(crate) struct Ps {
    /// Shows whole lines, wider than the terminal
    #[arg(long)]
    wide: bool,

    #[command(flatten)]
    reach: Reach,
}

impl Ps {
    pub(crate) async fn run(self, console: &Console) -> Result<Exit, Failure> {
        let client = self.reach.client()?;
        let plugins = client
            .list_plugins()
            .await
            .map_err(|error| failure(&error))?
            .plugins;
        let plugins = with_usage(&client, plugins).await;
        let mut table = Table::new(["ID", "VERSION", "STATE", "RESTARTS", "CPU", "MEMORY", "PROBLEM"]);
        for (plugin, usage) in &plugins {
            table.row([
                plugin.id.to_string(),
                plugin.version.clone(),
                state(plugin),
                plugin.restarts.to_string(),
                cpu(usage.as_ref()),
                usage
                    .as_ref()
                    .map_or_else(|| "-".to_owned(), |usage| bytes(usage.memory_bytes)),
                plugin.problem.clone().unwrap_or_default(),
            ]);
        }
        let listed: Vec<_> = plugins
            .iter()
            .map(|(plugin, usage)| json!({ "plugin": plugin, "usage": usage }))
            .collect();
        let text = if plugins.is_empty() {
            "no plugin is installed; hap install FILE installs one".to_owned()
        } else {
            table.shown(self.wide)
        };
        console.result("ps", &json!({ "plugins": listed }), text);
        Ok(Exit::Done)
    }
}

/// Asks for what each uses, in their order. What cannot be told is left out.
async fn with_usage(client: &Client, plugins: Vec<PluginSummary>) -> Vec<(PluginSummary, Option<UsageView>)> {
    stream::iter(plugins)
        .map(|plugin| async move {
            let may_run = !matches!(&*plugin.phase, "stopped" | "finished" | "failed");
            let usage = if may_run {
                timeout(USAGE, client.get_usage(&plugin.id))
                    .await
                    .ok()
                    .and_then(Result::ok)
            } else {
                None
            };
            (plugin, usage)
        })
        .buffered(AT_A_TIME)
        .collect()
        .await
}

/// Where it is, and where it shall be when that is another place.
fn state(plugin: &PluginSummary) -> String {
    let phase = harmless(&plugin.phase);
    let down = matches!(&*plugin.phase, "stopped" | "finished");
    if plugin.desired == "running" && down {
        format!("{phase}, wanted running")
    } else {
        phase
    }
}

pub(super) fn cpu(usage: Option<&UsageView>) -> String {
    usage
        .and_then(|usage| usage.cpu_percent)
        .map_or_else(|| "-".to_owned(), |percent| format!("{percent:.1} %"))
}

/// Bytes for people, in units of 1024.
pub(super) fn bytes(count: u64) -> String {
    let mut unit = "B";
    let mut tenths = u128::from(count) * 10;
    for next in ["KiB", "MiB", "GiB", "TiB"] {
        if tenths < 10_240 {
            break;
        }
        tenths /= 1024;
        unit = next;
    }
    if unit == "B" || tenths >= 1000 {
        format!("{} {unit}", tenths / 10)
    } else {
        format!("{}.{} {unit}", tenths / 10, tenths % 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_told_in_few_letters() {
        let told = [0, 1023, 1024, 1536, 5 << 20, 64 << 20, 3 << 30].map(bytes);
        assert_eq!(
            told,
            [
                "0 B", "1023 B", "1.0 KiB", "1.5 KiB", "5.0 MiB", "64.0 MiB", "3.0 GiB"
            ]
        );
        assert_eq!(bytes(200 << 20), "200 MiB");
        assert_eq!(bytes(u64::MAX), "16777215 TiB");
    }
}
