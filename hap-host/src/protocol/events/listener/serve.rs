use std::{net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::Extension;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    time,
};
use tokio_util::sync::CancellationToken;

use super::{
    bind::bound,
    connections::Connected,
    shared::{Place, Shared},
};
use crate::protocol::events::receive::Peer;

/// Pause after a failed accept, such as when the process has too many files open.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
/// What a connection may still take once it was asked to end: a body and the disk.
const LAST_REQUEST: Duration = Duration::from_secs(45);
/// Bytes of a request's head. Also the buffer that each connection may hold.
const HEAD_BYTES: usize = 16 * 1024;
const HEADERS: usize = 64;

impl Shared {
    /// Listens on an address until that is cancelled; without a socket as soon as the
    /// address exists.
    pub(super) fn spawn(self: &Arc<Self>, place: Place, port: u16, socket: Option<TcpListener>) {
        let shared = Arc::clone(self);
        let address = SocketAddr::new(place.address, port);
        let stop = self.stop.child_token();
        let earlier = self.listening().insert(place, stop.clone());
        if let Some(earlier) = earlier {
            earlier.cancel();
        }
        self.tasks.spawn(async move {
            let socket = match socket {
                Some(socket) => socket,
                None => match stop.run_until_cancelled(bound(address)).await {
                    Some(socket) => socket,
                    None => return,
                },
            };
            tracing::debug!(%address, "listening for events");
            serve(socket, place, &shared, &stop).await;
        });
    }
}

/// Accepts connections until told to stop.
///
/// On Linux a socket outlives its address: when a network is removed and made again, it serves
/// the address again.
async fn serve(socket: TcpListener, place: Place, shared: &Arc<Shared>, stop: &CancellationToken) {
    loop {
        let accepted = tokio::select! {
            biased;
            // Both are cancel safe. What waits in the backlog is refused when the socket closes.
            () = stop.cancelled() => return,
            accepted = socket.accept() => accepted,
        };
        match accepted {
            Ok((stream, address)) => {
                let peer = address.ip().to_canonical();
                // A route to the address is no reason to be heard: nothing is read.
                let Some(peer) = place.who(peer) else {
                    tracing::debug!(%peer, at = %place.address, "dropped a connection from another network");
                    continue;
                };
                // Over the bound, the stream is closed at once rather than left to wait: the
                // plugin tries again.
                match shared.connections.take(peer) {
                    Some(connected) => {
                        shared
                            .tasks
                            .spawn(connection(stream, connected, Arc::clone(shared)));
                    }
                    None => tracing::debug!(%peer, "refused a connection: too many at once"),
                }
            }
            Err(error) => {
                tracing::warn!(%error, "could not accept a connection");
                time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, connected: Connected, shared: Arc<Shared>) {
    let router = shared.router.clone().layer(Extension(Peer(connected.peer())));
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(shared.options.header_timeout)
        .max_headers(HEADERS)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut serving = pin!(serving);
    let old = time::sleep(shared.options.connection_age);
    let ended = tokio::select! {
        biased;
        () = shared.abort.cancelled() => return,
        ended = &mut serving => Some(ended),
        () = shared.stop.cancelled() => None,
        () = old => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            serving.as_mut().graceful_shutdown();
            tokio::select! {
                biased;
                () = shared.abort.cancelled() => return,
                ended = serving => ended,
                () = time::sleep(LAST_REQUEST) => return,
            }
        }
    };
    if let Err(error) = ended {
        // A client that went away or was too slow; nothing to do about it.
        tracing::trace!(%error, "a connection ended early");
    }
}
