#![doc = include_str!("../README.md")]
//!
//! ## Map
//!
//! | you want | look at |
//! |---|---|
//! | to write a plugin | [`Plugin`], and [`run`] as its whole `main` |
//! | to declare what it takes and shows | [`CommandType`], [`ConfigType`], [`StatusType`] |
//! | to declare what it does not have | [`NoCommand`], [`NoConfig`], [`NoStatus`] |
//! | to answer a command | [`Reply`], [`Result`] |
//! | to refuse one, or to fail | [`Fault`], [`IntoFaultCause`] |
//! | to know the caller, the deadline and the plugin's own name | [`Context`] |
//! | to tell how the plugin does | [`Health`] |
//! | to hide a password | [`Secret`] |
//! | to read the settings in force, and to follow their changes | [`Context::config`], [`ConfigChanges`] |
//! | to work in the background | [`Context::spawn`], [`Context::shutdown_token`] |
//! | to keep a value over restarts | [`Context::save`], [`Context::load`] |
//! | to tell the platform what happened | [`Context::emit`], [`EventClient`], [`EmitError`] |
//! | to serve routes of your own | [`Serve::routes`], [`Serve::public_routes`], [`Serve::layer`] |
//! | to start it by other means than the environment | [`Settings`], [`serve`], [`Serve`], [`into_router`], [`StartError`] |
#![cfg_attr(
    feature = "testing",
    doc = "| to test it | [`testing`]: [`TestPlugin`](testing::TestPlugin), [`TestPlatform`](testing::TestPlatform), [`assert_manifest`](testing::assert_manifest) |"
)]
//! | what travels between host and plugin | [`wire`], [`ApiToken`], [`WebhookSecret`], [`TraceParent`], [`PluginId`] |
//! | the crates whose versions must be ours | [`axum`], [`schemars`], [`serde_json`] |

#![cfg_attr(docsrs, feature(doc_cfg))]

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
#[cfg_attr(docsrs, doc(cfg(feature = "testing")))]
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
#[doc(no_inline)]
pub use {axum, schemars, serde_json};
