//! Files of the data directory, each replaced as a whole.
//!
//! It imports `error` and `decode`.

mod atomic_file;
mod state_dir;

pub(crate) use atomic_file::{Replacement, at, create_private_dir, open_private, probe, sync_dir};
pub(crate) use state_dir::StateDir;
