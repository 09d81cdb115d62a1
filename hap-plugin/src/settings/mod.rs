//! Who the plugin is and what surrounds it, as the environment tells it.
//!
//! It knows no plugin, and imports `error` and `telemetry`.

mod config_variables;
mod platform;
mod reader;
#[cfg(feature = "testing")]
mod test_platform;
mod values;

pub(crate) use config_variables::{ConfigVariables, PREFIX, WHOLE};
pub(crate) use platform::PlatformUrl;
#[cfg(feature = "testing")]
pub use test_platform::TestPlatform;
pub use values::Settings;
pub(crate) use values::{Limits, UNKNOWN_VERSION};
