//! Reading, checking, building and writing a [`Manifest`](model::Manifest).

pub(crate) mod builder;
mod check;
mod encoding;
pub(crate) mod fields;
pub(crate) mod file;
mod getters;
pub(crate) mod listing;
pub(crate) mod model;
mod parts;
pub(crate) mod read;
pub(crate) mod restart;
pub(crate) mod schema;
