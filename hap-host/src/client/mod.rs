//! The management API of another process: every route of it as a method, with the types that the
//! host itself sends.
//!
//! A [`Client`] reaches a host on its Unix socket, or at an address with a token. Each method is one
//! operation of the API and has its name; `docs/management-api.md` says what each does. The types
//! are those of which the server makes its answers, so the two cannot differ. What a newer host adds
//! is passed over: fields that are not known, and words that are not known stay the text that they are.
//!
//! ```no_run
//! use std::time::Duration;
//! use hap_host::client::Client;
//!
//! # async fn f() -> Result<(), Box<dyn std::error::Error>> {
//! let host = Client::unix("/var/lib/hap/hap.sock");
//! for plugin in host.list_plugins().await?.plugins {
//!     println!("{} {} {}", plugin.id, plugin.version, plugin.phase);
//! }
//! let light = "light".parse()?;
//! host.start_plugin(&light).await?;
//! let told = host
//!     .send_command(&light, "set_brightness", serde_json::json!({"level": 40}), Default::default())
//!     .await?;
//! println!("{}", told.result);
//! # Ok(())
//! # }
//! ```
//!
//! Dropping a call gives it up; what was asked may still happen, as the management API says of each.

mod answers;
mod call;
mod connect;
mod error;
mod follow;
mod operation;
mod options;
mod plugins;
mod sse;
#[cfg(test)]
mod tests;
mod tls;
mod whole;

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use hap_manifest::ApiToken;

use self::connect::Place;

pub use self::{
    answers::*,
    error::{ClientError, ClientErrorKind},
    follow::{Follow, Followed},
    options::{
        CommandOptions, EventOptions, InstallOptions, LogOptions, Package, PluginEventOptions,
        RollBackOptions, UninstallOptions, UpdateOptions,
    },
    whole::HostOrPlugin,
};

/// A host's management API. Each call has a connection of its own, follows no redirect and goes through no proxy.
#[derive(Clone)]
pub struct Client {
    place: Place,
    token: Option<Arc<ApiToken>>,
    timeout: Option<Duration>,
}

impl Client {
    /// Returns a client of the host that serves on this Unix socket. Nothing is connected yet.
    #[must_use]
    pub fn unix(socket: impl Into<PathBuf>) -> Self {
        Self::new(Place::unix(socket.into()))
    }

    /// Returns a client of the host at this address, such as `https://home.example.com:8443` or, on the
    /// same machine, `http://127.0.0.1:8090/api`. Nothing is connected yet.
    ///
    /// Certificates have to be signed by an authority that this machine trusts, or by those of the file
    /// that the environment variable `SSL_CERT_FILE` names.
    ///
    /// # Errors
    /// [`ClientErrorKind::Usage`] for what is no address, or has a user's name in it.
    pub fn http(url: &str) -> Result<Self, ClientError> {
        Place::http(url).map(Self::new)
    }

    /// Returns a client by its address: `http://`, `https://`, or `unix://` and the path of a socket.
    ///
    /// # Errors
    /// As those of [`http`](Self::http).
    pub fn at(url: &str) -> Result<Self, ClientError> {
        match url.strip_prefix("unix://") {
            Some(path) if path.starts_with('/') => Ok(Self::unix(path)),
            Some(_) => Err(ClientError::usage(format!(
                "{url:?} names no socket: write unix:///path/of/the/socket"
            ))),
            None => Self::http(url),
        }
    }

    const fn new(place: Place) -> Self {
        Self {
            place,
            token: None,
            timeout: None,
        }
    }

    /// Sets the token that is sent with every call.
    #[must_use]
    pub fn token(mut self, token: ApiToken) -> Self {
        self.token = Some(Arc::new(token));
        self
    }

    /// Sets how long each call may take in all, in place of the time that the host itself gives it: a
    /// minute for most, quarter of an hour for a start, hours for an update. Streams are bound by it until
    /// they begin.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Returns where the host is: its address, or the path of its socket.
    #[must_use]
    pub fn place(&self) -> &str {
        self.place.shown()
    }
}

/// Without the token.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("place", &self.place())
            .finish_non_exhaustive()
    }
}
