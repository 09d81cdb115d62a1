//! Installs, isolates, limits, starts, watches and heals plugins in containers.
#![expect(dead_code, reason = "the supervisor that uses the modules is not in yet")]

mod client;
mod diagnose;
pub mod engine;
mod error;
mod event;
mod folder;
mod inbox;
mod limits;
mod logs;
mod operate;
mod options;
mod reconcile;
mod state;
mod store;

pub use self::{
    error::{Error, ErrorKind},
    event::{Event, EventKind, EventStream, Notice},
    inbox::{Cursor, Delivery, EventRate, PluginEvent, PluginEvents, SubscribeOptions},
    limits::DefaultLimits,
    logs::LogStream,
    options::{InstallOptions, Shutdown, UninstallOptions},
    reconcile::{HealthPolicy, RestartPolicy},
    state::{Desired, Failure, FailureCause, Phase, PluginState},
    store::EventRetention,
};

/// What a fallible call of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;
