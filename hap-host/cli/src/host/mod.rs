//! A host without code: a supervisor, its management API on a socket and over TLS, its users, its log.

mod config;
mod door;
mod log;
mod manager;
mod open;
mod refusal;
mod room;
mod run;
mod running;
mod serve;
mod tls;
mod users;

pub(crate) use self::{config::HostConfig, run::Host, users::Users};
