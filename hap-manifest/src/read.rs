//! From JSON to a [`Manifest`], collecting everything that is wrong.

use std::collections::BTreeMap;

use semver::{Version, VersionReq};
use serde_json::Value;

use crate::check;
use crate::collect::Collector;
use crate::error::quoted;
use crate::fields::{Fields, mismatch, text};
use crate::listing::line;
use crate::manifest::{self, Manifest, Parsed};
use crate::report::{Issue, IssueCode, ManifestError};
use crate::{
    ApiPort, CpuLimit, Dependency, EnvName, HealthCheck, Listing, ParseError, PidsLimit, PluginId,
    RestartPolicy,
};

/// Longest value of an environment variable, in bytes.
const MAX_ENV_VALUE: usize = 32 * 1024;
/// Longest description, in characters.
const MAX_DESCRIPTION: usize = 10_000;

pub(crate) fn from_text(text: &str) -> Result<Parsed, ManifestError> {
    if text.len() > Manifest::MAX_BYTES {
        let message = format!(
            "the manifest has {} bytes, at most {} are allowed",
            text.len(),
            Manifest::MAX_BYTES
        );
        return Err(ManifestError::new(vec![Issue::new(
            "",
            IssueCode::TooLarge,
            message,
        )]));
    }
    match serde_json::from_str::<Value>(text) {
        Ok(value) => from_value(&value),
        Err(error) => Err(ManifestError::new(vec![Issue::new(
            "",
            IssueCode::InvalidJson,
            error.to_string(),
        )])),
    }
}

pub(crate) fn from_value(value: &Value) -> Result<Parsed, ManifestError> {
    let mut collector = Collector::default();
    let manifest = read(value, &mut collector);
    if let Some(manifest) = &manifest {
        check::all(manifest, &mut collector);
    }
    match manifest {
        Some(manifest) if !collector.refused() => Ok(Parsed {
            manifest,
            warnings: collector.into_issues(),
        }),
        _ => Err(ManifestError::new(collector.into_issues())),
    }
}

/// Reads all fields before it gives up for the lack of a required one.
fn read(value: &Value, collector: &mut Collector) -> Option<Manifest> {
    let mut fields = Fields::of(value, "", collector)?;
    let id = fields.required("id", |f, key| f.text(key, str::parse));
    let name = fields.required("name", |f, key| f.text(key, |text| line("name", text)));
    let version = fields.required("version", |f, key| f.text(key, version));
    let description = fields.required("description", |f, key| f.text(key, description));
    let author = fields.required("author", |f, key| f.text(key, author));
    let image = fields.required("image", |f, key| f.text(key, str::parse));
    let api_port = fields
        .integer("api_port", ApiPort::from_number)
        .unwrap_or_default();
    let cpu_limit = fields.number("cpu_limit", CpuLimit::from_cores);
    let memory_limit = fields.text("memory_limit", str::parse);
    let network_access = fields.flag("network_access").unwrap_or(true);
    let device_access = fields.flag("device_access").unwrap_or(false);
    let dockerfile = fields
        .text("dockerfile", |text| line("dockerfile", text))
        .unwrap_or_else(manifest::dockerfile);
    let health_check_path = fields
        .text("health_check_path", str::parse)
        .unwrap_or_else(manifest::health_check_path);
    let command_endpoint = fields
        .text("command_endpoint", str::parse)
        .unwrap_or_else(manifest::command_endpoint);
    let status_endpoint = fields
        .text("status_endpoint", str::parse)
        .unwrap_or_else(manifest::status_endpoint);
    let config_endpoint = fields
        .text("config_endpoint", str::parse)
        .unwrap_or_else(manifest::config_endpoint);
    let env_vars = env_vars(&mut fields);
    let volumes = fields.texts("volumes", str::parse);
    let depends_on = fields.list("depends_on", dependency);
    let listing = Listing::read(&mut fields);
    let config_schema = config_schema(&mut fields);
    let secrets = fields.texts("secrets", |text| line("secret", text));
    let devices = fields.texts("devices", str::parse);
    let capabilities = fields.texts("capabilities", str::parse);
    let user = fields.text("user", str::parse);
    let writable_rootfs = fields.flag("writable_rootfs").unwrap_or(false);
    let tmpfs = fields.texts("tmpfs", str::parse);
    let pids_limit = fields.integer("pids_limit", PidsLimit::from_number);
    let health_check = health_check(&mut fields);
    let stop_timeout = fields.text("stop_timeout", str::parse);
    let restart = fields
        .take("restart")
        .and_then(|(value, at)| RestartPolicy::read(value, &at, fields.collector()));
    let platform = fields.text("platform", version_range);
    fields.finish();
    Some(Manifest {
        id: id?,
        name: name?,
        version: version?,
        description: description?,
        author: author?,
        image: image?,
        api_port,
        cpu_limit,
        memory_limit,
        network_access,
        device_access,
        dockerfile,
        health_check_path,
        command_endpoint,
        status_endpoint,
        config_endpoint,
        env_vars,
        volumes,
        depends_on,
        listing,
        config_schema,
        secrets,
        devices,
        capabilities,
        user,
        writable_rootfs,
        tmpfs,
        pids_limit,
        health_check,
        stop_timeout,
        restart,
        platform,
    })
}

