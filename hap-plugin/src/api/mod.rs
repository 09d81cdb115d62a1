//! What an author writes and gets at hand: the trait, its types, and the context of its methods.
//!
//! It imports the rooms below, and nothing that serves.

mod bounds;
mod context;
mod context_config;
mod health;
mod none;
mod plugin;
mod reply;
mod tasks;

pub use bounds::{CommandType, StatusType};
pub use context::Context;
pub use health::Health;
pub use none::{NoCommand, NoStatus};
pub use plugin::Plugin;
pub(crate) use plugin::lacks_status;
pub use reply::Reply;
