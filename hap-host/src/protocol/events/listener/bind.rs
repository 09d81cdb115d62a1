use std::{
    collections::BTreeSet,
    io,
    net::{IpAddr, SocketAddr},
    ops::Range,
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpSocket},
    time,
};

use crate::error::{Error, ErrorKind};

/// Pauses between attempts to bind an address that does not exist yet, doubling.
const RETRY_FIRST: Duration = Duration::from_millis(500);
const RETRY_LONGEST: Duration = Duration::from_secs(10);
/// Ports to choose from: below those that systems give to outgoing connections, any of which could
/// otherwise hold the port when the host starts again.
const PORTS: Range<u16> = 20_000..32_000;
const ATTEMPTS: usize = 64;
/// A host that just ended may hold the port for a moment.
const PREFERRED_ATTEMPTS: usize = 10;
const PREFERRED_PAUSE: Duration = Duration::from_millis(100);
const BACKLOG: u32 = 128;

/// One port on several addresses. An address that does not exist has no socket.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) port: u16,
    pub(super) sockets: Vec<(IpAddr, Option<TcpListener>)>,
}

/// Binds a port that is free on all the addresses: the preferred one, or any.
pub(super) async fn bind_all(addresses: &BTreeSet<IpAddr>, preferred: Option<u16>) -> Result<Bound, Error> {
    if let Some(port) = preferred.filter(|port| *port != 0) {
        for _ in 0..PREFERRED_ATTEMPTS {
            if let Some(bound) = try_port(addresses, port)? {
                return Ok(bound);
            }
            time::sleep(PREFERRED_PAUSE).await;
        }
        tracing::warn!(port, "the port for events is taken by another program");
    }
    for _ in 0..ATTEMPTS {
        if let Some(bound) = try_port(addresses, random_port()?)? {
            return Ok(bound);
        }
    }
    Err(Error::new(
        ErrorKind::Unreachable,
        format!("found no port that is free on all of {addresses:?}"),
    ))
}

/// `None` when something else has the port on one of the addresses.
fn try_port(addresses: &BTreeSet<IpAddr>, port: u16) -> Result<Option<Bound>, Error> {
    let mut sockets = Vec::with_capacity(addresses.len());
    for &address in addresses {
        let at = SocketAddr::new(address, port);
        match bind_one(at) {
            Ok(socket) => sockets.push((address, Some(socket))),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => sockets.push((address, None)),
            Err(error) => {
                return Err(Error::new(
                    ErrorKind::Unreachable,
                    format!("cannot listen for events on {at}"),
                )
                .with_source(error));
            }
        }
    }
    Ok(Some(Bound { port, sockets }))
}

pub(super) fn bind_one(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    // Connections of the host before this one may still linger on the port.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn random_port() -> Result<u16, Error> {
    let random = getrandom::u32().map_err(|error| {
        Error::new(ErrorKind::Unreachable, "the system gives no random numbers")
            .with_source(error.to_string())
    })?;
    let offset = random % u32::from(PORTS.end - PORTS.start);
    Ok(PORTS.start + u16::try_from(offset).unwrap_or_default())
}

/// Binds an address as soon as it exists.
pub(super) async fn bound(address: SocketAddr) -> TcpListener {
    let mut pause = RETRY_FIRST;
    loop {
        match bind_one(address) {
            Ok(socket) => return socket,
            // Expected while a network is being made again.
            Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {
                tracing::debug!(%address, "the address does not exist yet");
            }
            Err(error) => tracing::warn!(%address, %error, "cannot listen for events"),
        }
        time::sleep(pause).await;
        pause = (pause * 2).min(RETRY_LONGEST);
    }
}
