//! What is known of a machine, gathered once and judged afterwards.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::{Duration, SystemTime},
};

use hap_host::engine::{FreeSubnets, LimitsInForce};

/// All that is known of a machine.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(super) now: SystemTime,
    pub(super) user: User,
    /// The processor that this program is for, by the engine's name of it.
    pub(super) arch: &'static str,
    pub(super) kernel: Option<String>,
    /// Whether the kernel shows the engine's rules what stays on one bridge; `None` where it does not tell.
    pub(super) bridges_are_filtered: Option<bool>,
    pub(super) address: EngineAddress,
    pub(super) engine: Result<EngineFacts, Unreached>,
    pub(super) state: StateFacts,
    pub(super) config: ConfigFacts,
    /// What listens on TCP ports of this machine; `None` where the kernel does not tell.
    pub(super) listeners: Option<Vec<Listener>>,
    pub(super) certificate: Option<Result<Certificate, String>>,
    pub(super) probe: Probed,
}

/// Who runs this program.
#[derive(Debug, Clone)]
pub(super) struct User {
    pub(super) id: u32,
    pub(super) name: String,
}

/// Where the engine is looked for.
#[derive(Debug, Clone)]
pub(super) struct EngineAddress {
    pub(super) uri: String,
    /// What named it, such as `DOCKER_HOST`; `None` for the usual one.
    pub(super) named_by: Option<String>,
    /// The context that the `docker` command follows, where it is not its default one.
    pub(super) context: Option<String>,
    pub(super) way: Way,
}

/// How an address of an engine is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Way {
    Socket(PathBuf),
    Tcp(SocketAddr),
    /// The configuration names the process engine: no container is needed.
    None,
    /// It is not taken, with the reason.
    Refused(String),
}

/// Why nothing is known of an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unreached {
    /// It is not looked for: its address is refused.
    NotAsked,
    NoSocket,
    /// Nobody listens.
    Refused,
    Forbidden(SocketOwner),
    /// It takes connections, and does not answer.
    Silent(Duration),
    Odd(String),
}

/// Whose a socket is that this user may not open.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct SocketOwner {
    pub(super) group: Option<String>,
    /// Whether this user is in the group by the books, but not this process.
    pub(super) is_member: bool,
}

/// What an engine says of itself.
#[derive(Debug, Clone)]
pub(super) struct EngineFacts {
    pub(super) version: String,
    pub(super) api: String,
    /// Podman's name and version, where it answers in Docker's language.
    pub(super) podman: Option<String>,
    pub(super) described: Result<Described, String>,
    /// What of the pool of subnets is free.
    pub(super) pool: Result<FreeSubnets, String>,
    /// Where plugins find the host: the gateways of the instance's networks.
    pub(super) gateways: Vec<IpAddr>,
    /// What was made by runs of `hap` that were killed.
    pub(super) left: Result<Vec<Left>, String>,
}

/// An engine's description of its machine.
#[derive(Debug, Clone)]
pub(super) struct Described {
    pub(super) cgroup: Option<String>,
    pub(super) memory_limit: bool,
    pub(super) swap_limit: bool,
    pub(super) pids_limit: bool,
    pub(super) cpu_limit: bool,
    /// Names of its security options, such as `seccomp` and `rootless`.
    pub(super) security: Vec<String>,
    pub(super) architecture: String,
    /// How far its clock is from this program's.
    pub(super) clock: Option<Drift>,
    /// The disk of its root folder; `None` where the folder is not to be seen from here.
    pub(super) disk: Option<Disk>,
}

/// How far one clock is from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Drift {
    Ahead(Duration),
    Behind(Duration),
}

/// What is left of an instance that nobody owns any more.
#[derive(Debug, Clone)]
pub(super) struct Left {
    pub(super) instance: String,
    /// Containers and networks.
    pub(super) things: usize,
}

/// A file system.
#[derive(Debug, Clone)]
pub(super) struct Disk {
    pub(super) mount: PathBuf,
    pub(super) kind: String,
    pub(super) is_read_only: bool,
    pub(super) free: u64,
    pub(super) free_files: u64,
    /// Zero where the file system makes them as they are needed.
    pub(super) files: u64,
}

