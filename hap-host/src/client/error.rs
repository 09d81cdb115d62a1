//! [`ClientError`].

use std::fmt;

use serde_json::Value;

/// Why a call of a [`Client`](super::Client) has no answer. Its text names the host, and never a token.
#[derive(Debug)]
pub struct ClientError {
    kind: ClientErrorKind,
    message: String,
    refusal: Option<Box<Refused>>,
}

/// What a host says when it refuses.
#[derive(Debug)]
struct Refused {
    status: Option<u16>,
    code: String,
    details: Value,
    by: String,
}

/// The kinds of [`ClientError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientErrorKind {
    /// What was asked cannot be sent at all, such as to an address that is none.
    Usage,
    /// Nobody listens there, or the connection was lost. What was asked may have been done.
    Unreachable,
    /// It took longer than it may. What was asked may still happen.
    Timeout,
    /// The host, or the plugin, does not do it: see [`ClientError::code`].
    Refused,
    /// What came is no answer of a management API.
    InvalidReply,
}

impl ClientError {
    pub(super) fn new(kind: ClientErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            refusal: None,
        }
    }

    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self::new(ClientErrorKind::Usage, message)
    }

    pub(super) fn refused(status: Option<u16>, body: &Value) -> Self {
        let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
        let message = text("error").unwrap_or_else(|| "the host refused it and does not say why".to_owned());
        Self {
            kind: ClientErrorKind::Refused,
            message,
            refusal: Some(Box::new(Refused {
                status,
                code: text("code").unwrap_or_default(),
                details: body.get("details").cloned().unwrap_or_default(),
                by: text("refused_by").unwrap_or_else(|| "host".to_owned()),
            })),
        }
    }

    /// Returns what kind of failure it is.
    #[must_use]
    pub const fn kind(&self) -> ClientErrorKind {
        self.kind
    }

    /// Returns the word for programs of a refusal, such as `not_permitted`; `docs/management-api.md` lists
    /// them. Nothing where the host did not refuse.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.refusal.as_ref().map(|refusal| refusal.code.as_str())
    }

    /// Returns the HTTP status of a refusal, where it had one of its own: a refusal within a stream has none.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.refusal.as_ref().and_then(|refusal| refusal.status)
    }

    /// Returns what a refusal says for programs, null where there is nothing.
    #[must_use]
    pub fn details(&self) -> &Value {
        self.refusal
            .as_ref()
            .map_or(&Value::Null, |refusal| &refusal.details)
    }

    /// Returns who refused: `host`, or `plugin`.
    #[must_use]
    pub fn refused_by(&self) -> Option<&str> {
        self.refusal.as_ref().map(|refusal| refusal.by.as_str())
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ClientError {}
