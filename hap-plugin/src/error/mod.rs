//! What a plugin and its start fail with: `Fault` and `StartError`.
//!
//! It imports `telemetry`, where a fault is logged.

mod fault;
mod start_error;

pub use fault::{Fault, IntoFaultCause, Result};
pub use start_error::StartError;
