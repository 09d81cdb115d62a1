//! Readers of the fields that are more than one value type.

use std::collections::BTreeMap;

use semver::Version;
use serde_json::Value;

use super::check::rules;
use super::fields::{Fields, text};
use super::limits::{MAX_DESCRIPTION, MAX_ENV_VALUE};
use crate::diagnostics::collector::Collector;
use crate::diagnostics::issue_code::IssueCode;
use crate::diagnostics::report::Issue;
use crate::diagnostics::text::mismatch;
use crate::json::node::Node;
use crate::value::{
    dependency::Dependency, env::EnvName, error::ParseError, error::quoted, error::too_long,
    health::HealthCheck, id::PluginId, likely_version, schema::MAX_LINE, text::line, text::lines,
    version_range,
};

pub(super) fn version(text: &str) -> Result<Version, ParseError> {
    // The version is used in the plugin's environment and in file names.
    if text.len() > MAX_LINE {
        let rule = too_long(text.chars().count(), "characters", MAX_LINE);
        return Err(
            ParseError::new("version", quoted(text), rule).with_help("shorten what follows the numbers")
        );
    }
    text.parse().map_err(|error: semver::Error| {
        let error = ParseError::new("version", quoted(text), error);
        error.with_help(match likely_version::version(text) {
            Some(meant) => format!("write \"{meant}\""),
            None => "write for example \"1.0.0\"".to_owned(),
        })
    })
}

pub(super) fn author(text: &str) -> Result<String, ParseError> {
    if text.is_empty() {
        Ok(String::new())
    } else {
        line("author", text)
    }
}

pub(super) fn description(text: &str) -> Result<String, ParseError> {
    let length = text.chars().count();
    if length > MAX_DESCRIPTION {
        let rule = too_long(length, "characters", MAX_DESCRIPTION);
        return Err(ParseError::new("description", quoted(text), rule));
    }
    lines("description", text)?;
    Ok(text.to_owned())
}

pub(super) fn env_vars(fields: &mut Fields<'_, '_>) -> BTreeMap<EnvName, String> {
    let mut env_vars = BTreeMap::new();
    let Some(object) = fields.entries("env_vars") else {
        return env_vars;
    };
    for member in object.children() {
        let name = member.key().parse::<EnvName>();
        match &name {
            Ok(name) => fields.report(rules::env_name(member, name)),
            Err(error) => fields.report([Issue::refused(member, error).at_key()]),
        }
        let value = text(member, fields.collector(), env_value);
        if let (Ok(name), Some(value)) = (name, value) {
            env_vars.insert(name, value);
        }
    }
    env_vars
}

/// Checks a value without repeating it in messages: it may well be a password.
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

pub(super) fn dependency(value: Node<'_>, collector: &mut Collector) -> Option<Dependency> {
    if !value.is_object() {
        return text(value, collector, dependency_id).map(Dependency::new);
    }
    let mut fields = Fields::of(value, collector)?;
    let id = fields.required("id", |f, key| f.text(key, str::parse));
    let version = fields.text("version", version_range::parse);
    if let Some(version) = &version {
        fields.report(rules::range(format!("{value}/version"), version));
    }
    fields.finish();
    let dependency = Dependency::new(id?);
    Some(match version {
        Some(version) => dependency.with_version(version),
        None => dependency,
    })
}

/// Reads the id of a plugin. The help recognises an id followed by a version, the form of other
/// tools.
fn dependency_id(text: &str) -> Result<PluginId, ParseError> {
    text.parse().map_err(|error: ParseError| {
        let end = text
            .find([' ', '@', ':', '=', '^', '~', '<', '>'])
            .unwrap_or(text.len());
        let (id, version) = text.split_at(end);
        let version = version.trim_start_matches([' ', '@', ':']);
        if id.parse::<PluginId>().is_err() || version_range::parse(version).is_err() {
            return error;
        }
        error.with_help(format!("write {{\"id\": \"{id}\", \"version\": \"{version}\"}}"))
    })
}

pub(super) fn config_schema(fields: &mut Fields<'_, '_>) -> Option<Value> {
    let value = fields.take("config_schema")?;
    if !(value.is_object() || value.flag().is_some()) {
        let message = mismatch("a JSON Schema, an object", value);
        let issue = Issue::new(value, IssueCode::WrongType, message);
        let help = "write the schema itself here, for example {\"type\": \"object\", \"properties\": {}}";
        fields.collector().push(issue.with_help(help));
        return None;
    }
    Some(value.to_value())
}

pub(super) fn health_check(outer: &mut Fields<'_, '_>) -> HealthCheck {
    let Some(value) = outer.take("health_check") else {
        return HealthCheck::default();
    };
    let before = outer.collector().errors();
    let check = health_check_parts(value, outer.collector()).unwrap_or_default();
    // If a part was refused, its default would be checked against the other parts.
    if outer.collector().errors() == before {
        outer.report(rules::health(value, &check));
    }
    check
}

fn health_check_parts(value: Node<'_>, collector: &mut Collector) -> Option<HealthCheck> {
    let mut fields = Fields::of(value, collector)?;
    let interval = fields.text("interval", |text| {
        text.parse().and_then(HealthCheck::checked_interval)
    });
    let timeout = fields.text("timeout", |text| {
        text.parse().and_then(HealthCheck::checked_timeout)
    });
    let retries = fields.integer("retries", HealthCheck::checked_retries);
    let start_period = fields.text("start_period", str::parse);
    fields.finish();
    Some(HealthCheck::from_parts(interval, timeout, retries, start_period))
}
