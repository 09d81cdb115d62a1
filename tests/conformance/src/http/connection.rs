use std::{fmt, io, net::SocketAddr, time::Duration};

use tokio::{
    io::AsyncWriteExt as _,
    net::TcpStream,
    time::{Instant, timeout, timeout_at},
};

use super::message::{Head, MOST_BODY, SILENCE, read_body, read_head};

const CONNECT: Duration = Duration::from_secs(5);

/// Why there is no whole answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Broken {
    /// No connection came about.
    Refused(String),
    /// The connection ended, or was reset, before a byte of the answer.
    Closed(String),
    /// The answer is cut, or no HTTP.
    Cut(String),
    /// Nothing came in time.
    Silent(Duration),
    /// The body has more bytes than are read.
    TooLarge,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(why) => write!(f, "no connection: {why}"),
            Self::Closed(why) => write!(f, "the connection ended before an answer: {why}"),
            Self::Cut(why) => write!(f, "no whole answer: {why}"),
            Self::Silent(after) => write!(f, "no whole answer within {after:?}"),
            Self::TooLarge => write!(f, "a body of more than {} MiB", MOST_BODY >> 20),
        }
    }
}

/// One connection to a plugin.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    rest: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(at: SocketAddr) -> Result<Self, Broken> {
        let connecting = timeout(CONNECT, TcpStream::connect(at)).await;
        let stream = match connecting {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(Broken::Refused(format!("{at}: {error}"))),
            Err(_) => return Err(Broken::Refused(format!("{at}: nothing within {CONNECT:?}"))),
        };
        let _ = stream.set_nodelay(true);
        Ok(Self {
            stream,
            rest: Vec::new(),
        })
    }

    /// Sends bytes as they are.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        match timeout(SILENCE, self.stream.write_all(bytes)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Broken::Closed(error.to_string())),
            Err(_) => Err(Broken::Silent(SILENCE)),
        }
    }

    /// Reads one answer within a time.
    pub(crate) async fn answer(&mut self, within: Duration) -> Result<(Head, Vec<u8>), Broken> {
        let deadline = Instant::now() + within;
        let reading = read_head(&mut self.stream, &mut self.rest, true);
        let head = match timeout_at(deadline, reading).await {
            Ok(Ok(Some(head))) => head,
            Ok(Ok(None)) => return Err(Broken::Closed("closed".to_owned())),
            Ok(Err(error)) => return Err(broken(&error)),
            Err(_) => return Err(Broken::Silent(within)),
        };
        let reading = read_body(&mut self.stream, &mut self.rest, &head, MOST_BODY);
        match timeout_at(deadline, reading).await {
            Ok(Ok(Some(body))) => Ok((head, body)),
            Ok(Ok(None)) => Err(Broken::TooLarge),
            Ok(Err(error)) => Err(Broken::Cut(error.to_string())),
            Err(_) => Err(Broken::Silent(within)),
        }
    }
}

fn broken(error: &io::Error) -> Broken {
    match error.kind() {
        io::ErrorKind::InvalidData => Broken::Cut(error.to_string()),
        _ => Broken::Closed(error.to_string()),
    }
}
