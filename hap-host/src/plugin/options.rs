//! Options of calls on one plugin.

/// What goes with a plugin that is uninstalled. Default: its container; its volumes stay.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UninstallOptions {
    pub(crate) remove_data: bool,
    pub(crate) even_if_needed: bool,
}

impl UninstallOptions {
    /// Removes the plugin's volumes too. There is no way back.
    #[must_use]
    pub const fn remove_data(mut self, remove: bool) -> Self {
        self.remove_data = remove;
        self
    }

    /// Removes the plugin also when others depend on it; they go on without it, degraded.
    /// Default: it is refused.
    #[must_use]
    pub const fn even_if_needed(mut self, even: bool) -> Self {
        self.even_if_needed = even;
        self
    }
}
