//! [`RestartPolicy`] and [`RestartMode`].

use std::borrow::Cow;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

use super::fields::{Fields, text};
use crate::diagnostics::{
    collector::Collector, issue_code::IssueCode, report::Issue, suggest::nearest, text::mismatch,
};
use crate::json::node::Node;
use crate::value::duration::HumanDuration;
use crate::value::error::{ParseError, quoted};
use crate::value::schema::{describe, optional};

/// When a plugin is started again after it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RestartMode {
    /// Whenever it ended without being asked to. Also written `unless-stopped`.
    #[default]
    Always,
    /// When it failed, not when it exited with code 0.
    OnFailure,
    /// Never. Also written `never`.
    No,
}

impl RestartMode {
    /// Everything that a mode may be written as.
    const WORDS: [&str; 5] = ["always", "unless-stopped", "on-failure", "no", "never"];

    fn parse(text: &str) -> Result<Self, ParseError> {
        match text {
            "always" | "unless-stopped" => Ok(Self::Always),
            "on-failure" => Ok(Self::OnFailure),
            "no" | "never" => Ok(Self::No),
            _ => {
                let rule = "it must be one of \"always\", \"on-failure\" and \"no\"";
                let error = ParseError::new("restart mode", quoted(text), rule);
                Err(match nearest(text, Self::WORDS) {
                    Some(word) => error.with_help(format!("did you mean \"{word}\"?")),
                    None => error.with_help("\"always\" is the default"),
                })
            }
        }
    }
}

impl<'de> Deserialize<'de> for RestartMode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for RestartMode {
    fn schema_name() -> Cow<'static, str> {
        "RestartMode".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Whether a plugin that ended is started again: always, after a failure, or never.",
            "enum": Self::WORDS,
        })
    }
}

/// When and how patiently a plugin is started again.
///
/// ```
/// use std::time::Duration;
/// use hap_manifest::{Manifest, RestartMode, RestartPolicy};
///
/// let policy = RestartPolicy::new(RestartMode::OnFailure)
///     .with_pauses(Duration::from_secs(1), Duration::from_secs(60))?;
/// let manifest = Manifest::builder("lamp", "Lamp", "1.0.0", "example/lamp:1")
///     .restart(policy)
///     .build()?;
/// assert_eq!(manifest.restart(), Some(&policy));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// In JSON a mode alone, `"on-failure"`, or `{"mode": "always", "initial": "500ms", "max": "60s"}`
/// with everything optional. What is `None` is left to the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
pub struct RestartPolicy {
    mode: RestartMode,
    #[serde(skip_serializing_if = "Option::is_none")]
    initial: Option<HumanDuration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<HumanDuration>,
}

impl RestartPolicy {
    /// Creates a policy with this mode, and the host's pauses.
    #[must_use]
    pub const fn new(mode: RestartMode) -> Self {
        Self {
            mode,
            initial: None,
            max: None,
        }
    }

    /// Returns the same policy with these first and longest pauses.
    ///
    /// # Errors
    /// Refuses a first pause longer than the longest, more than 24 h, and fractions of a
    /// millisecond.
    pub fn with_pauses(self, initial: Duration, max: Duration) -> Result<Self, ParseError> {
        let (initial, max) = (HumanDuration::try_from(initial)?, HumanDuration::try_from(max)?);
        Self {
            initial: Some(initial),
            max: Some(max),
            ..self
        }
        .checked()
    }

    fn checked(self) -> Result<Self, ParseError> {
        match (self.initial, self.max) {
            (Some(initial), Some(max)) if initial > max => {
                let rule = format_args!("it is longer than `max`, {max}");
                Err(ParseError::new("restart pause", initial, rule)
                    .with_help("write a shorter `initial` or a longer `max`"))
            }
            _ => Ok(self),
        }
    }

    /// Returns when it is started again.
    #[must_use]
    pub const fn mode(&self) -> RestartMode {
        self.mode
    }

    /// Returns the pause before the first restart; it doubles from there.
    #[must_use]
    pub fn initial(&self) -> Option<Duration> {
        self.initial.map(HumanDuration::get)
    }

    /// Returns the longest pause between restarts.
    #[must_use]
    pub fn max(&self) -> Option<Duration> {
        self.max.map(HumanDuration::get)
    }

    pub(crate) fn read(value: Node<'_>, collector: &mut Collector) -> Option<Self> {
        if value.is_text() {
            let mode = text(value, collector, RestartMode::parse)?;
            return Some(Self {
                mode,
                ..Self::default()
            });
        }
        if !value.is_object() {
            let message = mismatch("a mode or an object", value);
            let issue = Issue::new(value, IssueCode::WrongType, message);
            collector.push(if value.flag() == Some(false) {
                issue.with_help("write \"no\" for a plugin that is never started again")
            } else {
                issue.with_help(
                    "write for example \"on-failure\", or {\"mode\": \"always\", \"max\": \"60s\"}",
                )
            });
            return None;
        }
        let mut fields = Fields::of(value, collector)?;
        let policy = Self {
            mode: fields.text("mode", RestartMode::parse).unwrap_or_default(),
            initial: fields.text("initial", str::parse),
            max: fields.text("max", str::parse),
        };
        if let Err(error) = policy.checked() {
            fields
                .collector()
                .push(Issue::refused(format!("{value}/initial"), &error));
        }
        fields.finish();
        Some(policy)
    }
}

impl JsonSchema for RestartPolicy {
    fn schema_name() -> Cow<'static, str> {
        "RestartPolicy".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mode = |word: &str, meaning: &str| json_schema!({ "const": word, "description": meaning });
        let mode = json_schema!({
            "description": "When the plugin is started again after it ended.",
            "examples": ["on-failure"],
            "oneOf": [
                mode("always", "Whenever it ended without being asked to."),
                mode("unless-stopped", "The same as always."),
                mode("on-failure", "When it failed, not when it exited with code 0."),
                mode("no", "Never."),
                mode("never", "The same as no."),
            ],
        });
        let mut modal = mode.clone();
        modal.insert("default".to_owned(), "always".into());
        let mut pause = |about: &str, example: &str| {
            let mut duration = generator.subschema_for::<HumanDuration>();
            describe(&mut duration, about, example);
            duration
        };
        let mut object = json_schema!({
            "type": "object",
            "properties": {
                "mode": modal,
                "initial": pause("Pause before the first restart; it doubles from there. The host's default when absent.", "500ms"),
                "max": pause("Longest pause between restarts, not shorter than `initial`. The host's default when absent.", "60s"),
            },
        });
        optional(&mut object);
        json_schema!({
            "description": "When the plugin is started again, and the first and longest pause before that.",
            "examples": ["on-failure", { "mode": "always", "initial": "500ms", "max": "60s" }],
            "anyOf": [mode, object],
        })
    }
}
