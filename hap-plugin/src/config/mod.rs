//! The configuration of a plugin: where it comes from, what it is read into, and what is in force.
//!
//! It knows the type of the configuration and not the plugin, and imports the rooms from
//! `telemetry` to `settings`.

mod config_type;
mod configuration;
mod current;
mod file;
mod kinds;
mod layer;
mod secrets;

pub use config_type::{ConfigType, NoConfig};
pub(crate) use configuration::{Candidate, Configuration};
pub use current::ConfigChanges;
pub(crate) use current::{Current, Held, typed};
pub(crate) use file::ConfigFile;
pub(crate) use layer::variable as variable_of;
