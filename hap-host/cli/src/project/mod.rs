//! A plugin's folder: its manifest, and what its program is written in.

mod language;
mod manifest;

pub(crate) use self::{language::Language, manifest::Project};
