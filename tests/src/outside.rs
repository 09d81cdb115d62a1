//! A host outside: a network namespace behind a pair of virtual cables, which stands for whatever is beyond this
//! machine. No real address is ever spoken to.

use std::{
    net::{Ipv4Addr, SocketAddr},
    os::fd::AsFd,
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use rustix::thread::LinkNameSpaceType;
use tokio::{net::TcpListener, task::JoinHandle};

/// A host with one listener, in a network namespace of its own. Dropping it removes the namespace and the cables.
#[derive(Debug)]
pub struct Outside {
    name: String,
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Outside {
    /// Makes one on an address of TEST-NET-1 (RFC 5737), which nobody has.
    ///
    /// # Panics
    /// When it cannot be made: this user may not make network namespaces, for one.
    #[must_use]
    #[expect(clippy::panic, reason = "a test that silently does not run proves nothing")]
    pub fn new() -> Option<Self> {
        match Self::make() {
            Ok(outside) => Some(outside),
            Err(reason) => panic!("no host outside: {reason}"),
        }
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    fn make() -> Result<Self, String> {
        // One subnet of four addresses for each process, so that two test programs do not meet.
        let slot = u8::try_from(std::process::id() % 64).unwrap_or_default() * 4;
        let (here, there) = (
            Ipv4Addr::new(192, 0, 2, slot + 1),
            Ipv4Addr::new(192, 0, 2, slot + 2),
        );
        let name = format!("hapt{slot}");
        let (near, far) = (format!("{name}n"), format!("{name}f"));
        let address = SocketAddr::from((there, 8000));
        // What an earlier run that was killed left behind.
        let _ = ip(&["netns", "delete", &name]);
        let _ = ip(&["link", "delete", &near]);
        ip(&["netns", "add", &name])?;
        let made = (|| {
            ip(&[
                "link", "add", &near, "type", "veth", "peer", "name", &far, "netns", &name,
            ])?;
            ip(&["address", "add", &format!("{here}/30"), "dev", &near])?;
            ip(&["link", "set", &near, "up"])?;
            ip(&["-n", &name, "address", "add", &format!("{there}/30"), "dev", &far])?;
            ip(&["-n", &name, "link", "set", &far, "up"])?;
            ip(&["-n", &name, "route", "add", "default", "via", &here.to_string()])?;
            listen_inside(&name, address)
        })();
        match made {
            Ok(listener) => {
                let accepting = tokio::spawn(async move { while listener.accept().await.is_ok() {} });
                Ok(Self {
                    name,
                    address,
                    accepting,
                })
            }
            Err(reason) => {
                let _ = ip(&["netns", "delete", &name]);
                Err(reason)
            }
        }
    }
}

/// A network namespace that the calling thread is in, and every thread and process that it starts. Dropping it leaves the
/// thread where it is and removes the namespace's name.
#[derive(Debug)]
pub(crate) struct Namespace {
    name: String,
}

impl Namespace {
    /// Makes a namespace with nothing but loopback and enters it.
    ///
    /// # Panics
    /// When this user may not.
    #[expect(clippy::panic, reason = "a test cannot go on without its network")]
    pub(crate) fn enter_new() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("hapt-{}-{number}", std::process::id());
        let entered = (|| {
            ip(&["netns", "add", &name])?;
            enter(&name)?;
            ip(&["link", "set", "lo", "up"])
        })();
        match entered {
            Ok(()) => Self { name },
            Err(reason) => panic!("no network of its own: {reason}"),
        }
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = ip(&["netns", "delete", &self.name]);
    }
}

fn enter(namespace: &str) -> Result<(), String> {
    let namespace = std::fs::File::open(format!("/run/netns/{namespace}"))
        .map_err(|error| format!("the namespace cannot be opened: {error}"))?;
    rustix::thread::move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
        .map_err(|error| format!("the namespace cannot be entered: {error}"))
}

/// Opens a listener from inside a namespace. A socket stays in the namespace of the thread that opened it.
fn listen_inside(namespace: &str, address: SocketAddr) -> Result<TcpListener, String> {
    let namespace = namespace.to_owned();
    let opened = std::thread::spawn(move || {
        enter(&namespace)?;
        let listener = std::net::TcpListener::bind(address).map_err(|error| format!("{address}: {error}"))?;
        listener
            .set_nonblocking(true)
            .map_err(|error| error.to_string())?;
        Ok::<_, String>(listener)
    });
    let listener = opened
        .join()
        .map_err(|_| "the thread in the namespace panicked".to_owned())??;
    TcpListener::from_std(listener).map_err(|error| error.to_string())
}

impl Drop for Outside {
    fn drop(&mut self) {
        self.accepting.abort();
        // The cables go with the namespace that holds one end.
        let _ = ip(&["netns", "delete", &self.name]);
    }
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    let output = Command::new("ip")
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("`ip` does not run ({error}): install iproute2"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "`ip {}`: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr).trim()
    ))
}
