//! How a plugin is started and stopped.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use async_trait::async_trait;

/// Starts a plugin as often as the suite needs it, each time from nothing.
///
/// [`Program`](super::Program) is one. A container of an engine is another, which a crate that knows the engine gives.
#[async_trait]
pub trait Launcher: fmt::Debug + Send + Sync + 'static {
    /// Returns what the target is called in reports.
    fn name(&self) -> String;

    /// Returns what pins the target, such as the digest of its image. `None`, the default, where nothing does.
    fn digest(&self) -> Option<String> {
        None
    }

    /// Returns the address of this machine by which the plugin reaches the platform; loopback unless it says otherwise.
    fn platform_address(&self) -> IpAddr {
        IpAddr::V4(Ipv4Addr::LOCALHOST)
    }

    /// Returns whether each start is in the surroundings that a host gives: a read-only root, and an address of its own.
    fn is_isolated(&self) -> bool {
        false
    }

    /// Starts the plugin with this environment. Returns when its process runs; whether it is healthy the suite finds out.
    ///
    /// # Errors
    /// Why it cannot be started, for people.
    async fn start(&self, environment: &Environment) -> Result<Box<dyn Running>, LaunchError>;
}

/// A plugin that was started. Dropping it ends it.
#[async_trait]
pub trait Running: fmt::Debug + Send + Sync {
    /// Returns where it listens.
    fn address(&self) -> SocketAddr;

    /// Returns another address of it that only a plugin that listens on all addresses answers at. `None` where there is
    /// none.
    fn other_address(&self) -> Option<SocketAddr> {
        None
    }

    /// Returns the addresses that it listens on, as it sees them itself. `None`, the default, where that cannot be found
    /// out.
    async fn listening(&self) -> Option<Vec<SocketAddr>> {
        None
    }

    /// Asks it to stop, by SIGTERM.
    ///
    /// # Errors
    /// Why it cannot be asked.
    async fn terminate(&self) -> Result<(), LaunchError>;

    /// Kills it, with all that it started.
    async fn kill(&mut self);

    /// Waits for its end. Returns `None` while it runs on after this time.
    async fn ended(&mut self, within: Duration) -> Option<Exit>;

    /// Returns what it wrote to its output so far, the last MiB of it.
    fn output(&self) -> String;
}

/// What a plugin is started with.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Environment {
    /// The port to listen on; also among the variables. A container, whose address is its own, may take any.
    pub port: u16,
    /// The variables. They replace those of the same name that the suite itself has.
    pub variables: Vec<(String, String)>,
    /// The folder behind `HAP_DATA_DIR`, where the plugin has one. The same folder at each start belongs to the same
    /// plugin.
    pub data_dir: Option<PathBuf>,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exit {
    /// With this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// Nobody knows.
    Unknown,
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "it exited with code {code}"),
            Self::Signal(signal) => write!(f, "signal {signal} ended it"),
            Self::Unknown => f.write_str("it ended"),
        }
    }
}

/// Why a plugin could not be started or asked to stop.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct LaunchError(String);

impl LaunchError {
    /// Creates an error with this text for people.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}
