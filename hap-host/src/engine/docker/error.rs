use std::{error::Error as StdError, io};

use bollard::errors::Error as ClientError;

use crate::engine::{
    error::{EngineError, EngineErrorKind},
    own_lack::own_lack,
    report::report,
};

/// A failed call with the engine's status code, which means different things to
/// different operations.
#[derive(Debug)]
pub(super) struct Failure {
    status: Option<u16>,
    kind: EngineErrorKind,
    operation: &'static str,
    subject: String,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Failure {
    /// Describes what the client library reports; `uri` is where the engine was looked for.
    pub(super) fn new(operation: &'static str, subject: &str, uri: &str, error: ClientError) -> Self {
        let (status, kind, message) = classify(&error, uri);
        Self {
            status,
            kind,
            operation,
            subject: subject.to_owned(),
            message,
            source: Some(Box::new(without_answer(error))),
        }
    }

    pub(super) fn timeout(operation: &'static str, subject: &str, message: String) -> Self {
        let kind = EngineErrorKind::Timeout;
        Self {
            status: None,
            kind,
            operation,
            subject: subject.to_owned(),
            message,
            source: None,
        }
    }

    /// Whether the engine answered with this status code.
    pub(super) fn is(&self, status: u16) -> bool {
        self.status == Some(status)
    }

    /// The class by the general meaning of the status code.
    pub(super) const fn kind(&self) -> EngineErrorKind {
        self.kind
    }

    /// The engine's own words.
    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// The class that this status code has for the operation at hand.
    #[must_use]
    pub(super) const fn with_kind(mut self, kind: EngineErrorKind) -> Self {
        self.kind = kind;
        self
    }

    /// Words that say more than the engine's.
    #[must_use]
    pub(super) fn with_message(mut self, message: String) -> Self {
        self.message = message;
        self
    }
}

impl From<Failure> for EngineError {
    fn from(failure: Failure) -> Self {
        let error = Self::new(failure.kind, failure.operation, failure.subject, failure.message);
        match failure.source {
            Some(source) => error.with_source(source),
            None => error,
        }
    }
}

fn classify(error: &ClientError, uri: &str) -> (Option<u16>, EngineErrorKind, String) {
    // Whatever the client library makes of it: nobody was asked.
    let lack = match error {
        // It passes for its own cause, which then is nobody's source.
        ClientError::IOError { err } => own_lack(err),
        other => own_lack(other),
    };
    if let Some(lack) = lack {
        let message = format!(
            "the Docker engine at {uri} could not be asked: {lack} ({})",
            root_cause(error)
        );
        return (None, EngineErrorKind::Unavailable, message);
    }
    match error {
        ClientError::DockerResponseServerError { status_code, message } => (
            Some(*status_code),
            kind_of(*status_code),
            message.trim().to_owned(),
        ),
        ClientError::DockerStreamError { error } => (None, EngineErrorKind::Failed, error.trim().to_owned()),
        ClientError::DockerContainerWaitError { error, .. } => (None, EngineErrorKind::Failed, error.clone()),
        ClientError::RequestTimeoutError => (
            None,
            EngineErrorKind::Timeout,
            format!("the Docker engine at {uri} did not answer in time"),
        ),
        ClientError::HyperLegacyError { .. } => (None, EngineErrorKind::Unavailable, no_answer(uri, error)),
        ClientError::SocketNotFoundError(_) => (None, EngineErrorKind::Unavailable, no_answer(uri, error)),
        ClientError::IOError { .. } | ClientError::HyperResponseError { .. } => (
            None,
            EngineErrorKind::Unavailable,
            format!(
                "the connection to the Docker engine at {uri} broke ({})",
                report(error)
            ),
        ),
        ClientError::UnsupportedURISchemeError { uri } => (
            None,
            EngineErrorKind::Unsupported,
            format!(
                "{uri} is no address that this engine can use: set DOCKER_HOST to unix://, tcp:// or http://"
            ),
        ),
        other => (
            None,
            EngineErrorKind::Failed,
            format!(
                "the Docker engine at {uri} answered with something unexpected ({})",
                report(other)
            ),
        ),
    }
}

/// The same error without the answer that could not be read: a container's environment is in it.
fn without_answer(error: ClientError) -> ClientError {
    match error {
        ClientError::JsonDataError { message, column, .. } => ClientError::JsonDataError {
            message,
            contents: String::new(),
            column,
        },
        other => other,
    }
}

fn no_answer(uri: &str, error: &ClientError) -> String {
    let question = if uri.starts_with("unix://") {
        "may this user open the socket?"
    } else {
        "does it listen at that address and port?"
    };
    format!(
        "no Docker engine answers at {uri}: is it running, and {question} ({})",
        root_cause(error)
    )
}

/// The operating system's own reason where there is one: the layers above it add
/// nothing for a reader.
fn root_cause(error: &ClientError) -> String {
    let mut next: Option<&(dyn StdError + 'static)> = Some(error);
    let mut last = String::new();
    while let Some(error) = next {
        last = error.to_string();
        if error.is::<io::Error>() {
            break;
        }
        next = error.source();
    }
    last
}

const fn kind_of(status: u16) -> EngineErrorKind {
    match status {
        401 | 403 => EngineErrorKind::Denied,
        404 => EngineErrorKind::NotFound,
        408 | 504 => EngineErrorKind::Timeout,
        409 => EngineErrorKind::Conflict,
        501 => EngineErrorKind::Unsupported,
        502 | 503 => EngineErrorKind::Unavailable,
        400..=499 => EngineErrorKind::Rejected,
        _ => EngineErrorKind::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(status_code: u16) -> Failure {
        let error = ClientError::DockerResponseServerError {
            status_code,
            message: "so it is\n".to_owned(),
        };
        Failure::new("create", "hap-home-light", "unix:///x.sock", error)
    }

    #[test]
    fn status_codes_become_classes() {
        for (status, kind) in [
            (400, EngineErrorKind::Rejected),
            (401, EngineErrorKind::Denied),
            (403, EngineErrorKind::Denied),
            (404, EngineErrorKind::NotFound),
            (409, EngineErrorKind::Conflict),
            (422, EngineErrorKind::Rejected),
            (500, EngineErrorKind::Failed),
            (503, EngineErrorKind::Unavailable),
        ] {
            assert_eq!(failure(status).kind(), kind, "{status}");
            assert!(failure(status).is(status));
        }
    }

    #[test]
    fn an_error_names_operation_subject_and_the_engines_words_once() {
        let error = EngineError::from(failure(400));
        assert_eq!(error.to_string(), "create hap-home-light: so it is");
        assert!(StdError::source(&error).is_some());
    }

    #[test]
    fn an_answer_that_cannot_be_read_is_not_kept_with_the_error() {
        let error = ClientError::JsonDataError {
            message: "unknown variant".to_owned(),
            contents: "TOKEN=hidden".to_owned(),
            column: 1,
        };
        let error = EngineError::from(Failure::new("inspect", "light", "unix:///x.sock", error));
        assert!(error.message().contains("unknown variant"), "{error}");
        let source = StdError::source(&error).unwrap();
        assert!(!format!("{error:?} {source:?}").contains("hidden"));
    }

    #[test]
    fn what_this_machine_lacks_is_not_blamed_on_the_engine() {
        let error = ClientError::IOError {
            err: io::Error::from_raw_os_error(24),
        };
        let error = EngineError::from(Failure::new("list", "home", "unix:///x.sock", error));
        assert_eq!(error.kind(), EngineErrorKind::Unavailable);
        for part in ["could not be asked", "descriptor", "ulimit -n"] {
            assert!(error.message().contains(part), "{error}");
        }
        assert!(!error.message().contains("socket?"), "{error}");
    }

    #[test]
    fn a_missing_socket_says_what_to_do() {
        let error = ClientError::SocketNotFoundError("/x.sock".to_owned());
        let error = EngineError::from(Failure::new("version", "docker", "unix:///x.sock", error));
        assert_eq!(error.kind(), EngineErrorKind::Unavailable);
        assert!(
            error.message().starts_with(
                "no Docker engine answers at unix:///x.sock: is it running, and may this user open the socket? ("
            ),
            "{error}"
        );
    }

    #[test]
    fn a_scheme_without_support_names_those_with() {
        let error = ClientError::UnsupportedURISchemeError {
            uri: "ssh://box".to_owned(),
        };
        let error = EngineError::from(Failure::new("connect", "docker", "ssh://box", error));
        assert_eq!(error.kind(), EngineErrorKind::Unsupported);
        assert!(error.message().contains("ssh://box"), "{error}");
        assert!(error.message().contains("unix://, tcp:// or http://"), "{error}");
    }
}
