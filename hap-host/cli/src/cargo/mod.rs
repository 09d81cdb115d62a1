//! A plugin in Rust: which program is its own, and how it is built.

mod build;
mod elf;
mod group;
mod package;
mod target;

#[allow(unused_imports, reason = "`Arch` is for `hap build`, which is on its way")]
pub(crate) use self::{package::RustPlugin, target::Arch};
