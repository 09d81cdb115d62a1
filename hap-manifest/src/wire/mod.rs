//! What travels between a host and a plugin, as JSON.
//!
//! | call | request | reply |
//! |---|---|---|
//! | `GET /health` | | [`HealthReport`] |
//! | `POST /command` | [`CommandRequest`] | [`CommandResponse`] |
//! | `GET /status` | | [`StatusReport`] |
//! | `POST /config` | the settings object itself | [`ConfigAck`] |
//! | `GET /describe` (optional) | | [`Describe`] |
//! | `POST {PLATFORM_API_URL}/events`, by the plugin | [`EventBody`] | 202 |
//! | any refusal | | 4xx or 5xx and [`WireError`] |
//!
//! Reading is tolerant: missing optional fields have defaults, and unknown top-level fields are kept in `extra`.
//! Writing is strict: what these types write is always the documented shape. The types are not limited in size;
//! whoever reads from the network bounds the body first.

mod command;
mod command_set;
mod describe;
mod error;
mod event;
mod report;

pub use command::{CommandRequest, CommandResponse};
pub use command_set::{CommandSchemaError, CommandSet, DecodeError};
pub use describe::Describe;
pub use error::WireError;
pub use event::{Event, EventBody, EventDraft};
pub use report::{ConfigAck, HealthReport, HealthStatus, StatusReport};

/// The version of these shapes, as [`Describe`] announces it.
pub const PROTOCOL_VERSION: u32 = 1;

/// A JSON object.
pub type Map = serde_json::Map<String, serde_json::Value>;

/// Default of `success` in replies: a plugin that answers 200 and leaves it out has succeeded.
const fn yes() -> bool {
    true
}

fn empty_object() -> serde_json::Value {
    serde_json::Value::Object(Map::new())
}
