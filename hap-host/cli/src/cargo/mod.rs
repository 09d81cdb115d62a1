//! A plugin in Rust: which program is its own, and how it is built.

mod build;
mod elf;
mod group;
mod package;
mod target;

pub(crate) use self::{package::RustPlugin, target::Arch};
