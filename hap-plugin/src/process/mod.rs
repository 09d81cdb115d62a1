//! A plugin's program: its arguments, its signals and its end.

mod cli;
mod exit;
mod run;
mod signals;

pub use run::run;
