//! In which version of its language an engine is spoken to.

use std::sync::{Arc, Mutex, PoisonError};

use bollard::BollardRequest;
use hyper::Uri;

/// A version of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Api(pub(super) u32, pub(super) u32);

impl Api {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.split_once('.')?;
        Some(Self(major.parse().ok()?, minor.parse().ok()?))
    }
}

/// The version that was agreed on; none before the engine was asked. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Dialect(Arc<Mutex<Option<Api>>>);

impl Dialect {
    /// Agrees on the newest version that both know: the engine up to `engine`, the client library up
    /// to `library`.
    pub(super) fn agree(&self, engine: Api, library: Api) {
        self.set(Some(engine.min(library)));
    }

    /// Forgets it, because the engine takes it no more: another one may have come in its place.
    pub(super) fn forget(&self) {
        self.set(None);
    }

    fn set(&self, api: Option<Api>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = api;
    }

    fn agreed(&self) -> Option<Api> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts the version into a request, which goes out without any by the client library: the engine
    /// would answer in its newest one.
    pub(super) fn name_in(&self, mut request: BollardRequest) -> BollardRequest {
        if let Some(uri) = self.agreed().and_then(|api| versioned(request.uri(), api)) {
            *request.uri_mut() = uri;
        }
        request
    }
}

/// Whether an engine refuses the version of a request, by its words.
pub(super) fn is_refused_by(message: &str) -> bool {
    message.contains("client version") && (message.contains("too old") || message.contains("too new"))
}

fn versioned(uri: &Uri, Api(major, minor): Api) -> Option<Uri> {
    let mut parts = uri.clone().into_parts();
    let path = parts.path_and_query.as_ref()?.as_str();
    // What the version is read from, and what has one.
    let is_named = path
        .strip_prefix("/v")
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    if path == "/version" || is_named {
        return None;
    }
    parts.path_and_query = Some(format!("/v{major}.{minor}{path}").parse().ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_comes_before_the_path_and_the_question_for_it_has_none() {
        let named = |uri: &str| versioned(&uri.parse().unwrap(), Api(1, 41)).map(|uri| uri.to_string());
        assert_eq!(
            named("unix://2f78/containers/json?all=true").as_deref(),
            Some("unix://2f78/v1.41/containers/json?all=true")
        );
        assert_eq!(
            named("http://box:2375/volumes/create").as_deref(),
            Some("http://box:2375/v1.41/volumes/create")
        );
        assert_eq!(named("unix://2f78/version"), None);
        assert_eq!(named("unix://2f78/v1.53/info"), None);
    }

    #[test]
    fn the_older_of_both_is_agreed_on() {
        let dialect = Dialect::default();
        dialect.agree(Api::parse("1.41").unwrap(), Api(1, 53));
        assert_eq!(dialect.agreed(), Some(Api(1, 41)));
        dialect.agree(Api(1, 99), Api(1, 53));
        assert_eq!(dialect.agreed(), Some(Api(1, 53)));
        dialect.forget();
        assert_eq!(dialect.agreed(), None);
        assert_eq!(Api::parse("1"), None);
        assert!(Api(1, 9) < Api(1, 41));
    }

    #[test]
    fn only_a_refusal_of_the_version_is_one() {
        assert!(is_refused_by(
            "client version 1.41 is too old. Minimum supported API version is 1.44, please upgrade your client"
        ));
        assert!(is_refused_by(
            "client version 1.53 is too new. Maximum supported API version is 1.41"
        ));
        assert!(!is_refused_by("the name is too old"));
    }
}
