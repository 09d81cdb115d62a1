//! Rules between fields: pure functions from parts of a manifest to issues.
//!
//! A part that was refused on its own is not passed here, so one mistake is not told twice.

pub(super) mod endpoints;
pub(super) mod mounts;
pub(super) mod rules;
pub(super) mod secrets;
