//! What stores and their users say of several events at once.

use std::io;

/// How many events one request to the platform may carry.
#[derive(Debug, Clone, Copy)]
pub(super) struct BatchLimit {
    pub(super) events: usize,
    pub(super) bytes: usize,
}

/// What became of records that were to be appended.
#[derive(Debug)]
pub(super) struct Appended {
    /// How many of the records, from the first on, are stored.
    pub(super) accepted: usize,
    /// Why none is stored although there was room.
    pub(super) error: Option<io::Error>,
}
