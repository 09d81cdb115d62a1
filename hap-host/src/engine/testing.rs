use hap_manifest::PluginId;

/// What an engine of a test says in place of its plugins, where no real one is behind it:
/// [`Engine::testing`](super::Engine::testing) returns it.
pub trait EngineTesting: Send + Sync {
    /// Returns what a plugin answers to a health check. `None` lets the supervisor ask the plugin
    /// itself over HTTP.
    fn simulated_health(&self, plugin: &PluginId) -> Option<SimulatedHealth>;
}

/// An answer to a health check without a plugin behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SimulatedHealth {
    /// It is well.
    Healthy,
    /// It works in part.
    Degraded,
    /// It does not answer, or not well; the reason in words.
    Failing(String),
}
