//! From one version of a plugin to another and, where that does not prove itself, back.
//!
//! An update is a transaction. What is tried and what it replaces are recorded together, in one step, after the new image
//! is there and the data is copied; from then on a host that is killed at any instant goes on from that record.

mod call;
mod options;
mod order;
mod record;
mod state;

pub use self::{
    options::{RollBackOptions, UpdateOptions},
    state::{UpdateOutcome, UpdateResult, UpdateStage, UpdateState},
};
pub(crate) use self::{
    order::{Grants, SettingsChange, UpdateOrder},
    record::{PluginVersion, UpdateRecord, UpdateStep, snapshot_names},
};
