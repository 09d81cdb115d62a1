//! Reading, checking, building and writing a [`Manifest`](model::Manifest).

pub(crate) mod builder;
mod check;
#[cfg(feature = "config-schema")]
mod config_schema;
pub(crate) mod fields;
pub(crate) mod file;
mod getters;
mod limits;
pub(crate) mod listing;
pub(crate) mod model;
mod parts;
mod read;
pub(crate) mod restart;
mod schema;
