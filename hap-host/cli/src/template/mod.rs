//! Projects to begin with: their files, and the names that are put into them.

mod files;
mod names;

pub(crate) use self::{files::files, names::Names};
