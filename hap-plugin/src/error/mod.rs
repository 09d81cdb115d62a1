//! What a plugin and its start fail with: `Fault` and `StartError`.

pub(crate) mod fault;
pub(crate) mod start_error;
