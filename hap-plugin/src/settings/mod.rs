//! Who the plugin is and what surrounds it, as the environment tells it.

mod config_variables;
mod platform;
mod reader;
mod values;

pub(crate) use config_variables::{ConfigVariables, PREFIX, WHOLE};
pub(crate) use platform::PlatformUrl;
pub use values::Settings;
pub(crate) use values::{Limits, UNKNOWN_VERSION};