fn version(text: &str) -> Result<Version, ParseError> {
    text.parse().map_err(|error: semver::Error| {
        ParseError::new("version", quoted(text), error).with_help("write for example \"1.0.0\"")
    })
}

fn version_range(text: &str) -> Result<VersionReq, ParseError> {
    text.parse().map_err(|error: semver::Error| {
        ParseError::new("version range", quoted(text), error).with_help("write for example \"^1.2\"")
    })
}

fn author(text: &str) -> Result<String, ParseError> {
    if text.is_empty() {
        Ok(String::new())
    } else {
        line("author", text)
    }
}

fn description(text: &str) -> Result<String, ParseError> {
    let length = text.chars().count();
    if length > MAX_DESCRIPTION {
        let rule = format!("it has {length} characters, at most {MAX_DESCRIPTION} are allowed");
        return Err(ParseError::new("description", quoted(text), rule));
    }
    Ok(text.to_owned())
}

fn env_vars(fields: &mut Fields<'_, '_>) -> BTreeMap<EnvName, String> {
    let mut env_vars = BTreeMap::new();
    for (name, value, at) in fields.entries("env_vars") {
        let collector = fields.collector();
        let name = name
            .parse::<EnvName>()
            .map_err(|error| collector.push(Issue::refused(&at, &error).at_key()));
        let value = text(value, at, collector, env_value);
        if let (Ok(name), Some(value)) = (name, value) {
            env_vars.insert(name, value);
        }
    }
    env_vars
}

/// The value is not repeated in messages: it may well be a password.
fn env_value(text: &str) -> Result<String, ParseError> {
    if text.contains('\0') {
        return Err(ParseError::hidden(
            "environment variable",
            "its value has a NUL character",
        ));
    }
    if text.len() > MAX_ENV_VALUE {
        let rule = format!(
            "its value has {} bytes, at most {MAX_ENV_VALUE} are allowed",
            text.len()
        );
        return Err(ParseError::hidden("environment variable", rule));
    }
    Ok(text.to_owned())
}

fn dependency(value: &Value, at: String, collector: &mut Collector) -> Option<Dependency> {
    if !value.is_object() {
        return text(value, at, collector, str::parse::<PluginId>).map(Dependency::new);
    }
    let mut fields = Fields::of(value, &at, collector)?;
    let id = fields.required("id", |f, key| f.text(key, str::parse));
    let version = fields.text("version", version_range);
    fields.finish();
    let dependency = Dependency::new(id?);
    Some(match version {
        Some(version) => dependency.with_version(version),
        None => dependency,
    })
}

fn config_schema(fields: &mut Fields<'_, '_>) -> Option<Value> {
    let (value, at) = fields.take("config_schema")?;
    if !(value.is_object() || value.is_boolean()) {
        let message = mismatch("a JSON Schema, an object", value);
        fields
            .collector()
            .push(Issue::new(at, IssueCode::WrongType, message));
        return None;
    }
    Some(value.clone())
}

fn health_check(outer: &mut Fields<'_, '_>) -> HealthCheck {
    let Some((value, at)) = outer.take("health_check") else {
        return HealthCheck::default();
    };
    let Some(mut fields) = Fields::of(value, &at, outer.collector()) else {
        return HealthCheck::default();
    };
    let interval = fields.text("interval", str::parse);
    let timeout = fields.text("timeout", str::parse);
    let retries = fields.integer("retries", |number| {
        let rule = "it must be from 1 to 100";
        u32::try_from(number).map_err(|_| ParseError::new("health check retries", number, rule))
    });
    let start_period = fields.text("start_period", str::parse);
    fields.finish();
    HealthCheck::from_parts(interval, timeout, retries, start_period)
}
