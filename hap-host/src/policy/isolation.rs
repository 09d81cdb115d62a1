//! What becomes of plugins that are not kept apart any more.

use super::{Policy, lost_isolation::LostIsolation};

impl Policy {
    /// What becomes of plugins when isolation is lost, as when the reload of a firewall removed the
    /// engine's rules. Default: they go on, and it is told; [`hosted`](Self::hosted) and [`strict`](Self::strict)
    /// stop them.
    ///
    /// While it is [not known](crate::IsolationState::Unknown) nothing is stopped.
    pub const fn lost_isolation(mut self, then: LostIsolation) -> Self {
        self.lost_isolation = then;
        self
    }

    pub(crate) const fn then_on_lost_isolation(&self) -> LostIsolation {
        self.lost_isolation
    }
}
