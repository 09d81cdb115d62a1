//! What a host answers: the very types of the management API.

pub use crate::management::view::{
    access::{Asked, AskedPermission, Permissions, RefusalReason, Review},
    activity::{ActivityView, CallView, InstallingList, InstallingView, OperationView},
    answer::{ConfigAnswer, EngineReport, Health, KeptConfig, LastStatus, Removed},
    event::{PluginEventView, SupervisorEvent, What},
    failure::FailureView,
    isolation::{HostEventView, HostProblemView, HostWhat, IsolationView},
    log::{LogLineView, LogLines},
    orphan::{DataRemoved, NotSwept, OrphanList, OrphanView, Swept},
    overrides::{BootState, Limits, LimitsInForce, OperatorEnv, WantedLimits},
    plugin::{
        ConfigStateView, DataLossView, ExitView, PluginDetails, PluginList, PluginStateView, PluginSummary,
        RunsAsView, UnmetView, Updated,
    },
    progress::ProgressView,
    request::DesiredState,
    second_container::SecondContainerView,
    update::{UpdateOutcomeView, UpdateStateView},
    usage::UsageView,
};
