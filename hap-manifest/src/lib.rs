//! What a plugin of the home automation platform is, and what travels between it and its host.
//!
//! A plugin is a program in a container that answers four HTTP endpoints. This crate holds the
//! types that both sides share: the [`Manifest`] that describes a plugin, the JSON shapes of the
//! [`wire`] protocol, the signatures of [`webhook`]s and the secrets behind them. It is used by
//! hosts and by plugins written in Rust, and by tools that check a manifest before it is installed.
//!
//! ```
//! use hap_manifest::Manifest;
//!
//! let source = r#"{
//!   "id": "porch-light",
//!   "name": "Porch light",
//!   "version": "1.0.0",
//!   "description": "Switches the lamp at the door",
//!   "author": "Example Home",
//!   "image": "example/porch-light:1.0.0",
//!   "memory_limit": "512mb",
//!   "volume": ["/data"]
//! }"#;
//!
//! // Everything that is wrong is told at once, each problem with its place and a way to fix it.
//! let error = Manifest::from_json(source).unwrap_err();
//! assert_eq!(error.issues().len(), 2);
//! assert_eq!(error.render(source), r#"error[invalid_value]: invalid memory limit "512mb": the unit must be one of b, k, m and g
//!  --> 8:19 (/memory_limit)
//!   |
//! 8 |   "memory_limit": "512mb",
//!   |                   ^^^^^^^
//!   = help: write "512m"
//!
//! warning[unknown_field]: unknown field `volume`
//!  --> 9:3 (/volume)
//!   |
//! 9 |   "volume": ["/data"]
//!   |   ^^^^^^^^
//!   = help: did you mean `volumes`?
//! "#);
//!
//! let fixed = source.replace("512mb", "512m").replace("volume\"", "volumes\"");
//! let manifest = Manifest::from_json_strict(&fixed)?;
//! assert_eq!(manifest.memory_limit().unwrap().bytes(), 536_870_912);
//! # Ok::<(), hap_manifest::ManifestError>(())
//! ```
//!
//! # Map
//!
//! | you want | look at |
//! |---|---|
//! | to read a manifest; a value in hand is valid | [`Manifest`], [`Parsed`] |
//! | to build one, or to change one without losing what this version does not know | [`ManifestBuilder`], [`ManifestFile`] |
//! | to tell an author everything that is wrong | [`ManifestError`], [`Issue`], [`IssueCode`], [`Severity`] |
//! | to know who is who | [`PluginId`], [`ImageRef`], [`Dependency`], [`EnvName`] |
//! | limits | [`MemoryLimit`], [`CpuLimit`], [`PidsLimit`] |
//! | to reach a plugin and watch it | [`ApiPort`], [`EndpointPath`], [`HealthCheck`], [`HumanDuration`] |
//! | to know what its image is built from | [`DockerfilePath`] |
//! | to know what it asks of its container | [`VolumePath`], [`DevicePath`], [`Capability`], [`ContainerUser`] |
//! | to have a user consent to what it asks for beyond the default | [`permission`] |
//! | to know what happens when it fails | [`RestartPolicy`], [`RestartMode`] |
//! | to show it in a marketplace | [`Listing`], [`Price`] |
#![cfg_attr(
    feature = "config-schema",
    doc = "| to check settings against its schema | [`ConfigSchema`], [`ConfigProblems`], [`ConfigProblem`] |"
)]
#![cfg_attr(
    feature = "package",
    doc = "| to have a plugin as one file | [`package`]: writing and reading it |"
)]
//! | commands, replies, events | [`wire`] |
//! | a file of another kind that tells everything that is wrong with it | [`document`] |
//! | to know who is speaking | [`webhook`], [`WebhookSecret`], [`ApiToken`] |
//! | to know which request a call belongs to | [`TraceParent`] |
//! | times as text | [`rfc3339`] |
//! | the environment variables that a host sets | [`mod@env`] |
//! | to know why one value was refused | [`ParseError`] |
//!
//! The JSON Schemas of manifests and of the protocol are in the files `manifest.schema.json` and
//! `wire.schema.json` beside the sources; every type here implements `JsonSchema` as well.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `config-schema` | yes | `ConfigSchema`: settings checked against a plugin's `config_schema` |
//! | `package` | yes | the module `package`: plugins as zip files |
//! | `signing` | no | `PackageKey` and `Package::open_signed`: who signed a package |
//!
//! # What it refuses to do
//!
//! * No network, no threads, no clock, no randomness: callers pass in texts, times and random
//!   bytes. No files either, but for the folders that are given to the feature `package`.
//! * No panic on any input, and no unbounded work: [`Manifest::MAX_BYTES`], 127 levels of nesting,
//!   256 entries of a list, 100 issues of a report. The caller bounds bodies from the network.
//! * No secret in `Debug`, `Display`, an error or a serialized value: [`ApiToken`] and
//!   [`WebhookSecret`] are read through `expose` alone.
//! * No silent guess: a value that is not understood is refused, with the rule it breaks. Unknown
//!   fields are kept on the wire, and pass with a warning in a manifest.
//! * No policy: what a plugin asks for is described here, whether it is granted is the host's
//!   decision.

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "config-schema")]
mod config_schema;
mod diagnostics;
pub mod document;
mod json;
mod manifest;
#[cfg(feature = "package")]
#[cfg_attr(docsrs, doc(cfg(feature = "package")))]
pub mod package;
pub mod permission;
mod secret;
mod value;
pub mod webhook;
pub mod wire;

#[cfg(feature = "config-schema")]
#[cfg_attr(docsrs, doc(cfg(feature = "config-schema")))]
pub use config_schema::problem::{ConfigProblem, ConfigProblems};
#[cfg(feature = "config-schema")]
#[cfg_attr(docsrs, doc(cfg(feature = "config-schema")))]
pub use config_schema::schema::ConfigSchema;
pub use diagnostics::issue_code::IssueCode;
pub use diagnostics::report::{Issue, ManifestError, Severity};
pub use manifest::builder::ManifestBuilder;
pub use manifest::file::ManifestFile;
pub use manifest::listing::{Listing, Price};
pub use manifest::model::{Manifest, Parsed};
pub use manifest::restart::{RestartMode, RestartPolicy};
pub use secret::token::ApiToken;
pub use secret::webhook::WebhookSecret;
pub use value::capability::Capability;
pub use value::cpu::CpuLimit;
pub use value::dependency::Dependency;
pub use value::device::DevicePath;
pub use value::duration::HumanDuration;
pub use value::env::{self, EnvName};
pub use value::error::ParseError;
pub use value::health::HealthCheck;
pub use value::id::PluginId;
pub use value::image::ImageRef;
pub use value::memory::MemoryLimit;
pub use value::number::{ApiPort, PidsLimit};
pub use value::path::{DockerfilePath, EndpointPath, VolumePath};
pub use value::rfc3339;
pub use value::trace::TraceParent;
pub use value::user::ContainerUser;

/// The snippets of the README are compiled and run with the tests.
#[cfg(all(doctest, feature = "package"))]
#[doc = include_str!("../README.md")]
struct Readme;
