//! Connections: each bounded in number, in time for its head, and in size of that.

use std::{io, net::IpAddr, pin::pin, sync::Arc, time::Duration};

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    time,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    door::Peer,
    room::{Place, Room},
    tls::Tls,
};

/// Pause after a failed accept, such as when the process has too many files open.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
/// Longest time for TLS to be agreed on, and for the head of a request.
const HEAD: Duration = Duration::from_secs(10);
/// Bytes of a request's head. Also the buffer that each connection may hold.
const HEAD_BYTES: usize = 32 * 1024;
const HEADERS: usize = 64;

/// What is listened on.
#[derive(Debug)]
pub(super) enum Socket {
    Unix(UnixListener),
    Tcp(TcpListener, Option<Arc<Tls>>),
}

/// The servers of a host.
#[derive(Debug, Default)]
pub(super) struct Servers {
    tasks: TaskTracker,
    stop: CancellationToken,
    abort: CancellationToken,
}

impl Servers {
    /// Serves a router on a socket until told to end.
    pub(super) fn serve(&self, socket: Socket, router: Router) {
        let server = Server {
            router,
            tasks: self.tasks.clone(),
            stop: self.stop.clone(),
            abort: self.abort.clone(),
            room: Arc::default(),
        };
        self.tasks.spawn(server.run(socket));
    }

    /// Takes no new connections and no new requests on those that there are.
    pub(super) fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
    }

    /// Waits so long for requests under way, then gives them up.
    pub(super) async fn end(&self, grace: Duration) {
        self.stop();
        if time::timeout(grace, self.tasks.wait()).await.is_err() {
            tracing::debug!("gave up requests that were under way");
        }
        self.abort.cancel();
        self.tasks.wait().await;
    }
}

#[derive(Debug, Clone)]
struct Server {
    router: Router,
    tasks: TaskTracker,
    stop: CancellationToken,
    abort: CancellationToken,
    room: Arc<Room>,
}

/// A connection as it comes.
enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream, Option<Arc<Tls>>),
}

impl Server {
    async fn run(self, socket: Socket) {
        loop {
            let accepted = tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                accepted = accept(&socket) => accepted,
            };
            match accepted {
                // Over the bound it is closed at once rather than left to wait.
                Ok((stream, peer)) => match self.room.take(peer) {
                    Some(place) => drop(self.tasks.spawn(self.clone().connection(stream, peer, place))),
                    None => tracing::debug!(?peer, "refused a connection: too many at once"),
                },
                Err(error) => {
                    tracing::warn!(%error, "could not accept a connection");
                    time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    async fn connection(self, stream: Stream, peer: Peer, _place: Place) {
        match stream {
            Stream::Unix(stream) => self.http(stream, peer).await,
            Stream::Tcp(stream, None) => self.http(stream, peer).await,
            Stream::Tcp(stream, Some(tls)) => {
                let agreed = time::timeout(HEAD, tls.acceptor().accept(stream));
                match self.abort.run_until_cancelled(agreed).await {
                    Some(Ok(Ok(stream))) => self.http(stream, peer).await,
                    Some(Ok(Err(error))) => tracing::debug!(?peer, %error, "no TLS was agreed on"),
                    Some(Err(_)) | None => {}
                }
            }
        }
    }

    async fn http(self, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static, peer: Peer) {
        let router = self.router.layer(Extension(peer));
        let serving = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .max_headers(HEADERS)
            .max_buf_size(HEAD_BYTES)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
        let mut serving = pin!(serving);
        let ended = tokio::select! {
            biased;
            () = self.abort.cancelled() => return,
            ended = &mut serving => ended,
            () = self.stop.cancelled() => {
                serving.as_mut().graceful_shutdown();
                tokio::select! {
                    biased;
                    () = self.abort.cancelled() => return,
                    ended = serving => ended,
                }
            }
        };
        if let Err(error) = ended {
            // A client that went away or was too slow; nothing to do about it.
            tracing::trace!(%error, "a connection ended early");
        }
    }
}

async fn accept(socket: &Socket) -> io::Result<(Stream, Peer)> {
    match socket {
        Socket::Unix(listener) => {
            let (stream, _) = listener.accept().await?;
            let user = stream.peer_cred().ok().map(|peer| peer.uid());
            Ok((Stream::Unix(stream), Peer::User(user)))
        }
        Socket::Tcp(listener, tls) => {
            let (stream, address) = listener.accept().await?;
            let address: IpAddr = address.ip().to_canonical();
            Ok((Stream::Tcp(stream, tls.clone()), Peer::Address(address)))
        }
    }
}
