//! A plugin's program: its arguments, its signals and its end.
//!
//! It stands above the server, and nothing imports it.

mod cli;
mod exit;
mod run;
mod signals;

pub use run::run;
