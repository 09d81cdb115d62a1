#![doc = include_str!("../README.md")]
//!
//! ## Map
//!
//! | you want | look at |
//! |---|---|
//! | to start a supervisor | [`Supervisor::builder`], [`SupervisorBuilder`] |
//! | to have a configuration file say how | [`SupervisorConfig`], [`Supervisor::from_config`], [`ConfigError`] |
//! | to end it, with or without its plugins | [`Supervisor::shutdown`], [`ShutdownMode`] |
//! | to install plugins | [`Supervisor::install`], [`PluginSource`], [`InstallRequest`] |
//! | to follow a pull or a build | [`InstallRequest::progress`], [`engine::ProgressSink::stream`] |
//! | to start, stop, ask and configure one | [`PluginHandle`], [`PluginCall`] |
//! | to remove one | [`PluginHandle::uninstall`], [`UninstallRequest`] |
//! | to bring one to another version, or back | [`PluginHandle::update`], [`UpdateRequest`], [`PluginHandle::roll_back`], [`RollBackRequest`], [`ProbationPolicy`] |
//! | to change the limits of one while it runs | [`PluginHandle::set_limits`], [`LimitOverrides`] |
//! | to set its environment, or what it does when the host starts | [`PluginHandle::set_env`], [`EnvOverrides`], [`PluginHandle::set_autostart`], [`Autostart`] |
//! | to know how a plugin does | [`PluginHandle::state`], [`StateWatch`], [`PluginState`], [`Phase`], [`Failure`] |
//! | to know what goes on with it, and what it uses | [`Activity`], [`InstallProgress`], [`Usage`], [`LogStream`] |
//! | to know what it waits for | [`PluginState::unmet_dependencies`], [`UnmetDependency`], [`SupervisorBuilder::dependency_wait`] |
//! | to know whether plugins are kept apart, and what becomes of them when they are not | [`Supervisor::isolation`], [`IsolationState`], [`HostEventKind`], [`Policy::lost_isolation`], [`LostIsolation`] |
//! | to follow what happens to plugins | [`Supervisor::events`], [`EventStream`], [`EventKind`] |
//! | to receive what plugins send | [`Supervisor::plugin_events`], [`PluginEvent`], [`Delivery`], [`Cursor`] |
//! | to say what plugins may have | [`SupervisorBuilder::policy`], [`Policy`], [`Access`], [`DevicePattern`], [`ImageSource`] |
//! | to let a user consent, now or later | [`Supervisor::review`], [`Consent`](hap_manifest::permission::Consent), [`Error::violations`], [`PolicyViolation`], [`InstallRequest::grant`], [`PluginHandle::permissions`], [`PluginHandle::set_grants`] |
//! | to take only what somebody you trust has signed | [`Policy::trust_key`], [`Policy::unsigned_packages`] |
#![cfg_attr(
    feature = "management",
    doc = "| to manage it over HTTP, behind your own authentication | [`Supervisor::management_router`], [`Role`] |"
)]
#![cfg_attr(
    feature = "client",
    doc = "| to use the management API of another process | [`client::Client`] |"
)]
//! | to see and remove what belongs to no plugin | [`Supervisor::orphans`], [`Orphan`], [`SweepReport`], [`Supervisor::prune_images`] |
//! | to change the figures | [`RestartPolicy`], [`HealthPolicy`], [`DefaultLimits`], [`EventRateLimit`], [`EventRetention`], [`LogForwarding`] |
//! | another engine, or a test without one | [`engine`]: [`Engine`](engine::Engine) and what implements it |
//! | to know why a call failed | [`Error::kind`], [`ErrorKind`], [`Error::report`] |

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "client")]
#[cfg_attr(docsrs, doc(cfg(feature = "client")))]
pub mod client;
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

#[cfg(feature = "management")]
pub use self::management::{origin::ManagementOptions, role::Role};
pub use self::{
    error::{Error, ErrorKind, Result},
    model::{
        activity::{Activity, EngineOperation, InstallProgress, OperationKind, PendingCall},
        autostart::Autostart,
        config_state::ConfigState,
        data_loss::DataLoss,
        dependency::{UnmetDependency, UnmetDependencyReason},
        desired::Desired,
        env::EnvOverrides,
        event::{Event, EventKind, HostEvent, HostEventKind},
        failure::{Failure, FailureCause},
        host_problem::{HostProblem, HostProblemKind},
        isolation::IsolationState,
        limits::{DefaultLimits, LimitOverrides},
        log_forwarding::LogForwarding,
        phase::Phase,
        retention::EventRetention,
        run_policy::{HealthPolicy, ProbationPolicy, RestartPolicy},
        runs_as::RunsAs,
        second_container::SecondContainer,
        state::PluginState,
        update::{UpdateOutcome, UpdateResult, UpdateStage, UpdateState},
    },
    plugin::{
        handle::{
            PluginHandle,
            logs::LogStream,
            permissions::PluginPermissions,
            plugin_call::PluginCall,
            state_watch::StateWatch,
            stop_request::{RestartRequest, StopRequest},
            uninstall::UninstallRequest,
            update_request::{RollBackRequest, UpdateRequest},
        },
        source::PluginSource,
        usage::Usage,
    },
    policy::{
        Policy,
        access::Access,
        image_users::ImageUsers,
        image_volumes::ImageVolumes,
        lost_isolation::LostIsolation,
        pattern::{DevicePattern, ImageSource},
        violation::PolicyViolation,
    },
    protocol::events::{
        cursor::Cursor,
        rate::EventRateLimit,
        subscribe::{Delivery, PluginEvent, PluginEvents, SubscribeOptions},
    },
    supervisor::{
        Supervisor,
        builder::SupervisorBuilder,
        config::{SupervisorConfig, error::ConfigError},
        event_stream::{EventStream, StreamItem},
        install::InstallRequest,
        options::ShutdownMode,
        orphans::orphan::{Orphan, OrphanDisposition, OrphanReason, SweepReport},
        review::PluginReview,
    },
};
