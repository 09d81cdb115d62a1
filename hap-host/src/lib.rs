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
    error::{Error, ErrorKind, Result},
    model::{
        activity::{Activity, EngineOperation, InstallProgress, OperationKind, PendingCall},
        boot::Boot,
        config_state::ConfigState,
        dependency::{UnmetDependency, UnmetDependencyReason},
        desired::Desired,
        env::EnvOverrides,
        event::{Event, EventKind},
        failure::{Failure, FailureCause},
        limits::{DefaultLimits, LimitOverrides},
        log_forwarding::LogForwarding,
        phase::Phase,
        retention::EventRetention,
        run_policy::{HealthPolicy, ProbationPolicy, RestartPolicy},
        state::PluginState,
        update::{UpdateOutcome, UpdateResult, UpdateStage, UpdateState},
    },
    plugin::{
        handle::{PluginHandle, logs::LogStream, permissions::PluginPermissions, state_watch::StateWatch},
        options::UninstallOptions,
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
            rate::EventRateLimit,
            subscribe::{Delivery, PluginEvent, PluginEvents, SubscribeOptions},
        },
    },
    supervisor::{
        Supervisor,
        builder::SupervisorBuilder,
        event_stream::{EventStream, StreamItem},
        options::{InstallOptions, ShutdownMode},
        orphans::orphan::{Orphan, OrphanDisposition, OrphanReason, SweepReport},
    },
};
