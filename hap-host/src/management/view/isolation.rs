use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rfc3339;
use crate::{
    engine::isolation::IsolationLoss,
    model::{
        event::{HostEvent, HostEventKind},
        host_problem::HostProblem,
        isolation::IsolationState,
    },
};

/// Whether plugins are kept apart from each other, as it was measured last.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Isolation")]
#[non_exhaustive]
pub struct IsolationView {
    /// `holds`: no plugin reaches another. `lost`: some do. `unknown`: it was not measured, or could
    /// not be. `absent`: the engine keeps nothing apart.
    #[schemars(extend("enum" = ["absent", "unknown", "holds", "lost"]))]
    pub state: Cow<'static, str>,
    /// Since when, by RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// When it was measured last that it holds, by RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measured_at: Option<String>,
    /// What was seen, or why it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl From<IsolationState> for IsolationView {
    fn from(isolation: IsolationState) -> Self {
        let mut view = Self {
            state: isolation.as_str().into(),
            since: None,
            measured_at: None,
            message: None,
            hint: None,
        };
        match isolation {
            IsolationState::Absent => {}
            IsolationState::Unknown { since, reason } => {
                view.since = Some(rfc3339(since));
                view.message = Some(reason);
            }
            IsolationState::Holds { since, measured_at } => {
                view.since = Some(rfc3339(since));
                view.measured_at = Some(rfc3339(measured_at));
            }
            IsolationState::Lost { since, loss } => {
                view.since = Some(rfc3339(since));
                view.message = Some(loss.message);
                view.hint = Some(loss.hint);
            }
        }
        view
    }
}

/// Something that happened to the host as a whole.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "HostEvent")]
#[non_exhaustive]
pub struct HostEventView {
    /// When the supervisor learned of it, by RFC 3339.
    pub at: String,
    /// What it is.
    #[serde(flatten)]
    pub what: HostWhat,
}

/// What happened to the host.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum HostWhat {
    /// Plugins reach each other that should not. Told once, until it is regained.
    IsolationLost {
        /// What was seen.
        message: String,
        /// What to do about it.
        hint: String,
    },
    /// It was measured that plugins are kept apart again.
    IsolationRegained,
    /// Something is wrong with the host itself. Told once, until it has ended.
    ProblemBegan {
        /// What.
        problem: HostProblemView,
    },
    /// What was wrong with the host is over.
    ProblemEnded {
        /// Its class, as `problem` of the beginning says.
        #[schemars(extend("enum" = ["resources", "state_folder", "state_disk"]))]
        problem: Cow<'static, str>,
    },
    /// Something that only a newer version knows.
    #[serde(other)]
    #[schemars(skip)]
    Unknown,
}

/// Something that is wrong with the host itself, and with no plugin.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "HostProblem")]
#[non_exhaustive]
pub struct HostProblemView {
    /// Its class. `resources`: the host lacks what it takes to ask plugins for their health.
    /// `state_folder`: the state folder was removed or replaced. `state_disk`: its disk is full.
    #[schemars(extend("enum" = ["resources", "state_folder", "state_disk"]))]
    pub kind: Cow<'static, str>,
    /// What is wrong, what the host does meanwhile, and what to do.
    pub message: String,
    /// Since when, by RFC 3339.
    pub since: String,
}

impl From<HostProblem> for HostProblemView {
    fn from(problem: HostProblem) -> Self {
        Self {
            kind: problem.kind.as_str().into(),
            message: problem.message,
            since: rfc3339(problem.since),
        }
    }
}

impl From<HostEvent> for HostEventView {
    fn from(event: HostEvent) -> Self {
        let what = match event.kind {
            HostEventKind::IsolationLost(IsolationLoss { message, hint, .. }) => {
                HostWhat::IsolationLost { message, hint }
            }
            HostEventKind::IsolationRegained => HostWhat::IsolationRegained,
            HostEventKind::ProblemBegan(problem) => HostWhat::ProblemBegan {
                problem: problem.into(),
            },
            HostEventKind::ProblemEnded(kind) => HostWhat::ProblemEnded {
                problem: kind.as_str().into(),
            },
        };
        Self {
            at: rfc3339(event.at),
            what,
        }
    }
}
