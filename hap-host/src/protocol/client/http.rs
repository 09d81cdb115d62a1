use std::{error::Error as StdError, future::poll_fn, pin::Pin, time::Duration};

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use hyper::{
    Request, Response,
    body::{Body as _, Incoming},
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};

use crate::engine::own_lack::own_lack_beside_routes;

/// A plugin on this machine accepts a connection in well under a millisecond.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Shorter than the 2 s after which the hastiest of the common servers (gunicorn) closes an idle
/// connection: whoever closes first avoids that a request meets the other's goodbye, after which
/// nobody knows whether it was read.
const IDLE_TIMEOUT: Duration = Duration::from_secs(1);

/// All of HTTP that a plugin is reached by: version 1.1, plain, to an address. It knows no proxy of
/// the environment, follows no redirect, and sends nothing twice but what was never written. Clones
/// share their connections.
#[derive(Debug, Clone)]
pub(crate) struct Http(Client<HttpConnector, Body>);

/// Why there is no whole response.
#[derive(Debug)]
pub(super) struct Broken {
    /// There was no connection yet, so nothing was sent.
    pub(super) connecting: bool,
    pub(super) cause: Box<dyn StdError + Send + Sync>,
}

impl Broken {
    /// What this machine lacked, so that nobody was asked.
    pub(super) fn own_lack(&self) -> Option<&'static str> {
        self.connecting
            .then(|| own_lack_beside_routes(&*self.cause))
            .flatten()
    }
}

/// Why there is no whole body.
#[derive(Debug)]
pub(super) enum Cut {
    TooLarge,
    Broken(Broken),
}

impl Http {
    /// Keeps so many connections open to each address while nobody uses them.
    pub(super) fn new(idle_connections: usize) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(idle_connections)
            .build(connector);
        Self(client)
    }

    /// Keeps no connection, so each request has one of its own.
    pub(super) fn unpooled() -> Self {
        Self::new(0)
    }

    pub(super) async fn send(&self, request: Request<Body>) -> Result<Response<Incoming>, Broken> {
        self.0.request(request).await.map_err(|error| Broken {
            connecting: error.is_connect(),
            cause: error.into(),
        })
    }
}

/// Reads a body to its end, or to more than `limit` bytes.
pub(super) async fn read_body(mut body: Incoming, limit: usize) -> Result<Bytes, Cut> {
    let mut whole = BytesMut::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let frame = frame.map_err(|error| {
            Cut::Broken(Broken {
                connecting: false,
                cause: error.into(),
            })
        })?;
        // Trailers say nothing here.
        let Ok(piece) = frame.into_data() else { continue };
        if whole.len() + piece.len() > limit {
            return Err(Cut::TooLarge);
        }
        if whole.is_empty() && body.is_end_stream() {
            return Ok(piece);
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole.freeze())
}
