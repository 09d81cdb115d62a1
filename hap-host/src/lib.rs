#![doc = include_str!("../README.md")]

mod activity;
mod actor;
mod admission;
#[cfg(feature = "management")]
mod api;
mod builder;
mod choices;
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
mod orphans;
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
mod update;
mod usage;
mod watch;

pub use self::{
    activity::{Activity, Call, Installing, Operation, OperationKind},
    builder::SupervisorBuilder,
    choices::{Boot, EnvOverrides},
    client::CallOptions,
    config::ConfigState,
    error::{Error, ErrorKind},
    event::{Event, EventKind, EventStream, Notice},
    forward::LogForwarding,
    handle::PluginHandle,
    inbox::{Cursor, Delivery, EventRate, PluginEvent, PluginEvents, SubscribeOptions},
    limits::{DefaultLimits, LimitOverrides},
    logs::LogStream,
    options::{InstallOptions, Shutdown, UninstallOptions},
    orphans::{Orphan, OrphanFate, OrphanReason, Sweep},
    permissions::PluginPermissions,
    policy::{Access, DevicePattern, ImageSource, Policy, Refusal},
    reconcile::{HealthPolicy, ProbationPolicy, RestartPolicy, Unmet, UnmetReason},
    source::PluginSource,
    state::{Desired, Failure, FailureCause, Phase, PluginState},
    store::EventRetention,
    supervisor::Supervisor,
    update::{RollBackOptions, UpdateOptions, UpdateOutcome, UpdateResult, UpdateStage, UpdateState},
    usage::Usage,
    watch::StateWatch,
};

/// What a fallible call of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;
