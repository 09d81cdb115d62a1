use std::{error::Error as StdError, fmt, path::Path};

use hap_manifest::{ParseError, PluginId, wire::WireError};

use crate::{
    engine::{
        error::{EngineError, EngineErrorKind},
        report::{report, shown_source},
    },
    model::{failure::Failure, redact::Redactor},
    policy::violation::{PolicyViolation, words},
};

/// What a fallible call of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call of this crate failed.
///
/// `Display` is one sentence that names the value, the rule and, where there is one, the fix.
/// What lies beneath is the [`source`](StdError::source), and [`Error::report`] joins the
/// chain for a log.
#[expect(
    clippy::error_impl_error,
    reason = "the crate's one error type, named by convention"
)]
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    plugin: Option<PluginId>,
    wire: Option<WireError>,
    http_status: Option<u16>,
    violations: Vec<PolicyViolation>,
    failure: Option<Failure>,
    trouble: Option<StoreTrouble>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// Why the state on the disk takes nothing more, where that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoreTrouble {
    /// The disk is full.
    Full,
    /// The folder was removed, or another is in its place.
    Lost,
}

/// The class of an [`Error`]: what a caller may branch on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A value handed in breaks a rule that the message states.
    InvalidInput,
    /// The engine failed or does not answer.
    Engine,
    /// The image is missing, refused or unusable.
    Image,
    /// No plugin of that id is installed.
    NotInstalled,
    /// A plugin of that id is installed already.
    AlreadyInstalled,
    /// The plugin does not run now, so it cannot be asked anything.
    NotRunning,
    /// The plugin failed: the message holds the diagnosis, and [`Error::failure`] has
    /// it for programs.
    Failed,
    /// The plugin was uninstalled while the call ran.
    Gone,
    /// Too much is going on: try again in a moment.
    Busy,
    /// The deadline passed. What was asked for may still happen.
    Timeout,
    /// The plugin could not be reached: the request was not delivered.
    Unreachable,
    /// The connection broke before the whole answer was there. The plugin may have acted
    /// on the request.
    Interrupted,
    /// The plugin answered with a refusal: see [`Error::wire`].
    Rejected,
    /// The plugin answered with something that is no valid reply.
    InvalidReply,
    /// The host's policy does not permit the plugin as it is, and it was not granted: see
    /// [`Error::violations`].
    NotPermitted,
    /// It is from another publisher than the version that is installed, and the request does not
    /// accept that.
    PublisherChanged,
    /// Data of an earlier plugin of that id is there, of another publisher or of one that nobody
    /// knows, and the request does not say that the plugin may have it.
    ForeignData,
    /// What plugins depend on forbids it: a circle, or others that need the plugin.
    Dependency,
    /// The state on disk could not be read or written.
    Store,
    /// The supervisor is shutting down.
    ShuttingDown,
}

