//! How a command fails.

use std::{borrow::Cow, fmt, process::ExitCode};

use serde_json::{Value, json};

/// The exit codes of `hap`. They are stable: scripts go by them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Done.
    Done = 0,
    /// What was asked failed: findings, a plugin that fails, a case that does not pass.
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// There is no such plugin, version, file or image.
    NotFound = 3,
    /// It is refused: a policy says so, or a permission was not granted.
    Refused = 4,
    /// The engine, a host or a program cannot be reached.
    Unreachable = 5,
    /// It is there already, or somebody else has it.
    Conflict = 6,
    /// A signature or a digest does not fit.
    NotVerified = 7,
    /// It took too long.
    OutOfTime = 8,
    /// Somebody interrupted it. Nothing is left behind.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command could not do what it was asked, and what to do about it.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    code: Cow<'static, str>,
    message: String,
    help: Option<String>,
    details: Option<Value>,
}

impl Failure {
    /// A failure with a word for programs and a sentence for people. The sentence names the value and the rule.
    pub(crate) fn new(exit: Exit, code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self {
            exit,
            code: code.into(),
            message: message.into(),
            help: None,
            details: None,
        }
    }

    /// The same with what to do, best a command to type.
    pub(crate) fn help(self, help: impl Into<String>) -> Self {
        Self {
            help: Some(help.into()),
            ..self
        }
    }

    /// The same with what a program wants to know.
    pub(crate) fn details(self, details: Value) -> Self {
        Self {
            details: Some(details),
            ..self
        }
    }

    pub(crate) const fn exit(&self) -> Exit {
        self.exit
    }

    /// The shape of every refusal of the management API.
    pub(crate) fn to_json(&self, command: &str) -> Value {
        let mut json = json!({
            "success": false,
            "command": command,
            "error": self.message,
            "code": self.code,
        });
        if let Some(json) = json.as_object_mut() {
            json.extend(self.help.iter().map(|help| ("help".to_owned(), json!(help))));
            json.extend(
                self.details
                    .iter()
                    .map(|details| ("details".to_owned(), details.clone())),
            );
        }
        json
    }

    pub(crate) fn help_text(&self) -> Option<&str> {
        self.help.as_deref()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
