use std::{
    borrow::Cow,
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bollard::{Docker, errors::Error as ClientError, models::SystemInfo};
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use super::{
    by_parts::{self, Read},
    dialect::{self, Api, Dialect},
    error::Failure,
};
use crate::engine::error::EngineErrorKind;

/// Longest that a call may take which only reads or writes the engine's books.
pub(super) const CONTROL_DEADLINE: Duration = Duration::from_secs(30);

/// Longest wait for a connection to a socket of this machine.
const LOCAL_DEADLINE: Duration = Duration::from_secs(2);

/// The client library's own deadline covers the time until the engine begins to answer, for every
/// kind of call. It only has to be longer than each of ours.
const LIBRARY_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// The client library with the engine's address, which it does not tell and error texts need.
#[derive(Clone)]
pub(super) struct Client {
    docker: Docker,
    uri: Arc<str>,
    dialect: Dialect,
    /// Full ids of containers that were seen to be ours. Labels never change and ids are never used
    /// again, so what is here needs no second look.
    ours: Arc<Mutex<HashSet<Box<str>>>>,
    /// Whether the engine remaps users, as it said when it was last asked what it is.
    remaps_users: Arc<Mutex<Option<bool>>>,
    /// What was told of answers that could not be read whole, so that it is told once.
    unread: Arc<Mutex<HashSet<String>>>,
}

/// Ids that are remembered; then the memory starts anew, at the price of one more look at each.
const MOST_OURS: usize = 4096;

/// Answers that are remembered as told of; then each is told of once more.
const MOST_UNREAD: usize = 256;

impl Client {
    pub(super) fn new(uri: &str) -> Result<Self, Failure> {
        let uri = &*with_port(uri);
        let docker =
            Docker::connect_with_host(uri).map_err(|error| Failure::new("connect", "docker", uri, error))?;
        let dialect = Dialect::default();
        let spoken = dialect.clone();
        Ok(Self {
            docker: docker
                .with_timeout(LIBRARY_TIMEOUT)
                .with_request_modifier(move |request| spoken.name_in(request)),
            uri: uri.into(),
            dialect,
            ours: Arc::default(),
            remaps_users: Arc::default(),
            unread: Arc::default(),
        })
    }

    /// Speaks the newest version of the API that the engine and the client library know.
    pub(super) fn agree_on_api(&self, engine: Api) {
        let library = self.docker.client_version();
        let number = |part| u32::try_from(part).unwrap_or(u32::MAX);
        self.dialect.agree(
            engine,
            Api(number(library.major_version), number(library.minor_version)),
        );
    }

    /// Whether the engine gives its containers other numbers of users than it has itself.
    pub(super) async fn remaps_users(&self) -> Result<bool, Failure> {
        if let Some(known) = *self.remapping() {
            return Ok(known);
        }
        let described = self.read("info", "docker", self.docker.info()).await?;
        let remaps = remaps_users(&described);
        self.set_remaps_users(remaps);
        Ok(remaps)
    }

    /// Remembers what the engine said of itself, which it may be started anew with.
    pub(super) fn set_remaps_users(&self, remaps: bool) {
        *self.remapping() = Some(remaps);
    }

    fn remapping(&self) -> MutexGuard<'_, Option<bool>> {
        self.remaps_users.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) const fn docker(&self) -> &Docker {
        &self.docker
    }

    pub(super) fn is_known_as_ours(&self, full_id: &str) -> bool {
        self.ours
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(full_id)
    }

    pub(super) fn remember_as_ours(&self, full_id: &str) {
        let mut ours = self.ours.lock().unwrap_or_else(PoisonError::into_inner);
        if ours.len() >= MOST_OURS {
            ours.clear();
        }
        ours.insert(full_id.into());
    }

    /// Whether what this process sees of the file system is what the engine sees: not over the
    /// network, and not from inside a container that was given the engine's socket, from where the
    /// process behind it has no number.
    pub(super) async fn sees_the_machine(&self) -> bool {
        let Some(path) = self
            .uri
            .strip_prefix("unix://")
            .filter(|_| cfg!(target_os = "linux"))
        else {
            return false;
        };
        let connecting = tokio::time::timeout(LOCAL_DEADLINE, UnixStream::connect(path));
        let Ok(Ok(stream)) = connecting.await else {
            return false;
        };
        let peer = stream.peer_cred();
        peer.is_ok_and(|peer| peer.pid().is_some_and(|pid| pid > 0))
    }

    pub(super) fn uri(&self) -> &str {
        &self.uri
    }

    /// Awaits one control call under the usual deadline.
    pub(super) async fn call<T>(
        &self,
        operation: &'static str,
        subject: &str,
        call: impl Future<Output = Result<T, ClientError>>,
    ) -> Result<T, Failure> {
        self.call_within(CONTROL_DEADLINE, operation, subject, call).await
    }

    /// Awaits one control call, and reads its answer without what cannot be read of it.
    pub(super) async fn read<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        subject: &str,
        call: impl Future<Output = Result<T, ClientError>>,
    ) -> Result<T, Failure> {
        self.read_within(CONTROL_DEADLINE, operation, subject, Box::pin(call))
            .await
    }

    /// The same under a deadline of its own.
    pub(super) async fn read_within<T: DeserializeOwned>(
        &self,
        deadline: Duration,
        operation: &'static str,
        subject: &str,
        call: impl Future<Output = Result<T, ClientError>>,
    ) -> Result<T, Failure> {
        let called = self
            .call_unread(deadline, operation, subject, Box::pin(call))
            .await?;
        called.or_else(|error| self.by_parts(operation, subject, error, by_parts::value))
    }

    /// Awaits one control call that answers a list, and reads each of its elements by itself where they
    /// cannot be read together.
    pub(super) async fn read_list<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        subject: &str,
        call: impl Future<Output = Result<Vec<T>, ClientError>>,
    ) -> Result<Vec<T>, Failure> {
        let called = self
            .call_unread(CONTROL_DEADLINE, operation, subject, Box::pin(call))
            .await?;
        called.or_else(|error| self.by_parts(operation, subject, error, by_parts::list))
    }

    /// Awaits one call; an answer that came and could not be read is the inner error.
    async fn call_unread<T>(
        &self,
        deadline: Duration,
        operation: &'static str,
        subject: &str,
        call: impl Future<Output = Result<T, ClientError>>,
    ) -> Result<Result<T, ClientError>, Failure> {
        let sorted = async {
            match call.await {
                Err(error @ ClientError::JsonDataError { .. }) => Ok(Err(error)),
                answered => answered.map(Ok),
            }
        };
        self.call_within(deadline, operation, subject, sorted).await
    }

    /// Reads by its parts an answer that could not be read whole, and tells once what is left out.
    pub(super) fn by_parts<T>(
        &self,
        operation: &'static str,
        subject: &str,
        error: ClientError,
        read: impl FnOnce(&str) -> Option<Read<T>>,
    ) -> Result<T, Failure> {
        let found = match &error {
            ClientError::JsonDataError { contents, .. } => read(contents),
            _ => None,
        };
        let Some(Read { value, left_out }) = found else {
            return Err(self.failure(operation, subject, error));
        };
        let what = left_out.join(", ");
        let mut told = self.unread.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() >= MOST_UNREAD {
            told.clear();
        }
        if told.insert(format!("{operation} {subject} {what}")) {
            tracing::warn!(
                operation,
                subject,
                left_out = what,
                "the engine says something that this version cannot read; it goes on without"
            );
        }
        Ok(value)
    }

    /// Awaits one call under a deadline of its own.
    pub(super) async fn call_within<T>(
        &self,
        deadline: Duration,
        operation: &'static str,
        subject: &str,
        call: impl Future<Output = Result<T, ClientError>>,
    ) -> Result<T, Failure> {
        match tokio::time::timeout(deadline, call).await {
            Ok(result) => result.map_err(|error| self.failure(operation, subject, error)),
            Err(_) => Err(Failure::timeout(
                operation,
                subject,
                format!(
                    "the Docker engine at {} did not answer within {deadline:?}",
                    self.uri
                ),
            )),
        }
    }

    pub(super) fn failure(&self, operation: &'static str, subject: &str, error: ClientError) -> Failure {
        let failure = Failure::new(operation, subject, &self.uri, error);
        if failure.is(400) && dialect::is_refused_by(failure.message()) {
            // Another engine has come in place of the one that was asked: the next call suits it.
            self.dialect.forget();
            return failure.with_kind(EngineErrorKind::Unavailable);
        }
        failure
    }
}

