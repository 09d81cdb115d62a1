//! What goes over the wire. Names and meanings are kept; fields may be added.

mod access;
mod activity;
mod answer;
mod choice;
mod event;
mod failure;
mod log;
mod orphan;
mod plugin;
mod progress;
mod request;
mod update;
mod usage;

use std::time::Duration;

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

pub(super) use self::{
    access::{PermissionView, Permissions, RefusalReason, Review},
    activity::{ActivityView, InstallingList, InstallingView, OperationView},
    answer::{ConfigAnswer, EngineReport, Health, KeptConfig, LastStatus, Removed},
    choice::{BootState, Limits, OperatorEnv, WantedBoot, WantedLimits},
    event::{PluginEventView, SupervisorEvent},
    failure::FailureView,
    log::{LogLineView, LogLines},
    orphan::{DataRemoved, NotSwept, OrphanList, OrphanView, Swept},
    plugin::{PluginDetails, PluginList, PluginStateView, PluginSummary},
    progress::{Counted, Ended, ProgressView},
    request::{WantedGrants, WantedState},
    update::{UpdateOutcomeView, UpdateStateView, Updated},
    usage::UsageView,
};

/// A time by RFC 3339. A year beyond 9999 cannot be written so and shows as nothing.
fn rfc3339(time: OffsetDateTime) -> String {
    time.format(&Rfc3339).unwrap_or_default()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
