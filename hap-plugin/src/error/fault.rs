//! [`Fault`], what a plugin's methods fail with.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::panic::Location;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::telemetry::{Redactor, chain, printable, printable_name};

/// The result of a plugin's methods.
pub type Result<T, E = Fault> = std::result::Result<T, E>;

type Cause = Box<dyn Error + Send + Sync>;

/// Says why a plugin could not do what was asked: a public part for the caller and a private cause
/// for the log.
///
/// `?` turns any error into an *internal* fault: the caller learns the code `internal` and an id,
/// the log has the whole chain of causes under that id, and the file and line of that `?` as
/// `place`. An expected refusal is made with [`rejected`](Self::rejected), and its text reaches the
/// caller.
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
    place: Option<&'static Location<'static>>,
    reason_for_log: Option<String>,
    logged: bool,
}

impl Fault {
    /// An expected refusal, answered with status 422: the request is understood and will not be
    /// carried out.
    ///
    /// The code is for programs and should stay stable; the message is for people. Both reach the
    /// caller.
    #[track_caller]
    pub fn rejected(code: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(422, code, message).made_at(Location::caller())
    }

    /// A passing hindrance, such as a device that does not answer: status 503, code `unavailable`.
    #[track_caller]
    pub fn unavailable(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(503, "unavailable", message).made_at(Location::caller())
    }

    /// Something that should not have happened. The cause is for the log only, and so is the place
    /// of this call.
    #[track_caller]
    pub fn internal(cause: impl Into<Cause>) -> Self {
        Self::new(500, "internal", "internal error")
            .with_cause(cause)
            .made_at(Location::caller())
    }

    /// A fault of the framework's own, which has no place in the author's code.
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
            place: None,
            reason_for_log: None,
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

    /// The same fault with the place in the request that it is about, as `details.path`: `volume`,
    /// `params.level`, `scenes[1].room`. That is how the framework tells it of what does not fit a
    /// type.
    ///
    /// Details that are no object give way to it.
    ///
    /// ```
    /// use hap_plugin::Fault;
    ///
    /// let fault = Fault::rejected("too_loud", "the volume is at most 100").with_path("volume");
    /// assert_eq!(fault.details().unwrap()["path"], "volume");
    /// ```
    #[must_use]
    pub fn with_path(mut self, path: impl Into<String>) -> Self {
        let path = Value::String(path.into());
        match &mut self.inner.details {
            Some(Value::Object(details)) => drop(details.insert("path".to_owned(), path)),
            details => *details = Some(json!({ "path": path })),
        }
        self
    }

    /// The same fault with what a line of the log may tell of its message.
    pub(crate) fn with_reason_for_log(mut self, reason: Option<String>) -> Self {
        self.inner.reason_for_log = reason;
        self
    }

