//! What goes over the wire. Names and meanings are kept; fields may be added.
//!
//! All of it is read too, by the clients of `client/`: words are texts there, so that those of a newer host can be read.
#![cfg_attr(
    not(feature = "client"),
    allow(unreachable_pub, reason = "they are public with the client")
)]

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
pub(crate) mod update;
pub(crate) mod usage;

use std::time::{Duration, SystemTime};

/// A time by RFC 3339. A year beyond 9999 cannot be written so and shows as nothing.
fn rfc3339(time: SystemTime) -> String {
    hap_manifest::rfc3339::format(time).unwrap_or_default()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
