//! How plugins' output goes into the host's log.

use schemars::JsonSchema;
use serde::Deserialize;

use super::amount::at_least_one;

/// How plugins' output goes into the host's log. Default: 100 lines in a second for long and 1,000
/// at once of each plugin, each line cut after 4,096 characters.
///
/// Each line becomes one `tracing` event of the target `hap_host::plugin`, with the fields `plugin`
/// and `source` (`stdout` or `stderr`). A line that is a JSON object gives the event its level and
/// message; what the plugin calls its target or logger is the field `origin`, the id of the trace
/// that it belongs to `trace_id`, and the rest is the field `fields`, as JSON. Other lines are
/// information. Keys, secret settings and control characters are taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[must_use = "it does nothing until it is given to the builder"]
pub struct LogForwarding {
    /// Lines of one plugin in a second, for long.
    #[serde(deserialize_with = "at_least_one")]
    #[schemars(range(min = 1))]
    pub(crate) lines_per_second: u32,
    /// Lines of one plugin at once.
    #[serde(deserialize_with = "at_least_one")]
    #[schemars(range(min = 1))]
    pub(crate) burst: u32,
    /// Characters of a message, and of its fields, after which they are cut.
    pub(crate) characters: usize,
}

impl Default for LogForwarding {
    fn default() -> Self {
        Self {
            lines_per_second: 100,
            burst: 1_000,
            characters: 4_096,
        }
    }
}

impl LogForwarding {
    /// Lines of one plugin in a second, for long; at least 1. What is over is counted and left out.
    pub const fn lines_per_second(mut self, lines: u32) -> Self {
        self.lines_per_second = if lines == 0 { 1 } else { lines };
        self
    }

    /// Lines of one plugin at once; at least 1.
    pub const fn burst(mut self, lines: u32) -> Self {
        self.burst = if lines == 0 { 1 } else { lines };
        self
    }

    /// Characters of a message, and of its fields, after which they are cut.
    pub const fn characters(mut self, most: usize) -> Self {
        self.characters = most;
        self
    }
}
