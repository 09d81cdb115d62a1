//! The configuration file of a host: TOML, with the keys of [`SupervisorConfig`] and a few of the host's own.

mod tables;
#[cfg(test)]
mod tests;
mod toml;

use std::{
    fmt::Write as _,
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use hap_host::SupervisorConfig;
use hap_manifest::{
    Issue,
    document::{self, Rules},
};
use serde_json::{Map, Value, json};

pub(crate) use self::tables::{Api, Format, Level, Log, Metrics, OnExit};
use self::tables::{OWN, Shape};
use crate::failure::{Exit, Failure};

/// Most bytes of a file.
const MOST: u64 = 1 << 20;

/// What a host is told by its file.
#[derive(Debug)]
pub(crate) struct HostConfig {
    pub(crate) supervisor: SupervisorConfig,
    pub(crate) api: Api,
    pub(crate) metrics: Metrics,
    pub(crate) log: Log,
    pub(crate) on_exit: OnExit,
    /// The supervisor's keys as the file has them.
    given: Map<String, Value>,
}

impl HostConfig {
    /// Reads the file, or takes the defaults where there is none to read.
    pub(crate) fn read(file: Option<&Path>, state: &Path) -> Result<Self, Failure> {
        let Some(path) = file else {
            return Self::parse("", Path::new("the defaults"), state);
        };
        let mut text = String::new();
        let opened = File::open(path).and_then(|file| file.take(MOST + 1).read_to_string(&mut text));
        opened.map_err(|error| unreadable(path, &error))?;
        if text.len() as u64 > MOST {
            let message = format!("the configuration file {} is longer than 1 MiB", path.display());
            return Err(Failure::new(Exit::Failed, "invalid_config", message));
        }
        Self::parse(&text, path, state)
    }

    fn parse(text: &str, path: &Path, state: &Path) -> Result<Self, Failure> {
        let file = toml::File::parse(text).map_err(|error| {
            let place = error.place.map(|(line, column)| format!(":{line}:{column}"));
            let message = format!(
                "{}{} is no TOML: {}",
                path.display(),
                place.unwrap_or_default(),
                error.message.replace('\n', ", ")
            );
            Failure::new(Exit::Failed, "invalid_config", message)
        })?;
        let json = file.to_json();
        let mut problems = Vec::new();
        let shape = document::read_with(Value::Object(json.clone()).to_string().as_bytes(), check)
            .unwrap_or_else(|error| {
                problems.extend(error.issues().iter().cloned());
                Shape::default()
            });
        let mut given = json;
        given.retain(|key, _| !OWN.contains(&key.as_str()));
        let mut whole = given.clone();
        // What is wrong with the names of keys is told already.
        whole.retain(|key, _| !problems.iter().any(|issue| issue.pointer() == format!("/{key}")));
        whole.insert("state_folder".to_owned(), json!(state));
        let supervisor = SupervisorConfig::from_json(&Value::Object(whole).to_string());
        let supervisor = supervisor.map_err(|error| problems.extend(error.issues().iter().cloned()));
        match supervisor {
            Ok(supervisor) if problems.is_empty() => Ok(Self {
                supervisor,
                api: beside(shape.api, path),
                metrics: shape.metrics,
                log: shape.log,
                on_exit: shape.on_exit,
                given,
            }),
            _ => Err(refused(path, &file, problems)),
        }
    }

    /// Returns the values that hold, as a file that is read the same. What is left out of the supervisor's keys has the default
    /// that `docs/hap-up.md` names.
    pub(crate) fn to_toml(&self) -> String {
        let mut whole = self.given.clone();
        whole.insert("on_exit".to_owned(), json!(self.on_exit));
        whole.insert("log".to_owned(), json!(self.log));
        whole.insert("api".to_owned(), json!(self.api));
        whole.insert("metrics".to_owned(), json!(self.metrics));
        // In TOML an absent key is what null is in JSON.
        let mut whole = Value::Object(whole);
        drop_nulls(&mut whole);
        ::toml::to_string_pretty(&whole).unwrap_or_default()
    }

    /// Returns the keys whose values differ from another reading of the file and that hold after a restart alone.
    pub(crate) fn needs_restart(&self, new: &Self) -> Vec<String> {
        let keys = self.given.keys().chain(new.given.keys());
        let mut changed: Vec<String> = keys
            .filter(|key| self.given.get(*key) != new.given.get(*key))
            .cloned()
            .collect();
        let own = [
            ("api.listen", self.api.listen != new.api.listen),
            ("api.certificate", self.api.certificate != new.api.certificate),
            ("api.key", self.api.key != new.api.key),
            ("api.hosts", self.api.hosts != new.api.hosts),
            ("metrics.listen", self.metrics != new.metrics),
            ("log.format", self.log.format != new.log.format),
        ];
        let own = own.into_iter().filter(|(_, differs)| *differs);
        changed.extend(own.map(|(key, _)| key.to_owned()));
        changed.sort();
        changed.dedup();
        changed
    }
}

/// The rules between keys.
fn check(shape: &Shape, rules: &mut Rules) {
    if shape.names_state_folder() {
        let rule = "the file does not name the state folder, so that every command finds the same one";
        rules.refuse("/state_folder", rule, "give --state DIR, or HAP_STATE=DIR");
    }
    let api = &shape.api;
    let is_open = api.listen.is_some_and(|address| !address.0.ip().is_loopback());
    match (&api.certificate, &api.key) {
        (None, None) if is_open => rules.refuse(
            "/api/listen",
            "the management API is served beyond this machine with a certificate alone",
            "name its files in certificate and key, or listen on 127.0.0.1 behind a proxy",
        ),
        (Some(_), None) => rules.refuse("/api/certificate", "it has no key", "name the file in key"),
        (None, Some(_)) => rules.refuse(
            "/api/key",
            "it has no certificate",
            "name the file in certificate",
        ),
        (Some(_), Some(_)) if api.listen.is_none() => rules.refuse(
            "/api/certificate",
            "there is no address to use it on",
            "write for example listen = \"0.0.0.0:8443\"",
        ),
        _ => {}
    }
}

/// Paths of a file begin at its folder.
fn beside(api: Api, file: &Path) -> Api {
    let folder = file.parent().unwrap_or(Path::new("."));
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let place = |path: PathBuf| folder.join(path);
    Api {
        certificate: api.certificate.map(place),
        key: api.key.map(place),
        ..api
    }
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    let exit = match error.kind() {
        std::io::ErrorKind::NotFound => Exit::NotFound,
        _ => Exit::Failed,
    };
    let message = format!(
        "the configuration file {} cannot be read: {error}",
        path.display()
    );
    Failure::new(exit, "unreadable_config", message)
        .help("name another one with --config FILE, or HAP_CONFIG=FILE; without a file the defaults hold")
}

/// All problems of a file at once, each with its place and what to do.
fn refused(path: &Path, file: &toml::File<'_>, mut problems: Vec<Issue>) -> Failure {
    problems.sort_by_key(|issue| file.place_of(issue.pointer()));
    let count = if problems.len() == 1 {
        "a problem"
    } else {
        "problems"
    };
    let mut message = format!("{} has {count}:", path.display());
    for issue in &problems {
        message.push_str("\n  ");
        if let Some((line, column)) = file.place_of(issue.pointer()) {
            let _ = write!(message, "{line}:{column}: ");
        }
        let key = issue.pointer().trim_start_matches('/').replace('/', ".");
        let _ = write!(message, "{key}: {}", issue.message());
        if let Some(help) = issue.help() {
            let _ = write!(message, "; {help}");
        }
    }
    let told: Vec<_> = problems
        .iter()
        .map(|issue| {
            let (line, column) = file.place_of(issue.pointer()).unzip();
            json!({
                "key": issue.pointer(), "line": line, "column": column,
                "message": issue.message(), "help": issue.help(),
            })
        })
        .collect();
    Failure::new(Exit::Failed, "invalid_config", message)
        .help("docs/hap-up.md describes every key, and hap up --check-config reads the file without starting anything")
        .details(json!({ "problems": told }))
}
