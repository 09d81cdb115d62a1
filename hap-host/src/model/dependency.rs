//! What a plugin depends on and does not have.

use std::fmt;

use hap_manifest::PluginId;
use semver::{Version, VersionReq};
use serde::Serialize;

use super::phase::Phase;

/// A plugin that another one needs and does not have now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Unmet {
    /// The plugin that is needed.
    pub plugin: PluginId,
    /// Why it is not there.
    pub reason: UnmetReason,
}

/// Why a dependency is not met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum UnmetReason {
    /// It is not installed.
    NotInstalled,
    /// Another version of it is installed.
    WrongVersion {
        /// What is needed.
        needed: VersionReq,
        /// What is installed.
        installed: Version,
    },
    /// Nobody wants it running.
    NotWanted,
    /// It is wanted running and is not healthy.
    NotHealthy {
        /// Where it is.
        phase: Phase,
    },
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plugin = &self.plugin;
        match &self.reason {
            UnmetReason::NotInstalled => write!(f, "{plugin}, which is not installed"),
            UnmetReason::WrongVersion { needed, installed } => {
                write!(f, "{plugin} {needed}, of which {installed} is installed")
            }
            UnmetReason::NotWanted => write!(f, "{plugin}, which is stopped"),
            UnmetReason::NotHealthy { phase } => write!(f, "{plugin}, whose phase is {phase}"),
        }
    }
}
