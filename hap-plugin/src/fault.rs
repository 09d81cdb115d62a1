//! [`Fault`], what a plugin's methods fail with.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::log::Redactor;

/// The result of a plugin's methods.
pub type Result<T, E = Fault> = std::result::Result<T, E>;

type Cause = Box<dyn Error + Send + Sync>;

/// Says why a plugin could not do what was asked: a public part for the caller and a private cause for the log.
///
/// `?` turns any error into an *internal* fault: the caller learns the code `internal` and an id, the log has the
/// whole chain of causes under that id. An expected refusal is made with [`rejected`](Self::rejected), and its
/// text reaches the caller.
///
/// It does not implement [`std::error::Error`]; that is what lets `?` take every error.
///
/// ```
/// use hap_plugin::{Fault, Result};
///
/// fn parse(text: &str) -> Result<u8> {
///     let level: u8 = text.parse()?;
///     if level > 100 {
///         return Err(Fault::rejected("too_bright", "the level is at most 100"));
///     }
///     Ok(level)
/// }
///
/// assert_eq!(parse("x").unwrap_err().code(), "internal");
/// assert_eq!(parse("200").unwrap_err().code(), "too_bright");
/// ```
pub struct Fault {
    // Boxed: results stay as small as their value.
    inner: Box<Inner>,
}

struct Inner {
    status: u16,
    code: Cow<'static, str>,
    message: Cow<'static, str>,
    details: Option<Value>,
    retry_after: Option<Duration>,
    cause: Option<Cause>,
    logged: bool,
}

impl Fault {
    /// An expected refusal, answered with status 422: the request is understood and will not be carried out.
    ///
    /// The code is for programs and should stay stable; the message is for people. Both reach the caller.
    pub fn rejected(code: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(422, code, message)
    }

    /// A passing hindrance, such as a device that does not answer: status 503, code `unavailable`.
    pub fn unavailable(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(503, "unavailable", message)
    }

    /// Something that should not have happened. The cause is for the log only.
    pub fn internal(cause: impl Into<Cause>) -> Self {
        Self::new(500, "internal", "internal error").with_cause(cause)
    }

    pub(crate) fn new(
        status: u16,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        let inner = Inner {
            status,
            code: code.into(),
            message: message.into(),
            details: None,
            retry_after: None,
            cause: None,
            logged: false,
        };
        Self {
            inner: Box::new(inner),
        }
    }

    /// The same fault with another HTTP status. Anything but 400 to 599 becomes 500.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.inner.status = if (400..600).contains(&status) { status } else { 500 };
        self
    }

    /// The same fault with details for programs; they reach the caller.
    #[must_use]
    pub fn with_details(mut self, details: Value) -> Self {
        self.inner.details = Some(details);
        self
    }

    /// The same fault with advice to come back after this time, rounded up to seconds.
    #[must_use]
    pub fn with_retry_after(mut self, after: Duration) -> Self {
        self.inner.retry_after = Some(after);
        self
    }

    /// The same fault with a cause for the log, which the caller does not see.
    #[must_use]
    pub fn with_cause(mut self, cause: impl Into<Cause>) -> Self {
        self.inner.cause = Some(cause.into());
        self
    }

    /// The code for programs.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.inner.code
    }

    /// The text for the caller.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.inner.message
    }

    /// The HTTP status it is answered with.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.inner.status
    }

    /// The details for programs.
    #[must_use]
    pub fn details(&self) -> Option<&Value> {
        self.inner.details.as_ref()
    }

    /// After what time to come back.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.inner.retry_after
    }

    /// The cause for the log.
    #[must_use]
    pub fn cause(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        self.inner.cause.as_deref()
    }

    /// Writes it to the log if that is where it belongs, once.
    ///
    /// The caller of what failed by itself gets an id instead of the cause, to be found in the log.
    pub(crate) fn into_logged(mut self) -> Self {
        if std::mem::replace(&mut self.inner.logged, true) {
            return self;
        }
        if self.status() == 500 {
            let id = Uuid::now_v7().simple().to_string();
            tracing::error!(error_id = %id, code = self.code(), "failed: {}", self.report());
            match &mut self.inner.details {
                Some(Value::Object(details)) => drop(details.insert("error_id".to_owned(), id.into())),
                // Details of another shape are the author's; they stay as they are.
                Some(_) => {}
                details @ None => *details = Some(json!({ "error_id": id })),
            }
        } else if self.cause().is_some() {
            tracing::warn!(code = self.code(), "refused: {}", self.report());
        }
        self
    }

    /// The same fault without known secrets in what reaches the caller, whoever wrote them there.
    pub(crate) fn cleaned(mut self, redactor: &Redactor) -> Self {
        let message = redactor.clean(self.message());
        if let Cow::Owned(message) = message {
            self.inner.message = message.into();
        }
        if let Some(details) = &mut self.inner.details {
            clean(details, redactor);
        }
        self
    }

    /// The message and all causes, for a log line.
    pub(crate) fn report(&self) -> String {
        match self.cause() {
            Some(cause) => format!("{}: {}", self.message(), crate::log::chain(cause)),
            None => self.message().to_owned(),
        }
    }
}

