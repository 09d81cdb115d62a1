#![doc = include_str!("../README.md")]

mod actor;
mod admission;
#[cfg(feature = "management")]
mod api;
mod builder;
mod client;
mod config;
mod diagnose;
mod dispatch;
pub mod engine;
mod error;
mod event;
mod folder;
mod forward;
mod handle;
mod inbox;
mod install;
mod keys;
mod limits;
mod logs;
mod metrics;
mod obtain;
mod operate;
mod options;
mod permissions;
mod policy;
mod reconcile;
mod registry;
mod shared;
mod shutdown;
mod source;
mod standing;
mod state;
mod store;
mod supervisor;
mod talk;
mod usage;

pub use self::{
    builder::SupervisorBuilder,
    client::CallOptions,
    config::ConfigState,
    error::{Error, ErrorKind},
    event::{Event, EventKind, EventStream, Notice},
    forward::LogForwarding,
    handle::PluginHandle,
    inbox::{Cursor, Delivery, EventRate, PluginEvent, PluginEvents, SubscribeOptions},
    limits::DefaultLimits,
    logs::LogStream,
    options::{InstallOptions, Shutdown, UninstallOptions},
    permissions::PluginPermissions,
    policy::{Access, DevicePattern, ImageSource, Policy, Refusal},
    reconcile::{HealthPolicy, RestartPolicy, Unmet, UnmetReason},
    source::PluginSource,
    state::{Desired, Failure, FailureCause, Phase, PluginState},
    store::EventRetention,
    supervisor::Supervisor,
    usage::Usage,
};

/// What a fallible call of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;
