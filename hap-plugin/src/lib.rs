#![doc = include_str!("../README.md")]
//!
//! ## Where to begin
//!
//! [`Plugin`] is the trait, [`run`] the whole `main`. [`Context`] is what every method gets at hand, [`Fault`] and
//! [`Reply`] are what a command ends with, [`Health`] is what a plugin tells about itself. [`NoConfig`],
//! [`NoCommand`] and [`NoStatus`] stand for what a plugin does not have. [`Settings`], [`serve`] and [`into_router`]
//! are for tests and for programs that are more than a plugin.

mod api;
mod config;
mod decode;
mod error;
mod events;
mod process;
mod server;
mod settings;
mod storage;
mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;

pub use api::bounds::{CommandType, ConfigType, StatusType};
pub use api::context::Context;
pub use api::health::Health;
pub use api::none::{NoCommand, NoConfig, NoStatus};
pub use api::plugin::Plugin;
pub use api::reply::Reply;
pub use config::ConfigChanges;
pub use decode::secret::Secret;
pub use error::fault::{Fault, FaultCause, Result};
pub use error::start_error::StartError;
pub use events::{EmitError, EventClient};
pub use process::run::run;
pub use server::serve::{Serve, into_router, serve};
pub use settings::Settings;

pub use hap_manifest::{ApiToken, PluginId, TraceParent, WebhookSecret, wire};
