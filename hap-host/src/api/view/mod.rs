//! What goes over the wire. Names and meanings are kept; fields may be added.

mod access;
mod answer;
mod event;
mod failure;
mod log;
mod plugin;
mod progress;
mod request;
mod usage;

use std::time::Duration;

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

pub(super) use self::{
    access::{PermissionView, Permissions, RefusalReason, Review},
    answer::{ConfigAnswer, EngineReport, Health, KeptConfig, LastStatus, Removed},
    event::{PluginEventView, SupervisorEvent},
    failure::FailureView,
    log::{LogLineView, LogLines},
    plugin::{ConfigStateView, PluginDetails, PluginList, PluginStateView, PluginSummary},
    progress::{Counted, Ended, ProgressView},
    request::{WantedGrants, WantedState},
    usage::UsageView,
};

/// A time by RFC 3339. A year beyond 9999 cannot be written so and shows as nothing.
fn rfc3339(time: OffsetDateTime) -> String {
    time.format(&Rfc3339).unwrap_or_default()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
