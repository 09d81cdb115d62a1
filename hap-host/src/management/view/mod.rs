//! What goes over the wire. Names and meanings are kept; fields may be added.

pub(crate) mod access;
pub(crate) mod activity;
pub(crate) mod answer;
pub(crate) mod event;
pub(crate) mod failure;
pub(crate) mod isolation;
pub(crate) mod log;
pub(crate) mod orphan;
pub(crate) mod overrides;
pub(crate) mod plugin;
pub(crate) mod progress;
pub(crate) mod request;
pub(crate) mod second_container;
mod update;
pub(crate) mod usage;

use std::time::{Duration, SystemTime};

/// A time by RFC 3339. A year beyond 9999 cannot be written so and shows as nothing.
fn rfc3339(time: SystemTime) -> String {
    hap_manifest::rfc3339::format(time).unwrap_or_default()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
