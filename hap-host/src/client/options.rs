//! What calls take beside their subject. All of it may be left at its default.

use std::time::Duration;

use bytes::Bytes;
use hap_manifest::{Manifest, PluginId};
use serde_json::Value;

/// What is installed, or what a plugin is updated to.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Package {
    /// A package: the bytes of its zip.
    Zip(Bytes),
    /// The manifest of an image that the host pulls or has.
    Manifest(Box<Manifest>),
}

impl From<Bytes> for Package {
    fn from(zip: Bytes) -> Self {
        Self::Zip(zip)
    }
}

impl From<Vec<u8>> for Package {
    fn from(zip: Vec<u8>) -> Self {
        Self::Zip(zip.into())
    }
}

impl From<Manifest> for Package {
    fn from(manifest: Manifest) -> Self {
        Self::Manifest(Box::new(manifest))
    }
}

/// Options of [`Client::install_plugin`](super::Client::install_plugin).
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct InstallOptions {
    /// Permissions that are granted, by their short names.
    pub grants: Vec<String>,
    /// Grants everything that the plugin asks for.
    pub grant_all: bool,
    /// Gives it the data that an earlier plugin of its id left.
    pub adopt_data: bool,
}

/// Options of [`Client::update_plugin`](super::Client::update_plugin).
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct UpdateOptions {
    /// Permissions that are granted, by their short names.
    pub grants: Vec<String>,
    /// Grants everything that the plugin asks for.
    pub grant_all: bool,
    /// The publisher that may go on with a plugin of another one, as the refusal names it.
    pub accept_publisher: Option<String>,
    /// Takes a lower version too.
    pub allow_downgrade: bool,
    /// Takes the version that it has too.
    pub allow_same_version: bool,
    /// Leaves out the copy of its data.
    pub without_snapshot: bool,
    /// Most that the copy of its data may take, in MiB. Default: half of what is free.
    pub max_snapshot_mib: Option<u32>,
    /// Takes a version that plugins which depend on it do not accept too.
    pub even_if_dependants_break: bool,
    /// The plugin's settings from this version on.
    pub settings: Option<Value>,
}

/// Options of [`Client::roll_back_plugin`](super::Client::roll_back_plugin).
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct RollBackOptions {
    /// Puts back the data as that version left it.
    pub restore_data: bool,
    /// Leaves out the copy of its data.
    pub without_snapshot: bool,
    /// Most that the copy of its data may take, in MiB. Default: half of what is free.
    pub max_snapshot_mib: Option<u32>,
}

/// Options of [`Client::uninstall_plugin`](super::Client::uninstall_plugin).
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct UninstallOptions {
    /// Removes its volumes too.
    pub remove_data: bool,
    /// Removes it also when others depend on it.
    pub even_if_needed: bool,
    /// Kills it at once.
    pub force: bool,
}

/// Options of [`Client::send_command`](super::Client::send_command).
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct CommandOptions {
    /// How long the plugin may take. Default 30 s.
    pub timeout: Option<Duration>,
    /// Allows the command to be sent again when the connection to the plugin fails.
    pub idempotency_key: Option<String>,
    /// The name of this call in logs on both sides.
    pub request_id: Option<String>,
    /// The caller's place in a trace, by W3C Trace Context.
    pub traceparent: Option<String>,
}

/// Options of [`Client::get_logs`](super::Client::get_logs) and
/// [`Client::follow_logs`](super::Client::follow_logs).
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct LogOptions {
    /// At most so many earlier lines. Default: the host's.
    pub tail: Option<u32>,
    /// Only lines written at or after this time, by RFC 3339.
    pub since: Option<String>,
}

/// Options of [`Client::follow_events`](super::Client::follow_events).
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct EventOptions {
    /// Only what happens to this plugin, and to the host as a whole.
    pub plugin: Option<PluginId>,
}

/// Options of [`Client::follow_plugin_events`](super::Client::follow_plugin_events).
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct PluginEventOptions {
    /// Only events of this plugin.
    pub plugin: Option<PluginId>,
    /// Only events whose type starts so.
    pub type_prefix: Option<String>,
    /// Starts after this cursor: `0` for everything that is kept. Default: from now on.
    pub after: Option<String>,
}
