//! `hap up`: a host in the foreground, as a service manager runs it.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use crate::{
    failure::{Exit, Failure},
    host::{Host, HostConfig},
    site,
    terminal::Console,
};

/// Runs a host: supervises plugins and serves the management API, until it is told to end
///
/// Without a configuration file the defaults hold, which are those of a household: Docker, and the management API on a Unix
/// socket in the state folder, for this user alone. docs/hap-up.md has every key. SIGTERM and Ctrl-C end it in order, a second
/// one at once; SIGHUP makes it read its file again. Plugins go on without it unless on_exit = "stop", and the next host adopts
/// them.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
    hap up
    hap up --config /etc/hap/hap.toml --state /var/lib/hap
    hap up --check-config
    hap up --print-config > hap.toml")]
pub(crate) struct Up {
    /// The configuration file, TOML
    #[arg(long, value_name = "FILE", env = "HAP_CONFIG")]
    config: Option<PathBuf>,

    /// The folder with the host's state and its socket
    #[arg(long, value_name = "DIR", env = "HAP_STATE")]
    state: Option<PathBuf>,

    /// Reads the configuration, says what is wrong with it, and starts nothing
    #[arg(long, conflicts_with = "print_config")]
    check_config: bool,

    /// Prints the configuration that holds, as TOML, and starts nothing
    #[arg(long)]
    print_config: bool,
}

impl Up {
    pub(crate) async fn run(self, console: &Console) -> Result<Exit, Failure> {
        let state = whole(&site::state_folder(self.state.as_deref())?)?;
        let file = site::configuration(self.config.as_deref());
        let file = file.as_deref().map(whole).transpose()?;
        let config = HostConfig::read(file.as_deref(), &state)?;
        let read = json!({ "file": file, "state": state });
        if self.check_config {
            let name = file.as_ref().map(|file| file.display().to_string());
            let name = name.unwrap_or_else(|| "no file; the defaults".to_owned());
            console.result("up", &read, format_args!("{name}: fine"));
            return Ok(Exit::Done);
        }
        if self.print_config {
            let text = config.to_toml();
            let result = json!({ "file": file, "state": state, "toml": text });
            console.result("up", &result, text.trim_end());
            return Ok(Exit::Done);
        }
        for warning in config.supervisor.policy().warnings() {
            console.warning(format_args!("of the policy: {warning}"));
        }
        Box::pin(Host { state, file, config }.run(console)).await
    }
}

/// The path from the root on, as it is told to others and kept.
fn whole(path: &Path) -> Result<PathBuf, Failure> {
    let refuse = |why: &dyn std::fmt::Display| {
        let message = format!("the path {} cannot be used: {why}", path.display());
        Failure::new(Exit::Usage, "invalid_path", message).help("name another one")
    };
    let path = std::path::absolute(path).map_err(|error| refuse(&error))?;
    match path.to_str() {
        Some(_) => Ok(path),
        None => Err(refuse(&"it is no UTF-8")),
    }
}
