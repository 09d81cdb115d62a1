//! Options of the supervisor's calls.

/// What becomes of the plugins when the supervisor ends. There is no default: the choice is
/// the embedder's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShutdownMode {
    /// Stops them all in parallel, but none before those that depend on it. What is wanted of them
    /// does not change: the next supervisor starts them again.
    StopPlugins,
    /// Leaves them running without supervision until the next supervisor adopts them.
    LeaveRunning,
}
