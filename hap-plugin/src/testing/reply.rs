use std::fmt;

use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// What a plugin under test answered.
///
/// The assertions hand the reply on, and fail with the whole answer in their message, and with its
/// [cause](Self::cause) where that is hidden from the caller.
///
/// ```
/// use hap_plugin::{serde_json::json, testing::TestPlugin};
///
/// async fn a_level_is_a_percentage(lamp: &TestPlugin) {
///     let reply = lamp.command("set_level", json!({"level": 40})).await.assert_success();
///     assert_eq!(reply.pointer("/data/level"), 40);
///
///     let refusal = lamp.command("set_level", json!({"level": 400})).await;
///     assert_eq!(refusal.assert_error("invalid_params").pointer("/details/path"), "params.level");
/// }
/// ```
#[derive(Debug, Clone)]
pub struct TestReply {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
    body: Value,
    cause: Option<String>,
}

#[expect(
    clippy::must_use_candidate,
    clippy::return_self_not_must_use,
    reason = "an assertion is complete without the reply that it hands on"
)]
impl TestReply {
    pub(super) fn new(status: StatusCode, headers: HeaderMap, body: &[u8], cause: Option<String>) -> Self {
        let text = String::from_utf8_lossy(body).into_owned();
        Self {
            status,
            headers,
            body: serde_json::from_str(&text).unwrap_or_default(),
            text,
            cause,
        }
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers.
    #[must_use]
    pub const fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The body as JSON; null when it is none.
    #[must_use]
    pub const fn body(&self) -> &Value {
        &self.body
    }

    /// The body as it came.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the part of the body at a JSON pointer such as `/data/level`; null when there is none.
    #[must_use]
    pub fn pointer(&self, pointer: &str) -> &Value {
        self.body.pointer(pointer).unwrap_or(&Value::Null)
    }

    /// What a command gave back as `result`; null when it gave nothing.
    #[must_use]
    pub fn result(&self) -> &Value {
        self.pointer("/result")
    }

    /// Why a request failed, as it stands in the log: the message, all causes, and for an error
    /// brought in by `?` the file and line of that `?`.
    ///
    /// A caller gets no more than `internal error` and an id. `None` where the answer tells
    /// everything.
    #[must_use]
    pub fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    /// The `data` of a command's reply or of a status, as the author's own type.
    ///
    /// # Panics
    /// When it is not of that type.
    #[must_use]
    #[track_caller]
    #[expect(clippy::panic, reason = "a test that finds another type has failed")]
    pub fn data<T: DeserializeOwned>(&self) -> T {
        match serde_json::from_value(self.pointer("/data").clone()) {
            Ok(data) => data,
            Err(error) => panic!("`data` is of another type: {error}; {self}"),
        }
    }

    /// Asserts that the plugin did what it was asked.
    ///
    /// # Panics
    /// When it refused.
    #[track_caller]
    pub fn assert_success(self) -> Self {
        let refused = self.pointer("/success") == &Value::Bool(false);
        assert!(self.status.is_success() && !refused, "it did not succeed: {self}");
        self
    }

    /// Asserts that the plugin refused with this code.
    ///
    /// # Panics
    /// When it did what it was asked, or refused with another code.
    #[track_caller]
    pub fn assert_error(self, code: &str) -> Self {
        let refused = self.pointer("/success") == &Value::Bool(false);
        assert!(
            refused && self.pointer("/code") == code,
            "it did not refuse with {code:?}: {self}"
        );
        self
    }
}

impl fmt::Display for TestReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.text)?;
        match &self.cause {
            Some(cause) => write!(f, "\ncaused by: {cause}"),
            None => Ok(()),
        }
    }
}
