//! Files of the data directory, each replaced as a whole.

pub(crate) mod atomic_file;
pub(crate) mod state_dir;