fn clean(value: &mut Value, redactor: &Redactor) {
    match value {
        Value::String(text) => {
            if let Cow::Owned(cleaned) = redactor.clean(text.as_str()) {
                *text = cleaned;
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|value| clean(value, redactor)),
        Value::Object(object) => object.values_mut().for_each(|value| clean(value, redactor)),
        _ => {}
    }
}

/// What `?` makes an internal [`Fault`] of: every error that threads can hand to each other. Nobody has to implement it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an error that a plugin can fail with",
    // What `?` leaves out of the rest, it shows of this.
    label = "no error: make what the caller is to read by `Fault::rejected(\"code\", \"text\")`, and what is for the log by `Fault::internal(\"text\")`",
    note = "`.map_err(...)` or `.ok_or_else(...)` before the `?` makes a `Fault` of anything"
)]
pub trait FaultCause: Sized {
    #[doc(hidden)]
    fn into_cause(self) -> Box<dyn Error + Send + Sync>;
}

#[diagnostic::do_not_recommend]
impl<E: Error + Send + Sync + 'static> FaultCause for E {
    fn into_cause(self) -> Box<dyn Error + Send + Sync> {
        Box::new(self)
    }
}

impl<E: FaultCause> From<E> for Fault {
    fn from(error: E) -> Self {
        Self::internal(error.into_cause())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.inner.message)
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fault")
            .field("status", &self.inner.status)
            .field("code", &self.inner.code)
            .field("message", &self.inner.message)
            .field("cause", &self.inner.cause)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the bulb did not answer")]
    struct BulbError(#[source] std::io::Error);

    #[test]
    fn the_cause_is_in_the_report_and_not_in_the_message() {
        let fault = Fault::from(BulbError(std::io::Error::other("timed out")));
        assert_eq!(fault.message(), "internal error");
        assert_eq!(fault.to_string(), "internal error");
        assert_eq!(
            fault.report(),
            "internal error: the bulb did not answer: timed out"
        );
    }

    #[test]
    fn what_failed_gets_one_id_and_what_was_refused_gets_none() {
        let failed = Fault::internal("broken").into_logged();
        let id = failed.details().unwrap()["error_id"].clone();
        assert_eq!(failed.into_logged().details().unwrap()["error_id"], id);
        let details = Fault::internal("broken")
            .with_details(json!({"bulb": 3}))
            .into_logged();
        assert_eq!(details.details().unwrap()["bulb"], 3);
        assert!(details.details().unwrap()["error_id"].is_string());
        assert!(
            Fault::rejected("a", "b")
                .with_cause("c")
                .into_logged()
                .details()
                .is_none()
        );
    }

    #[test]
    fn only_error_statuses_are_possible() {
        for (wanted, given) in [(200, 500), (399, 500), (400, 400), (599, 599), (600, 500)] {
            assert_eq!(Fault::rejected("a", "b").with_status(wanted).status(), given);
        }
    }
}
