#![doc = include_str!("../README.md")]
//!
//! ## Where to begin
//!
//! [`Plugin`] is the trait, [`run`] the whole `main`. [`Context`] is what every method gets at
//! hand, [`Fault`] and [`Reply`] are what a command ends with, [`Health`] is what a plugin tells
//! about itself. [`NoConfig`], [`NoCommand`] and [`NoStatus`] stand for what a plugin does not
//! have. [`Settings`], [`serve`] and [`into_router`] are for tests and for programs that are more
//! than a plugin.

mod api;
mod config;
mod decode;
mod error;
mod events;
mod http_client;
mod process;
mod server;
mod settings;
mod storage;
mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;

pub use api::{CommandType, Context, Health, NoCommand, NoStatus, Plugin, Reply, StatusType};
pub use config::{ConfigChanges, ConfigType, NoConfig};
pub use decode::Secret;
pub use error::{Fault, IntoFaultCause, Result, StartError};
pub use events::{EmitError, EventClient};
pub use process::run;
pub use server::{Serve, into_router, serve};
pub use settings::Settings;

pub use hap_manifest::{ApiToken, PluginId, TraceParent, WebhookSecret, wire};

// Their types are in signatures of this crate, so an author needs the same major versions.
pub use {axum, schemars, serde_json};
