//! Reads the sources of a crate, for tests about what stands in them.

mod crate_tree;
mod module;
mod signature;

pub use self::{
    crate_tree::{Crate, Definition},
    module::{Module, is_test, modules, src_of},
    signature::{signature, tokens},
};

/// A path from the root of a crate; empty for the root.
pub type ModulePath = Vec<String>;
