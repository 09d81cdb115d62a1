//! Rules between fields: pure functions from parts of a manifest to issues.
//!
//! A part that was refused on its own is not passed here, so no mistake is reported twice.

pub(super) mod endpoints;
pub(super) mod mounts;
pub(super) mod rules;
pub(super) mod secrets;
