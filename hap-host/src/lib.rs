#![doc = include_str!("../README.md")]

pub mod engine;
mod error;
#[cfg(feature = "management")]
mod management;
mod metrics;
mod model;
mod plugin;
mod policy;
mod protocol;
mod reconcile;
mod store;
mod supervisor;

pub use self::{
    error::{Error, ErrorKind},
    model::{
        activity::{Activity, Call, Installing, Operation, OperationKind},
        boot::Boot,
        config_state::ConfigState,
        env::EnvOverrides,
        event::{Event, EventKind, EventStream, Notice},
        retention::EventRetention,
        run_policy::{HealthPolicy, RestartPolicy},
        state::{Desired, Failure, FailureCause, Phase, PluginState},
        update::{UpdateOutcome, UpdateResult, UpdateStage, UpdateState},
    },
    plugin::{
        handle::{
            PluginHandle,
            limits::{DefaultLimits, LimitOverrides},
            logs::LogStream,
            permissions::PluginPermissions,
            state_watch::StateWatch,
        },
        source::PluginSource,
        update_options::{RollBackOptions, UpdateOptions},
        usage::Usage,
    },
    policy::{
        Policy,
        access::Access,
        pattern::{DevicePattern, ImageSource},
        refusal::Refusal,
    },
    protocol::{
        client::options::CallOptions,
        events::{
            cursor::Cursor,
            rate::EventRate,
            subscribe::{Delivery, PluginEvent, PluginEvents, SubscribeOptions},
        },
    },
    reconcile::{
        dependencies::{Unmet, UnmetReason},
        probation::ProbationPolicy,
    },
    supervisor::{
        Supervisor,
        builder::SupervisorBuilder,
        log_forwarding::LogForwarding,
        options::{InstallOptions, Shutdown, UninstallOptions},
        orphans::{Orphan, OrphanFate, OrphanReason, Sweep},
    },
};

/// What a fallible call of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;
