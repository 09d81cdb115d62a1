use std::borrow::Cow;

use hap_manifest::{PluginId, wire};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    failure::{FailureView, phase_schema},
    plugin::UnmetView,
    rfc3339,
    second_container::SecondContainerView,
};
use crate::{
    model::event::{Event, EventKind},
    protocol::events::subscribe::PluginEvent,
};

/// Something that happened to a plugin.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct SupervisorEvent {
    /// The plugin.
    pub plugin: PluginId,
    /// When the supervisor learned of it, by RFC 3339.
    pub at: String,
    /// What it is.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum What {
    /// It is installed now.
    Installed,
    /// Its phase changed.
    Phase {
        /// The phase before.
        #[schemars(schema_with = "phase_schema")]
        from: Cow<'static, str>,
        /// The phase now.
        #[schemars(schema_with = "phase_schema")]
        to: Cow<'static, str>,
    },
    /// A run of it failed, or an operation on it did.
    Failed {
        /// How.
        failure: FailureView,
    },
    /// It failed so often that it counts as a crash loop; starts go on, with the longest pauses.
    CrashLoopEntered,
    /// The crash loop is over.
    CrashLoopLeft,
    /// It runs, and this that it depends on is no longer healthy.
    DependenciesLost {
        /// What it lacks.
        unmet: Vec<UnmetView>,
    },
    /// All that it depends on is healthy again.
    DependenciesBack,
    /// The snapshot of the data that its previous version left was removed by somebody. Going back is
    /// possible without the data.
    SnapshotLost {
        /// The version that left the data.
        version: String,
        /// The volumes that are missing.
        volumes: Vec<String>,
    },
    /// Volumes that it had are gone, and it starts with empty ones.
    DataLost {
        /// The volumes, by their names on the engine.
        volumes: Vec<String>,
    },
    /// A container that is not its own carries its labels.
    SecondContainer {
        /// Which.
        container: SecondContainerView,
    },
    /// Something that only a newer version knows.
    #[serde(other)]
    #[schemars(skip)]
    Unknown,
}

impl From<Event> for SupervisorEvent {
    fn from(event: Event) -> Self {
        let what = match event.kind {
            EventKind::Installed => What::Installed,
            EventKind::Phase { from, to } => What::Phase {
                from: from.as_str().into(),
                to: to.as_str().into(),
            },
            EventKind::Failed(failure) => What::Failed {
                failure: failure.into(),
            },
            EventKind::CrashLoopEntered => What::CrashLoopEntered,
            EventKind::CrashLoopLeft => What::CrashLoopLeft,
            EventKind::DependenciesLost(unmet) => What::DependenciesLost {
                unmet: unmet.iter().map(UnmetView::of).collect(),
            },
            EventKind::DependenciesBack => What::DependenciesBack,
            EventKind::SnapshotLost { version, volumes } => What::SnapshotLost {
                version: version.to_string(),
                volumes,
            },
            EventKind::DataLost { volumes } => What::DataLost { volumes },
            EventKind::SecondContainer(second) => What::SecondContainer {
                container: second.into(),
            },
        };
        Self {
            plugin: event.plugin,
            at: rfc3339(event.at),
            what,
        }
    }
}

/// An event that a plugin sent, verified and on the disk.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "PluginEvent")]
#[non_exhaustive]
pub struct PluginEventView {
    /// Its place: go on after it the next time.
    pub cursor: String,
    /// Who sent it, as proved by its key; the event's own `source` is only what the plugin says.
    pub plugin: PluginId,
    /// When the host received it, by RFC 3339.
    pub received_at: String,
    /// What it sent, completed.
    pub event: wire::Event,
}

impl From<PluginEvent> for PluginEventView {
    fn from(event: PluginEvent) -> Self {
        Self {
            cursor: event.cursor.to_string(),
            plugin: event.plugin,
            received_at: rfc3339(event.received_at),
            event: event.event,
        }
    }
}
