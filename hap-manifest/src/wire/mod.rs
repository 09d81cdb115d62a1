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
//! Reading is tolerant: missing optional fields have defaults, and unknown top-level fields are
//! kept in `extra`. Writing is strict: what these types write is always the documented shape. The
//! types are not limited in size: the caller bounds a body from the network first. Integers of more than
//! 64 bits lose their last digits when they are read: [`oversized_integer`] finds them first.

mod command;
mod command_set;
mod components;
mod describe;
mod error;
mod event;
mod number;
mod object;
mod report;

pub use command::{CommandRequest, CommandResponse};
pub use command_set::{CommandSchemaError, CommandSet, DecodeError};
pub use components::openapi_components;
pub use describe::{Describe, PROTOCOL_VERSION};
pub use error::WireError;
pub use event::{Event, EventBody, EventDraft};
pub use number::oversized_integer;
pub use object::Map;
pub use report::{ConfigAck, HealthReport, HealthStatus, StatusReport};