/// The address with the port that it has where none is named: that of Docker behind `tcp://`, where
/// the client library would take that of the web.
fn with_port(uri: &str) -> Cow<'_, str> {
    let of_scheme = [("tcp://", 2375), ("http://", 80)];
    let Some((scheme, rest, port)) = of_scheme
        .iter()
        .find_map(|(scheme, port)| Some((scheme, uri.strip_prefix(scheme)?, port)))
    else {
        return uri.into();
    };
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (name, named_port) = match host.rsplit_once(':') {
        // What is behind the last colon of an address in brackets is part of it.
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    };
    match named_port.filter(|port| !port.is_empty()) {
        Some(_) => uri.into(),
        None => format!("{scheme}{name}:{port}{path}").into(),
    }
}

/// Whether an engine says of itself that users of its containers have other numbers than its own, as
/// `userns-remap` sets it.
pub(super) fn remaps_users(described: &SystemInfo) -> bool {
    has_option(described, "name=userns")
}

/// Whether users of its containers have other numbers than the machine's, and only some: also where
/// the engine itself runs without root.
pub(super) fn maps_users(described: &SystemInfo) -> bool {
    remaps_users(described) || has_option(described, "name=rootless")
}

fn has_option(described: &SystemInfo, name: &str) -> bool {
    let options = described.security_options.iter().flatten();
    options
        .flat_map(|option| option.split(','))
        .any(|part| part == name)
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::UnixListener,
    };

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_engine_that_accepts_and_never_answers_ends_at_the_deadline() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("silent.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let client = Client::new(&format!("unix://{}", path.display())).unwrap();
        let failure = client
            .call("version", "docker", client.docker().version())
            .await
            .unwrap_err();
        assert_eq!(failure.kind(), EngineErrorKind::Timeout);
        assert!(
            failure.message().contains("did not answer within 30s"),
            "{}",
            failure.message()
        );
        drop(listener);
    }

    #[test]
    fn an_address_without_a_port_has_that_of_its_scheme() {
        for (named, meant) in [
            ("tcp://box", "tcp://box:2375"),
            ("tcp://box/", "tcp://box:2375/"),
            ("tcp://box:", "tcp://box:2375"),
            ("tcp://box:2376", "tcp://box:2376"),
            ("tcp://127.0.0.1", "tcp://127.0.0.1:2375"),
            ("tcp://[::1]", "tcp://[::1]:2375"),
            ("tcp://[::1]:99/x", "tcp://[::1]:99/x"),
            ("http://box", "http://box:80"),
            ("unix:///run/x.sock", "unix:///run/x.sock"),
            ("ssh://box", "ssh://box"),
        ] {
            assert_eq!(with_port(named), meant, "{named}");
        }
    }

    #[tokio::test]
    async fn something_else_than_an_engine_is_not_taken_for_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("other.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let answering = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).await.unwrap();
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello";
            stream.write_all(answer).await.unwrap();
        });
        let client = Client::new(&format!("unix://{}", path.display())).unwrap();
        let failure = client
            .call("version", "docker", client.docker().version())
            .await
            .unwrap_err();
        assert_eq!(failure.kind(), EngineErrorKind::Failed);
        assert!(
            failure.message().contains("answered with something unexpected"),
            "{}",
            failure.message()
        );
        answering.await.unwrap();
    }

    #[tokio::test]
    async fn a_socket_that_nobody_serves_is_unavailable_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gone.sock");
        drop(UnixListener::bind(&path).unwrap());
        let client = Client::new(&format!("unix://{}", path.display())).unwrap();
        let failure = client
            .call("version", "docker", client.docker().version())
            .await
            .unwrap_err();
        assert_eq!(failure.kind(), EngineErrorKind::Unavailable);
        assert!(
            failure.message().contains("(Connection refused"),
            "{}",
            failure.message()
        );
    }
}
