//! A small smart light: the example plugin.
//!
//! It takes three commands (`turn_on`, `turn_off`, `set_brightness`), a configuration that outlives a crash, tells
//! its status, and emits `light.changed` whenever its light changes.

mod command;
mod config;
mod light;
mod percent;
mod status;

pub use command::Command;
pub use config::Config;
pub use light::Light;
pub use percent::Percent;
pub use status::Status;
