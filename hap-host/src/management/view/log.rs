use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rfc3339;
use crate::engine::stream::{LogLine, LogSource};

/// The newest lines of a plugin's output, oldest first.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct LogLines {
    /// Keys and secret settings are shown as `[REDACTED]`.
    pub lines: Vec<LogLineView>,
    /// Older lines that were asked for are left out, because the answer would be too long.
    pub truncated: bool,
}

/// One line of a plugin's output.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "LogLine")]
#[non_exhaustive]
pub struct LogLineView {
    /// Where it was written; `host` for what the host says between two runs.
    #[schemars(extend("enum" = ["stdout", "stderr", "host"]))]
    pub source: Cow<'static, str>,
    /// When the engine received it, by RFC 3339, where the engine says.
    pub time: Option<String>,
    /// The text without its line end.
    pub text: String,
    /// More of the same line follows in the next item.
    pub partial: bool,
}

impl From<LogLine> for LogLineView {
    fn from(line: LogLine) -> Self {
        Self {
            source: match line.source {
                LogSource::Stdout => "stdout".into(),
                LogSource::Stderr => "stderr".into(),
                LogSource::Host => "host".into(),
            },
            time: line.time.map(rfc3339),
            text: line.text,
            partial: line.partial,
        }
    }
}
