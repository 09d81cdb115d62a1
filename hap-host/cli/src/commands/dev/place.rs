use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
};

use hap_conformance::platform::Platform;
use hap_manifest::{EnvName, env};
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    failure::{Exit, Failure},
    project::Project,
    terminal::Console,
};

/// Where a plugin runs: its platform, its port and its data.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) platform: Platform,
    pub(super) port: u16,
    /// Removed at the end.
    data: Option<TempDir>,
}

/// Settings, and the file that they are read from.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) file: PathBuf,
    pub(super) value: Value,
}

impl Place {
    pub(super) async fn new(
        project: &Project,
        port: Option<u16>,
        console: &Console,
    ) -> Result<Self, Failure> {
        let manifest = project.manifest();
        let failed = |what: &str, error: std::io::Error| {
            Failure::new(Exit::Failed, "no_platform", format!("{what}: {error}"))
        };
        let port = choose(port, manifest.api_port().get(), console)?;
        let platform = Platform::start(manifest.id()).await;
        let platform = platform.map_err(|error| failed("the emulated platform cannot listen", error))?;
        let data = (!manifest.volumes().is_empty()).then(|| TempDir::with_prefix("hap-dev-"));
        let data = data.transpose().map_err(|error| {
            failed("no folder for the plugin's data can be made", error)
                .help("another place for it can be named as TMPDIR")
        })?;
        Ok(Self { platform, port, data })
    }

    /// All variables of a plugin: the platform's, those of its manifest, and those of the command line.
    pub(super) fn environment(&self, project: &Project, more: &[(String, String)]) -> Vec<(String, String)> {
        let manifest = project.manifest();
        let own = manifest.env_vars().iter();
        let mut all: Vec<_> = own
            .map(|(name, value)| (name.to_string(), value.clone()))
            .collect();
        all.extend(more.iter().cloned());
        let given = [
            (env::PLUGIN_ID, manifest.id().to_string()),
            (env::PLUGIN_NAME, manifest.name().to_owned()),
            (env::PLUGIN_VERSION, manifest.version().to_string()),
            (env::PORT, self.port.to_string()),
        ];
        let data = self.data.as_ref().map(|data| data.path().display().to_string());
        let data = data.map(|data| (env::HAP_DATA_DIR, data));
        let given = given.into_iter().chain(self.platform.environment()).chain(data);
        all.extend(given.map(|(name, value)| (name.to_owned(), value)));
        all
    }
}

/// The port that was asked for, else that of the manifest, else one that is free.
fn choose(asked: Option<u16>, usual: u16, console: &Console) -> Result<u16, Failure> {
    let is_free = |port: u16| TcpListener::bind((Ipv4Addr::UNSPECIFIED, port));
    if let Some(port) = asked {
        return match is_free(port) {
            Ok(_) => Ok(port),
            Err(error) => Err(Failure::new(
                Exit::Conflict,
                "port_in_use",
                format!("port {port} cannot be used: {error}"),
            )
            .help("name another one with --port, or none, and a free one is found")),
        };
    }
    if is_free(usual).is_ok() {
        return Ok(usual);
    }
    let free = is_free(0).and_then(|listener| listener.local_addr());
    let free = free
        .map_err(|error| Failure::new(Exit::Conflict, "port_in_use", format!("no port is free: {error}")))?;
    console.note(format_args!(
        "port {usual} of the manifest is in use; the plugin gets {}",
        free.port()
    ));
    Ok(free.port())
}

/// Variables as `NAME=VALUE`.
pub(super) fn variables(texts: &[String]) -> Result<Vec<(String, String)>, Failure> {
    texts.iter().map(|text| variable(text)).collect()
}

fn variable(text: &str) -> Result<(String, String), Failure> {
    let bad = |why: String| {
        Failure::new(Exit::Usage, "invalid_variable", format!("--env {text:?}: {why}"))
            .help("write NAME=VALUE, such as --env LOG_LEVEL=debug")
    };
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| bad("there is no `=`".to_owned()))?;
    let name: EnvName = name
        .parse()
        .map_err(|error: hap_manifest::ParseError| bad(error.to_string()))?;
    if name.is_reserved() {
        return Err(bad(format!("the platform sets {name} itself")));
    }
    Ok((name.to_string(), value.to_owned()))
}

/// Reads a file of settings.
pub(super) fn settings(file: &Path) -> Result<Settings, Failure> {
    let failed = |exit: Exit, why: String| {
        let message = format!("the settings in {} cannot be read: {why}", file.display());
        Failure::new(exit, "bad_settings", message).help("write a JSON object, such as {\"volume\": 30}")
    };
    let missing = |error: std::io::Error| failed(Exit::NotFound, error.to_string());
    let text = fs::read_to_string(file).map_err(missing)?;
    let value: Value =
        serde_json::from_str(&text).map_err(|error| failed(Exit::Failed, error.to_string()))?;
    if !value.is_object() {
        return Err(failed(Exit::Failed, "it is no object".to_owned()));
    }
    let file = fs::canonicalize(file).map_err(missing)?;
    Ok(Settings { file, value })
}