    /// The same fault with the place in the program that it comes from.
    fn made_at(mut self, place: &'static Location<'static>) -> Self {
        // `map_err(Fault::internal)` has the standard library call it, whose place tells nothing.
        let is_called_by_std = Path::new(place.file()).ends_with("core/src/ops/function.rs");
        self.inner.place = (!is_called_by_std).then_some(place);
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
            tracing::error!(
                error_id = %id,
                code = self.code(),
                place = self.place(),
                "failed: {}",
                self.report()
            );
            match &mut self.inner.details {
                Some(Value::Object(details)) => drop(details.insert("error_id".to_owned(), id.into())),
                // Details of another shape are the author's; they stay as they are.
                Some(_) => {}
                details @ None => *details = Some(json!({ "error_id": id })),
            }
        } else if self.cause().is_some() {
            tracing::warn!(
                code = self.code(),
                place = self.place(),
                "refused: {}",
                self.report()
            );
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

    /// What a line of the log may tell of its message: the kind of mistake, without anything that
    /// was sent.
    pub(crate) fn reason_for_log(&self) -> Option<&str> {
        self.inner.reason_for_log.as_deref()
    }

    /// The path among its details, as far as a line of the log may repeat what was sent.
    pub(crate) fn path_for_log(&self, redactor: &Redactor) -> Option<String> {
        // Known secrets first, while they are still what they were.
        self.detail("path").map(|path| printable(&redactor.clean(path)))
    }

    /// The command among its details, if a line of the log may repeat it.
    pub(crate) fn command_for_log(&self) -> Option<&str> {
        self.detail("command").and_then(printable_name)
    }

    fn detail(&self, key: &str) -> Option<&str> {
        self.details()?.get(key)?.as_str()
    }

    /// Where in the author's code it was made, such as `src/light.rs:12:9`.
    pub(crate) fn place(&self) -> Option<String> {
        self.inner.place.map(ToString::to_string)
    }

    /// The report, and where it was made if it should not have happened.
    pub(crate) fn report_with_place(&self) -> String {
        match self.place().filter(|_| self.status() == 500) {
            Some(place) => format!("{} (at {place})", self.report()),
            None => self.report(),
        }
    }

    /// The message and all causes, for a log line.
    pub(crate) fn report(&self) -> String {
        match self.cause() {
            Some(cause) => format!("{}: {}", self.message(), chain(cause)),
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

/// What `?` makes an internal [`Fault`] of: every error that threads can hand to each other. Nobody
/// has to implement it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an error that a plugin can fail with",
    // What `?` leaves out of the rest, it shows of this.
    label = "no error: make what the caller is to read by `Fault::rejected(\"code\", \"text\")`, and what is for the log by `Fault::internal(\"text\")`",
    note = "`.map_err(...)` or `.ok_or_else(...)` before the `?` makes a `Fault` of anything"
)]
pub trait IntoFaultCause: Sized {
    #[doc(hidden)]
    fn into_cause(self) -> Box<dyn Error + Send + Sync>;
}

#[diagnostic::do_not_recommend]
impl<E: Error + Send + Sync + 'static> IntoFaultCause for E {
    fn into_cause(self) -> Box<dyn Error + Send + Sync> {
        Box::new(self)
    }
}

impl<E: IntoFaultCause> From<E> for Fault {
    #[track_caller]
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

    fn parse(text: &str) -> Result<u8> {
        Ok(text.parse()?)
    }

    #[test]
    fn a_fault_knows_the_line_of_the_author_that_made_it() {
        let line = line!() - 5;
        let place = parse("x").unwrap_err().place().unwrap();
        assert!(place.starts_with(&format!("{}:{line}:", file!())), "{place}");
        for fault in [
            Fault::internal("broken"),
            Fault::from(std::io::Error::other("broken")),
            std::io::Error::other("broken").into(),
            Fault::rejected("a", "b").with_status(500),
        ] {
            assert!(fault.place().unwrap().starts_with(file!()), "{fault:?}");
            let report = fault.report_with_place();
            assert!(report.contains(&format!("(at {}", file!())), "{report}");
        }
        // The place of the call is not known here, and a wrong one would mislead.
        let passed = "x".parse::<u8>().map_err(Fault::internal).unwrap_err();
        assert_eq!(passed.place(), None);
        let passed: Fault = "x".parse::<u8>().map_err(Into::into).unwrap_err();
        assert_eq!(passed.place(), None);
        // What is no surprise needs no place for who reads it.
        assert_eq!(Fault::rejected("a", "b").report_with_place(), "b");
    }

    #[test]
    fn a_path_is_put_among_the_details() {
        let of = |fault: Fault| fault.with_path("volume").details().cloned().unwrap();
        assert_eq!(of(Fault::rejected("a", "b")), json!({"path": "volume"}));
        let most = Fault::rejected("a", "b").with_details(json!({"most": 100}));
        assert_eq!(of(most), json!({"most": 100, "path": "volume"}));
        let list = Fault::rejected("a", "b").with_details(json!([1]));
        assert_eq!(of(list), json!({"path": "volume"}));
    }

    #[test]
    fn only_error_statuses_are_possible() {
        for (wanted, given) in [(200, 500), (399, 500), (400, 400), (599, 599), (600, 500)] {
            assert_eq!(Fault::rejected("a", "b").with_status(wanted).status(), given);
        }
    }
}
