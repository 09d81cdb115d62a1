//! One request to an engine or a host, with all its ways to fail told apart.

use std::{future::poll_fn, io, path::Path, pin::Pin, time::Duration};

use hyper::{
    Request,
    body::{Body as _, Incoming},
    client::conn::http1,
};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
    time::timeout,
};

use super::super::facts::Way;

/// The largest answer that is read.
const MOST: usize = 4 << 20;
/// Longest wait for an answer.
pub(super) const WITHIN: Duration = Duration::from_secs(5);

/// Why nothing came.
#[derive(Debug)]
pub(super) enum Trouble {
    NotThere,
    Refused,
    Forbidden,
    Silent,
    Odd(String),
}

/// What came: the status, and the body as JSON.
pub(super) type Reply = (u16, Value);

/// Asks an engine.
pub(super) async fn ask(way: &Way, path: &str) -> Result<Reply, Trouble> {
    match way {
        Way::Socket(socket) => ask_socket(socket, path).await,
        Way::Tcp(address) => {
            let connected = async {
                exchange(
                    TcpStream::connect(address)
                        .await
                        .map_err(|error| trouble(&error))?,
                    path,
                )
                .await
            };
            timeout(WITHIN, connected).await.unwrap_or(Err(Trouble::Silent))
        }
        Way::None | Way::Refused(_) => Err(Trouble::NotThere),
    }
}

/// Asks whoever listens on a socket.
pub(super) async fn ask_socket(socket: &Path, path: &str) -> Result<Reply, Trouble> {
    let connected = async {
        exchange(
            UnixStream::connect(socket)
                .await
                .map_err(|error| trouble(&error))?,
            path,
        )
        .await
    };
    timeout(WITHIN, connected).await.unwrap_or(Err(Trouble::Silent))
}

fn trouble(error: &io::Error) -> Trouble {
    match error.kind() {
        io::ErrorKind::NotFound => Trouble::NotThere,
        io::ErrorKind::ConnectionRefused => Trouble::Refused,
        io::ErrorKind::PermissionDenied => Trouble::Forbidden,
        _ => Trouble::Odd(error.to_string()),
    }
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    path: &str,
) -> Result<Reply, Trouble> {
    let odd = |error: hyper::Error| Trouble::Odd(error.to_string());
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(odd)?;
    let request = Request::get(path)
        .header("host", "localhost")
        .body(String::new())
        .map_err(|error| Trouble::Odd(error.to_string()))?;
    let asked = async {
        let response = sender.send_request(request).await.map_err(odd)?;
        let status = response.status().as_u16();
        let bytes = collect(response.into_body()).await?;
        let body =
            serde_json::from_slice(&bytes).map_err(|_| Trouble::Odd("its answer is no JSON".to_owned()))?;
        Ok((status, body))
    };
    // Both are dropped with whoever waits for them.
    tokio::select! {
        biased;
        done = asked => done,
        ended = connection => Err(ended.err().map_or_else(
            || Trouble::Odd("it hung up".to_owned()),
            odd,
        )),
    }
}

async fn collect(mut body: Incoming) -> Result<Vec<u8>, Trouble> {
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let frame = frame.map_err(|error| Trouble::Odd(error.to_string()))?;
        bytes.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
        if bytes.len() > MOST {
            return Err(Trouble::Odd("its answer has more than 4 MiB".to_owned()));
        }
    }
    Ok(bytes)
}
