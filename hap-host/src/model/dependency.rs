//! What a plugin depends on and does not have.

use std::fmt;

use hap_manifest::PluginId;
use semver::{Version, VersionReq};
use serde::Serialize;

use super::phase::Phase;

/// A plugin that another one needs and does not have now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UnmetDependency {
    /// The plugin that is needed.
    pub plugin: PluginId,
    /// Why it is not there.
    pub reason: UnmetDependencyReason,
}

/// Why a dependency is not met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum UnmetDependencyReason {
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

impl fmt::Display for UnmetDependency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plugin = &self.plugin;
        match &self.reason {
            UnmetDependencyReason::NotInstalled => write!(f, "{plugin}, which is not installed"),
            UnmetDependencyReason::WrongVersion { needed, installed } => {
                write!(f, "{plugin} {needed}, of which {installed} is installed")
            }
            UnmetDependencyReason::NotWanted => write!(f, "{plugin}, which is stopped"),
            UnmetDependencyReason::NotHealthy { phase } => write!(f, "{plugin}, whose phase is {phase}"),
        }
    }
}
