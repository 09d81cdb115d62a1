//! Installs, isolates, limits, starts, watches and heals plugins in containers.

pub mod engine;
mod error;
mod inbox;
mod reconcile;
mod state;
mod store;

pub use self::{
    error::{Error, ErrorKind},
    state::{Desired, Failure, FailureCause, Phase, PluginState},
};

/// What a fallible call of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;
