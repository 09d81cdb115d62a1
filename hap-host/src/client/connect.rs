//! Connections to a host: a Unix socket, TCP, or TLS over that. Each call has one of its own, so none meets the end of
//! another, and a stream that is dropped is closed.

use std::{fmt, io, path::PathBuf, sync::Arc, time::Duration};

use axum::body::{Body, BodyDataStream};
use bytes::Bytes;
use futures_util::StreamExt as _;
use hyper::{
    Request, StatusCode, Uri,
    client::conn::http1,
    header::{HOST, HeaderValue},
    http::uri::Scheme,
};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
};
use tokio_rustls::TlsConnector;

use super::{
    error::{ClientError, ClientErrorKind},
    tls,
};

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// Where a host is.
#[derive(Clone)]
pub(super) struct Place(Arc<Inner>);

struct Inner {
    way: Way,
    /// As it is said to people.
    shown: String,
    /// What its requests name as their host.
    host: HeaderValue,
    /// The path before those of the API, without a slash at the end.
    prefix: String,
}

enum Way {
    Unix(PathBuf),
    Tcp {
        host: String,
        port: u16,
    },
    Tls {
        host: String,
        port: u16,
        config: Arc<ClientConfig>,
    },
}

/// Anything that bytes go through.
trait Pipe: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Pipe for T {}

impl Place {
    pub(super) fn unix(socket: PathBuf) -> Self {
        Self(Arc::new(Inner {
            shown: socket.display().to_string(),
            way: Way::Unix(socket),
            host: HeaderValue::from_static("localhost"),
            prefix: String::new(),
        }))
    }

    pub(super) fn http(url: &str) -> Result<Self, ClientError> {
        let wrong = |why: &str| {
            ClientError::usage(format!(
                "an address of a host is written as https://name:port, without a user, a query or a password: {why}"
            ))
        };
        let address: Uri = url.parse().map_err(|_| wrong("this one cannot be read"))?;
        let is_tls = match address.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return Err(wrong("this one begins otherwise")),
        };
        let authority = address.authority().ok_or_else(|| wrong("this one has no name"))?;
        if authority.as_str().contains('@') || address.query().is_some() {
            return Err(wrong("this one has more"));
        }
        let host = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        if host.is_empty() {
            return Err(wrong("this one has no name"));
        }
        let port = match authority.port_u16() {
            Some(port) => port,
            // What follows the name is empty, or a port that is none: another host may be at the default one.
            None if authority.as_str().ends_with(authority.host()) => {
                if is_tls {
                    443
                } else {
                    80
                }
            }
            None => return Err(wrong("its port is no number from 0 to 65535")),
        };
        let way = if is_tls {
            let config = Arc::new(tls::config()?);
            Way::Tls { host, port, config }
        } else {
            Way::Tcp { host, port }
        };
        Ok(Self(Arc::new(Inner {
            shown: url.trim_end_matches('/').to_owned(),
            host: HeaderValue::from_str(authority.as_str()).map_err(|_| wrong("this one cannot be read"))?,
            prefix: address.path().trim_end_matches('/').to_owned(),
            way,
        })))
    }

    pub(super) fn shown(&self) -> &str {
        &self.0.shown
    }

    /// Sends a request whose target is below where the API begins. Only the connection has a deadline here.
    pub(super) async fn send(&self, mut request: Request<Body>) -> Result<Reply, ClientError> {
        let target = format!("{}{}", self.0.prefix, request.uri());
        *request.uri_mut() = target
            .parse()
            .map_err(|_| ClientError::usage("what was asked makes no address"))?;
        request.headers_mut().insert(HOST, self.0.host.clone());
        let pipe = tokio::time::timeout(CONNECT, self.connect())
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            .map_err(|error| self.failed("cannot be reached", &error))?;
        let broken = |error: hyper::Error| self.broken(&error);
        let (mut sender, connection) = http1::handshake(TokioIo::new(pipe)).await.map_err(broken)?;
        // It ends with its request: when the answer has been read, or whoever waits for it is gone.
        tokio::spawn(connection);
        let response = sender.send_request(request).await.map_err(broken)?;
        Ok(Reply {
            status: response.status(),
            body: Body::new(response.into_body()).into_data_stream(),
            place: self.clone(),
        })
    }

    async fn connect(&self) -> io::Result<Box<dyn Pipe>> {
        let tcp = async |host: &str, port: u16| {
            let stream = TcpStream::connect((host, port)).await?;
            stream.set_nodelay(true)?;
            io::Result::Ok(stream)
        };
        match &self.0.way {
            Way::Unix(socket) => Ok(Box::new(UnixStream::connect(socket).await?)),
            Way::Tcp { host, port } => Ok(Box::new(tcp(host, *port).await?)),
            Way::Tls { host, port, config } => {
                let name = ServerName::try_from(host.clone()).map_err(io::Error::other)?;
                let stream = tcp(host, *port).await?;
                let tls = TlsConnector::from(Arc::clone(config));
                Ok(Box::new(tls.connect(name, stream).await?))
            }
        }
    }

    fn failed(&self, what: &str, error: &dyn std::error::Error) -> ClientError {
        let mut deepest = error;
        while let Some(source) = deepest.source() {
            deepest = source;
        }
        let message = format!("{} {what}: {deepest}", self.shown());
        ClientError::new(ClientErrorKind::Unreachable, message)
    }

    fn broken(&self, error: &hyper::Error) -> ClientError {
        if error.is_parse() {
            let message = format!(
                "{} does not answer by HTTP: is it the right address?",
                self.shown()
            );
            return ClientError::new(ClientErrorKind::InvalidReply, message);
        }
        self.failed("broke off the connection", error)
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Place").field(&self.0.shown).finish()
    }
}

/// An answer whose body is still to come.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    body: BodyDataStream,
    place: Place,
}

impl Reply {
    /// Returns the next piece of the body; `None` at its end. Cancel safe.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, ClientError> {
        let piece = self.body.next().await.transpose();
        piece.map_err(|error| self.place.failed("broke off the connection", &error))
    }

    pub(super) fn place(&self) -> &str {
        self.place.shown()
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}
