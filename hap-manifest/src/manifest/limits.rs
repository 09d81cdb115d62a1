//! Bounds on what a manifest may hold.

/// Most entries of any list or map in a manifest.
pub(super) const MAX_ENTRIES: usize = 256;
/// Longest value of an environment variable, in bytes.
pub(super) const MAX_ENV_VALUE: usize = 32 * 1024;
/// Longest description, in characters.
pub(super) const MAX_DESCRIPTION: usize = 10_000;
