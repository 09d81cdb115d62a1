//! The nouns and records that the rest of the crate shares: what a plugin is, wants, may have and
//! has gone through.
//!
//! Values only: no tokio, no I/O. Of the crate it knows the engine's types.

pub(crate) mod activity;
pub(crate) mod amount;
pub(crate) mod autostart;
pub(crate) mod config_state;
pub(crate) mod consent;
pub(crate) mod data_loss;
pub(crate) mod dependency;
pub(crate) mod desired;
pub(crate) mod env;
pub(crate) mod event;
pub(crate) mod failure;
pub(crate) mod grants;
pub(crate) mod host_problem;
pub(crate) mod isolation;
pub(crate) mod keys;
pub(crate) mod limits;
pub(crate) mod log_forwarding;
pub(crate) mod overrides;
pub(crate) mod phase;
pub(crate) mod probe;
pub(crate) mod record;
pub(crate) mod redact;
pub(crate) mod retention;
pub(crate) mod run_policy;
pub(crate) mod runs_as;
pub(crate) mod second_container;
pub(crate) mod secret_paths;
pub(crate) mod settings_schema;
pub(crate) mod state;
pub(crate) mod update;
pub(crate) mod version;
