//! A bridge to an MQTT broker: an example plugin that lives on a connection which may break at any time.
//!
//! Messages of the subscribed topics become events `mqtt.message`; the command `publish` sends a message to the broker.
//! A message is acknowledged to the broker only when its event is durable, so none is lost on the way. While the broker
//! is away the bridge is `degraded`, refuses commands with a reason, and tries again with growing pauses.

mod bridge;
mod command;
mod config;
mod connection;
mod link;
mod status;

pub use bridge::Bridge;
pub use command::Command;
pub use config::Config;
pub use status::Status;
