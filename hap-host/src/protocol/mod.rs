//! What goes over the wire between the host and a plugin, both ways: `client` calls the plugin,
//! `events` takes what it sends. Everything that comes in is hostile input.

pub(crate) mod client;
pub(crate) mod events;
