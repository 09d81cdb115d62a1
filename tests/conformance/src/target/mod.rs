//! What is tested, and how it is started and stopped.

mod launcher;
mod program;
mod url;

use std::{fmt, sync::Arc};

pub use launcher::{Environment, Exit, LaunchError, Launcher, Running};
pub use program::Program;
pub use url::{BadUrl, Url};

/// A plugin that is tested.
#[derive(Debug, Clone)]
pub struct Target(pub(crate) Kind);

#[derive(Debug, Clone)]
pub(crate) enum Kind {
    /// It runs already and belongs to somebody else.
    Running(Url),
    /// The suite starts and stops it.
    Started(Arc<dyn Launcher>),
}

impl Target {
    /// Creates a target that runs already. Cases about its start, its stop, its environment and its events are not
    /// applicable.
    #[must_use]
    pub const fn url(url: Url) -> Self {
        Self(Kind::Running(url))
    }

    /// Creates a target that is a program of this machine. It gets a process group of its own, which is killed when the
    /// suite is done with it.
    #[must_use]
    pub fn program(program: Program) -> Self {
        Self::launcher(program)
    }

    /// Creates a target that is started in another way, such as a container.
    #[must_use]
    pub fn launcher(launcher: impl Launcher) -> Self {
        Self(Kind::Started(Arc::new(launcher)))
    }

    pub(crate) fn digest(&self) -> Option<String> {
        match &self.0 {
            Kind::Running(_) => None,
            Kind::Started(launcher) => launcher.digest(),
        }
    }
}

impl From<Program> for Target {
    fn from(program: Program) -> Self {
        Self::program(program)
    }
}

impl From<Url> for Target {
    fn from(url: Url) -> Self {
        Self::url(url)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Running(url) => url.fmt(f),
            Kind::Started(launcher) => f.write_str(&launcher.name()),
        }
    }
}