/// The state folder.
#[derive(Debug, Clone)]
pub(super) struct StateFacts {
    pub(super) folder: PathBuf,
    pub(super) entry: Entry,
    /// Of the folder, or of the nearest one above it.
    pub(super) disk: Result<Disk, String>,
    /// The process that holds its lock; zero where it has no number here.
    pub(super) holder: Option<u32>,
    pub(super) socket: Option<Socket>,
}

/// What is at the state folder's path.
#[derive(Debug, Clone)]
pub(super) enum Entry {
    /// Nothing: it would be made in this folder.
    Missing {
        above: PathBuf,
        may_make: bool,
    },
    NotAFolder,
    Unreadable(String),
    Folder(Folder),
}

/// A state folder that is there.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    pub(super) owner: u32,
    pub(super) mode: u32,
    pub(super) may_write: bool,
    pub(super) has_database: bool,
    pub(super) is_empty: bool,
    /// When its newest file was written.
    pub(super) newest: Option<SystemTime>,
}

/// The host's own socket.
#[derive(Debug, Clone)]
pub(super) struct Socket {
    pub(super) path: PathBuf,
    pub(super) is_socket: bool,
    pub(super) owner: u32,
    pub(super) mode: u32,
    pub(super) answer: Answer,
}

/// What a host answers on its socket.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    Healthy(HostHealth),
    /// It runs, and refuses: with what it says.
    Unhealthy(String),
    /// Nobody listens.
    Nobody,
    Forbidden,
    Silent(Duration),
    Odd(String),
}

/// What a host says of itself.
#[derive(Debug, Clone, Default)]
pub(super) struct HostHealth {
    pub(super) isolation: String,
    pub(super) isolation_message: Option<String>,
    pub(super) problems: Vec<String>,
}

/// What the configuration file says that concerns the machine.
#[derive(Debug, Clone, Default)]
pub(super) struct ConfigFacts {
    pub(super) path: Option<PathBuf>,
    pub(super) trouble: Option<String>,
    pub(super) events_port: Option<u16>,
    pub(super) listen: Option<String>,
    pub(super) certificate: Option<PathBuf>,
    pub(super) key: Option<PathBuf>,
    pub(super) engine: Option<String>,
    pub(super) instance: Option<String>,
}

/// A program that listens on a TCP port.
#[derive(Debug, Clone)]
pub(super) struct Listener {
    pub(super) address: SocketAddr,
    /// Its name and number, as far as this user may see.
    pub(super) program: Option<String>,
}

/// A certificate.
#[derive(Debug, Clone)]
pub(super) struct Certificate {
    pub(super) not_before: SystemTime,
    pub(super) not_after: SystemTime,
    /// Whether the key is that of the certificate, or why that is not known.
    pub(super) fits: Result<bool, String>,
}

/// What containers of the doctor's own found.
#[derive(Debug, Clone)]
pub(super) enum Probed {
    /// They were not started, with the reason.
    Not(String),
    Done(Box<Probe>),
}

/// What came of each container.
#[derive(Debug, Clone)]
pub(super) struct Probe {
    /// What is open between plugins, and what to do.
    pub(super) isolation: Result<Option<(String, String)>, String>,
    /// From where the host is not reached: names of networks.
    pub(super) cut_off: Result<Vec<&'static str>, String>,
    pub(super) limits: Result<LimitsInForce, String>,
    /// The port on which the host was tried.
    pub(super) port: u16,
}

impl Facts {
    /// The engine's description, or why there is none.
    pub(super) fn described(&self) -> Result<&Described, String> {
        let engine = self.engine()?;
        engine.described.as_ref().map_err(Clone::clone)
    }

    /// The engine, or why nothing is known of it.
    pub(super) fn engine(&self) -> Result<&EngineFacts, String> {
        if self.address.way == Way::None {
            return Err("the configuration names the process engine".to_owned());
        }
        let engine = self
            .engine
            .as_ref()
            .map_err(|_| "the engine is not reached, see engine.reach".to_owned())?;
        match engine.podman {
            Some(_) => Err("what answers is not Docker, see engine.kind".to_owned()),
            None => Ok(engine),
        }
    }

    /// Whether a host serves this state folder.
    pub(super) fn has_host(&self) -> bool {
        let answer = self.state.socket.as_ref().map(|socket| &socket.answer);
        matches!(answer, Some(Answer::Healthy(_) | Answer::Unhealthy(_)))
    }
}