impl ErrorKind {
    /// The name of the kind for programs, such as `not_running`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidInput => "invalid_input",
            Self::Engine => "engine",
            Self::Image => "image",
            Self::NotInstalled => "not_installed",
            Self::AlreadyInstalled => "already_installed",
            Self::NotRunning => "not_running",
            Self::Failed => "failed",
            Self::Gone => "gone",
            Self::Busy => "busy",
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
            Self::Interrupted => "interrupted",
            Self::Rejected => "rejected",
            Self::InvalidReply => "invalid_reply",
            Self::NotPermitted => "not_permitted",
            Self::PublisherChanged => "publisher_changed",
            Self::ForeignData => "foreign_data",
            Self::Dependency => "dependency",
            Self::Store => "store",
            Self::ShuttingDown => "shutting_down",
        }
    }
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            plugin: None,
            wire: None,
            http_status: None,
            violations: Vec::new(),
            failure: None,
            trouble: None,
            source: None,
        }))
    }

    pub(crate) fn with_trouble(mut self, trouble: StoreTrouble) -> Self {
        self.0.trouble = Some(trouble);
        self
    }

    /// Why the state on the disk takes nothing more, when that is what failed.
    pub(crate) fn trouble(&self) -> Option<StoreTrouble> {
        self.0.trouble
    }

    pub(crate) fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Adds what explains the failure.
    pub(crate) fn with_note(mut self, note: &str) -> Self {
        self.0.message.push_str("; ");
        self.0.message.push_str(note);
        self
    }

    /// Names the folder in which the state could not be read or written.
    pub(crate) fn in_state_folder(mut self, folder: &Path) -> Self {
        if matches!(self.0.kind, ErrorKind::Store | ErrorKind::Timeout) {
            let place = format!(" (state folder {})", folder.display());
            self.0.message.push_str(&place);
        }
        self
    }

    pub(crate) fn with_plugin(mut self, plugin: &PluginId) -> Self {
        self.0.plugin = Some(plugin.clone());
        self
    }

    pub(crate) fn with_wire(mut self, wire: WireError) -> Self {
        self.0.wire = Some(wire);
        self
    }

    pub(crate) fn with_http_status(mut self, status: u16) -> Self {
        self.0.http_status = Some(status);
        self
    }

    pub(crate) fn with_failure(mut self, failure: Option<Failure>) -> Self {
        self.0.failure = failure;
        self
    }

    /// Takes a plugin's secrets, and what could steer a terminal, out of everything that the plugin
    /// may have written.
    pub(crate) fn redacted(mut self, redactor: &Redactor) -> Self {
        let Inner {
            message,
            wire,
            failure,
            source,
            ..
        } = &mut *self.0;
        *message = redactor.block(message);
        *wire = wire.take().map(|wire| redactor.wire(wire));
        *failure = failure.take().map(|failure| redactor.failure(failure));
        if let Some(cause) = source.take() {
            let text = report(&*cause);
            let clean = redactor.text(&text);
            *source = Some(if clean == text {
                shown_source(cause)
            } else {
                clean.into_owned().into()
            });
        }
        self
    }

    pub(crate) fn not_permitted(violations: Vec<PolicyViolation>) -> Self {
        let mut error = Self::new(
            ErrorKind::NotPermitted,
            format!("is not permitted: it {}", words(&violations)),
        );
        error.0.violations = violations;
        error
    }

    pub(crate) fn engine(error: EngineError) -> Self {
        let kind = match error.kind() {
            EngineErrorKind::Timeout => ErrorKind::Timeout,
            _ => ErrorKind::Engine,
        };
        Self::new(kind, error.to_string()).with_source(error)
    }

    /// The class of this failure.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The plugin that it is about.
    #[must_use]
    pub fn plugin(&self) -> Option<&PluginId> {
        self.0.plugin.as_ref()
    }

    /// The plugin's own refusal, when the kind is [`ErrorKind::Rejected`].
    #[must_use]
    pub fn wire(&self) -> Option<&WireError> {
        self.0.wire.as_ref()
    }

    /// The HTTP status of the plugin's refusal, when the kind is [`ErrorKind::Rejected`].
    #[must_use]
    pub fn http_status(&self) -> Option<u16> {
        self.0.http_status
    }

    /// Returns all reasons at once why the plugin is not permitted, when the kind is
    /// [`ErrorKind::NotPermitted`] and a call was refused for it. What its owner may consent to is
    /// [`PolicyViolation::missing_permission`].
    #[must_use]
    pub fn violations(&self) -> &[PolicyViolation] {
        &self.0.violations
    }

    /// The diagnosis that the message holds, for programs: when the kind is
    /// [`ErrorKind::Failed`], and when it is [`ErrorKind::NotPermitted`],
    /// [`ErrorKind::Dependency`] or [`ErrorKind::Timeout`] of a call that waits for a plugin
    /// which has failed. `None` where no run of the plugin and nothing on its way to one failed,
    /// such as an update that somebody took back.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        self.0.failure.as_ref()
    }

    /// Whether the same call may succeed later without anybody changing anything.
    ///
    /// A command after [`ErrorKind::Timeout`] may have been carried out, so it is not counted here.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(
            self.0.kind,
            ErrorKind::Engine | ErrorKind::Busy | ErrorKind::Unreachable
        )
    }

    /// The message and those of its sources, joined by `: `, without what was said already.
    #[must_use]
    pub fn report(&self) -> String {
        report(self)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(plugin) = &self.0.plugin {
            write!(f, "plugin {plugin}: ")?;
        }
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({:?}: {})", self.0.kind, self.report())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0
            .source
            .as_deref()
            .map(|source| source as &(dyn StdError + 'static))
    }
}

impl From<ParseError> for Error {
    /// Of the kind [`ErrorKind::InvalidInput`].
    fn from(error: ParseError) -> Self {
        Self::new(ErrorKind::InvalidInput, error.to_string()).with_source(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::failure::FailureCause;

    #[test]
    fn a_report_says_everything_once() {
        let rows = [
            ("could not be read", "could not be read", ""),
            (
                "could not be read",
                "could not be read: no such file",
                "no such file",
            ),
            (
                "inspect light: no such container",
                "the engine answered 404: no such container\n",
                "the engine answered 404",
            ),
            (
                "its image a:1 cannot be had: pull a:1: denied",
                "pull a:1: the registry says: denied",
                "the registry says",
            ),
            ("denied by policy", "registry: denied", "registry: denied"),
        ];
        for (told, said, added) in rows {
            let error = Error::new(ErrorKind::Engine, told).with_source(said);
            let expected = match added {
                "" => told.to_owned(),
                added => format!("{told}: {added}"),
            };
            assert_eq!(error.report(), expected);
        }
        let failed = EngineError::new(EngineErrorKind::NotFound, "inspect", "light", "no such container")
            .with_source("the engine answered 404: no such container");
        let report = Error::engine(failed).report();
        assert_eq!(
            report,
            "inspect light: no such container: the engine answered 404"
        );
        assert_eq!(report.matches("no such container").count(), 1);
    }

    #[test]
    fn an_error_carries_the_diagnosis_beside_its_words() {
        let failure = Failure::new(FailureCause::Exited, "it ended");
        let error = Error::new(ErrorKind::Failed, failure.to_string()).with_failure(Some(failure.clone()));
        assert_eq!(error.failure(), Some(&failure));
        assert_eq!(Error::new(ErrorKind::Failed, "x").failure(), None);
    }
}
