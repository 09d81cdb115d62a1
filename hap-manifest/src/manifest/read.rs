//! From JSON to a [`Manifest`], collecting everything that is wrong.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::check::endpoints::{self, Endpoints};
use super::check::{mounts, rules, secrets};
use super::fields::{Entry, Fields};
use super::listing::Listing;
use super::model::{self, Manifest, Parsed};
use super::parts;
use super::restart::RestartPolicy;
use crate::diagnostics::{
    audience::Audience,
    collector::Collector,
    encoding,
    issue_code::IssueCode,
    place::Place,
    report::{Issue, ManifestError, Severity},
    text::{duplicates, not_json},
};
use crate::json::document::Document;
use crate::json::node::Node;
use crate::value::{
    cpu::CpuLimit, number::ApiPort, number::PidsLimit, stored::without_later_rules, text::line, version_range,
};

/// A text up to this length never exceeds [`Manifest::MAX_BYTES`] when written again. Numbers grow
/// most, from `1e15` to `1000000000000000.0`; all defaults together are below a kilobyte.
const SURELY_WRITABLE: usize = 32 * 1024;

impl Manifest {
    /// Reads a manifest, letting unknown fields pass with a warning.
    ///
    /// # Errors
    /// Lists everything that is wrong with the text, each problem with its place.
    pub fn from_json(text: &str) -> Result<Parsed, ManifestError> {
        from_text(text, Audience::Host)
    }

    /// Reads the bytes of a file as [`from_json`](Self::from_json) reads a text.
    ///
    /// ```
    /// use hap_manifest::{IssueCode, Manifest};
    ///
    /// let text = r#"{"id": "lamp"}"#;
    /// let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    /// let error = Manifest::from_slice(&utf16).unwrap_err();
    /// assert_eq!(error.issues()[0].code(), IssueCode::InvalidUtf8);
    /// assert_eq!(error.issues()[0].help(), Some("save the file as UTF-8"));
    /// ```
    ///
    /// # Errors
    /// As [`from_json`](Self::from_json), and for bytes that are not UTF-8. To draw such an error,
    /// use [`String::from_utf8_lossy`] on the bytes.
    pub fn from_slice(bytes: &[u8]) -> Result<Parsed, ManifestError> {
        check_size(bytes.len(), "has").map_err(alone)?;
        let text = encoding::decode(bytes).map_err(alone)?;
        from_text(text, Audience::Host)
    }

    /// Reads a manifest for its author: what a host only warns of is refused. With the feature
    /// `config-schema` it also compiles `config_schema` and checks the defaults in it, which takes
    /// longer than all the rest.
    ///
    /// # Errors
    /// As [`from_json`](Self::from_json), and for unknown fields, a schema that cannot be used and
    /// a default that its schema refuses.
    pub fn from_json_strict(text: &str) -> Result<Self, ManifestError> {
        let parsed = from_text(text, Audience::Author)?;
        if parsed.warnings.is_empty() {
            Ok(parsed.manifest)
        } else {
            Err(ManifestError::new(parsed.warnings))
        }
    }
}

impl Manifest {
    /// Reads a manifest that this version or an earlier one took before, such as that of an
    /// installed plugin. Rules that came since do not refuse it: what they would refuse is among the
    /// warnings. A manifest that comes from elsewhere is read by [`from_json`](Self::from_json).
    ///
    /// ```
    /// use hap_manifest::Manifest;
    ///
    /// let id = "0".repeat(64);
    /// let text = format!(
    ///     r#"{{"id":"lamp","name":"Lamp","version":"1.0.0","description":"","author":"","image":"sha256:{id}"}}"#
    /// );
    /// assert!(Manifest::from_json(&text).is_err());
    /// let stored = Manifest::from_stored_json(&text)?;
    /// assert!(stored.warnings[0].to_string().contains("image id"));
    /// # Ok::<(), hap_manifest::ManifestError>(())
    /// ```
    ///
    /// # Errors
    /// As [`from_json`](Self::from_json), for what no version took.
    pub fn from_stored_json(text: &str) -> Result<Parsed, ManifestError> {
        let refusal = match Self::from_json(text) {
            Err(refusal) => refusal,
            read => return read,
        };
        let mut stored = without_later_rules(|| Self::from_json(text))?;
        let issues = refusal.issues().iter().cloned();
        stored.warnings = issues
            .map(|issue| issue.with_severity(Severity::Warning))
            .collect();
        Ok(stored)
    }

