//! Accepts connections and serves them, all in bounded numbers and times.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::api::Plugin;
use crate::server::connections::Connections;
use crate::server::dispatch::Dispatcher;

/// Connections at a time. For one more the idlest is closed; where none is idle it waits in the
/// listener's backlog.
const CONNECTIONS: usize = 512;
/// Longest time until the head of a connection's first request has arrived. Whoever connects has
/// something to ask.
const FIRST_HEAD_DEADLINE: Duration = Duration::from_secs(10);
/// Longest time until the head of the next request has arrived. It bounds idle connections too, so
/// it is longer than clients keep theirs (usually 90 s): a server that closes first may do so while
/// a command is on its way.
const HEAD_DEADLINE: Duration = Duration::from_secs(120);
/// Longest head of a request.
const HEAD_BYTES: usize = 64 * 1024;
/// Pause after the system could not accept, for example because it has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Time for answers that are being written when the server closes.
const CLOSING: Duration = Duration::from_millis(300);

/// Serves until `close` is cancelled, then finishes the answers that are under way.
pub(crate) async fn listen<P: Plugin>(
    listener: TcpListener,
    dispatcher: Dispatcher<P>,
    close: CancellationToken,
) {
    let dispatcher = Arc::new(dispatcher);
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    let connections = Arc::new(Connections::default());
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD_DEADLINE)
        .max_buf_size(HEAD_BYTES);
    let open = GracefulShutdown::new();
    loop {
        let accept = async {
            let accepted = listener.accept().await;
            if slots.available_permits() == 0 {
                connections.close_idlest();
            }
            // The semaphore is never closed.
            (Arc::clone(&slots).acquire_owned().await, accepted)
        };
        let (slot, accepted) = tokio::select! {
            accepted = accept => accepted,
            () = close.cancelled() => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // Answers are small and written at once; waiting to fill a packet only delays them.
        let _ = stream.set_nodelay(true);
        let place = connections.add();
        let (dispatcher, activity) = (Arc::clone(&dispatcher), Arc::clone(&place.activity));
        let service = service_fn(move |request: Request<Incoming>| {
            let (dispatcher, working) = (Arc::clone(&dispatcher), activity.begin());
            async move {
                let response = dispatcher.answer(request.map(Body::new)).await;
                drop(working);
                Ok::<_, Infallible>(response)
            }
        });
        let connection = open.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            tokio::select! {
                ended = connection => if let Err(error) = ended {
                    tracing::debug!(%error, "a connection ended early");
                },
                () = place.activity.is_to_close(FIRST_HEAD_DEADLINE) => {
                    tracing::debug!("an idle connection is closed");
                }
            }
            drop((place, slot));
        });
    }
    drop(listener);
    if timeout(CLOSING, open.shutdown()).await.is_err() {
        tracing::debug!("connections are cut off");
    }
}
