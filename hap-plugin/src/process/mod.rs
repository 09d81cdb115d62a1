//! A plugin's program: its arguments, its signals and its end.

pub(crate) mod cli;
pub(crate) mod exit;
pub(crate) mod run;
pub(crate) mod signals;