    /// Reads a manifest within a stored record, as [`from_stored_json`](Self::from_stored_json)
    /// does; warnings are lost. For serde's `deserialize_with`.
    ///
    /// # Errors
    /// As [`from_stored_json`](Self::from_stored_json).
    pub fn deserialize_stored<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        without_later_rules(|| from_value(&value, Audience::Host))
            .map(|parsed| parsed.manifest)
            .map_err(serde::de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Manifest {
    /// Reads leniently, as [`Manifest::from_json`] does; warnings are lost.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        from_value(&value, Audience::Host)
            .map(|parsed| parsed.manifest)
            .map_err(serde::de::Error::custom)
    }
}

fn from_text(text: &str, audience: Audience) -> Result<Parsed, ManifestError> {
    check_size(text.len(), "has").map_err(alone)?;
    let document = Document::read(text).map_err(|mistake| {
        let place = Place::of(text, &mistake.span);
        alone(not_json(mistake).at_place(place))
    })?;
    let mut collector = Collector::default();
    duplicates(text, &document, &mut collector);
    let manifest = judge(text, &document, audience, &mut collector);
    finish(manifest, collector, |issues| {
        let mut issues: Vec<_> = issues
            .into_iter()
            .map(|issue| issue.located(text, &document).for_audience(audience))
            .collect();
        // What is not listed comes last.
        issues.sort_by_key(|issue| (issue.code() == IssueCode::MoreIssues, issue.place()));
        issues
    })
}

/// Reads a parsed value by the rules for texts, since it will be written as a text and read again.
/// Its issues have no place.
pub(super) fn from_value(value: &Value, audience: Audience) -> Result<Parsed, ManifestError> {
    let text = value.to_string();
    check_size(text.len(), "has").map_err(alone)?;
    let document = Document::read(&text).map_err(|mistake| alone(not_json(mistake)))?;
    let mut collector = Collector::default();
    let manifest = judge(&text, &document, audience, &mut collector);
    finish(manifest, collector, |issues| {
        issues
            .into_iter()
            .map(|issue| issue.for_audience(audience))
            .collect()
    })
}

fn check_size(length: usize, is: &str) -> Result<(), Issue> {
    let most = Manifest::MAX_BYTES;
    if length <= most {
        return Ok(());
    }
    let message = format!("the manifest {is} {length} bytes, at most {most} are allowed");
    Err(Issue::new("", IssueCode::TooLarge, message))
}

/// Refuses a text for something that leaves nothing to read.
fn alone(issue: Issue) -> ManifestError {
    ManifestError::new(vec![issue])
}

/// Reads the manifest, and makes sure that it can be written and read again.
fn judge(
    text: &str,
    document: &Document<'_>,
    audience: Audience,
    collector: &mut Collector,
) -> Option<Manifest> {
    let manifest = read(document.root(), audience, collector)?;
    if text.len() > SURELY_WRITABLE {
        let length = manifest.to_compact_json().len();
        if let Err(issue) = check_size(length, "would be written with") {
            collector.push(issue);
        }
    }
    Some(manifest)
}

fn finish(
    manifest: Option<Manifest>,
    collector: Collector,
    arrange: impl FnOnce(Vec<Issue>) -> Vec<Issue>,
) -> Result<Parsed, ManifestError> {
    match manifest {
        Some(manifest) if !collector.refused() => Ok(Parsed {
            manifest,
            warnings: arrange(collector.into_issues()),
        }),
        _ => Err(ManifestError::new(arrange(collector.into_issues()))),
    }
}

/// Reads all fields and applies all rules, even if a required field is missing.
fn read(value: Node<'_>, audience: Audience, collector: &mut Collector) -> Option<Manifest> {
    let mut fields = Fields::of(value, collector)?;
    let f = &mut fields;
    let id = f.required("id", |f, key| f.text(key, str::parse));
    let name = f.required("name", |f, key| f.text(key, |text| line("name", text)));
    let version = f.required("version", |f, key| f.text(key, parts::version));
    let description = f.required("description", |f, key| f.text(key, parts::description));
    let author = f.required("author", |f, key| f.text(key, parts::author));
    let image = f.required("image", |f, key| f.text(key, str::parse));
    let api_port = f.integer("api_port", ApiPort::from_number).unwrap_or_default();
    let cpu_limit = f.number("cpu_limit", CpuLimit::from_cores);
    let memory_limit = f.text("memory_limit", str::parse);
    let network_access = f.flag("network_access").unwrap_or(true);
    let device_access = f.or_default("device_access", || false, Fields::flag);
    let dockerfile = f.text("dockerfile", str::parse).unwrap_or_default();
    let path = |f: &mut Fields<'_, '_>, key| f.text(key, str::parse);
    let endpoints = Endpoints {
        health: f.or_default("health_check_path", model::health_check_path, path),
        command: f.or_default("command_endpoint", model::command_endpoint, path),
        status: f.or_default("status_endpoint", model::status_endpoint, path),
        config: f.or_default("config_endpoint", model::config_endpoint, path),
    };
    let env_vars = parts::env_vars(f);
    let volumes = f.texts("volumes", str::parse);
    let depends_on = f.list("depends_on", parts::dependency);
    let listing = Listing::read(f);
    let config_schema = parts::config_schema(f);
    let secrets = f.texts("secrets", |text| line("secret", text));
    let devices = f.texts("devices", str::parse);
    let capabilities = f.texts("capabilities", str::parse);
    let user = f.text("user", str::parse);
    let writable_rootfs = f.flag("writable_rootfs").unwrap_or(false);
    let tmpfs = f.texts("tmpfs", str::parse);
    let pids_limit = f.integer("pids_limit", PidsLimit::from_number);
    let health_check = parts::health_check(f);
    let stop_timeout = f.text("stop_timeout", str::parse);
    let restart = f
        .take("restart")
        .and_then(|value| RestartPolicy::read(value, f.collector()));
    let platform = f.text("platform", version_range::parse);

    f.report(image.as_ref().and_then(|image| rules::registry("/image", image)));
    f.report(endpoints::endpoints(value, &endpoints));
    f.report(mounts::mounts(&volumes, &tmpfs));
    f.report(rules::depends_on(id.as_ref(), &depends_on));
    f.report(secrets::secrets(&secrets, config_schema.as_ref()));
    if audience == Audience::Author {
        f.report(secrets::config_schema(&secrets, config_schema.as_ref()));
    }
    f.report(rules::devices(&devices, device_access));
    f.report(rules::capabilities(&capabilities));
    f.report(
        platform
            .as_ref()
            .and_then(|range| rules::range("/platform", range)),
    );
    // Editors look here for the schema of a file.
    fields.pass("$schema");
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
        device_access: device_access?,
        dockerfile,
        health_check_path: endpoints.health?,
        command_endpoint: endpoints.command?,
        status_endpoint: endpoints.status?,
        config_endpoint: endpoints.config?,
        env_vars,
        volumes: Entry::distinct(volumes),
        depends_on: Entry::distinct(depends_on),
        listing,
        config_schema,
        secrets: Entry::distinct(secrets),
        devices: Entry::distinct(devices),
        capabilities: Entry::values(capabilities),
        user,
        writable_rootfs,
        tmpfs: Entry::distinct(tmpfs),
        pids_limit,
        health_check,
        stop_timeout,
        restart,
        platform,
    })
}
