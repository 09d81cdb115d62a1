//! One installed plugin: the task that runs it, the handle over it, its settings, and
//! where it came from.

pub(crate) mod actor;
pub(crate) mod admission;
pub(crate) mod context;
mod dependents;
pub(crate) mod handle;
pub(crate) mod host_problems;
pub(crate) mod ownership;
pub(crate) mod publisher;
mod request;
pub(crate) mod runs_as;
pub(crate) mod settings;
mod snapshot;
pub(crate) mod source;
mod update_plan;
pub(crate) mod usage;
pub(crate) mod volume_marks;
pub(crate) mod waiting_calls;
