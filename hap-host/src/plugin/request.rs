//! What a handle asks of the task that runs its plugin.

use hap_manifest::permission::Permission;
use tokio::sync::oneshot;
use tracing::Span;

use super::update_plan::UpdateOrder;
use crate::{
    error::Error,
    model::{autostart::Autostart, desired::Desired, env::EnvOverrides, limits::LimitOverrides},
};

/// A request to the actor. Each is answered when it is recorded, not when it is carried out.
#[derive(Debug)]
pub(crate) enum Request {
    /// Makes this what is wanted, on disk first; what runs then is stopped or killed.
    Desire(Desired, Stop, oneshot::Sender<Result<(), Error>>),
    /// Stops and starts the plugin once; it must be wanted running.
    Restart(Stop, oneshot::Sender<Result<(), Error>>),
    /// Gives the plugin new keys, on disk first, and makes its container anew with them.
    RotateKeys(oneshot::Sender<Result<(), Error>>),
    /// Makes this what becomes of the plugin when the host starts, on disk first.
    SetAutostart(Autostart, oneshot::Sender<Result<(), Error>>),
    /// Makes these the operator's variables, on disk first, and the container anew with them.
    /// Whether they are others.
    SetEnv(EnvOverrides, oneshot::Sender<Result<bool, Error>>),
    /// Makes this what the plugin was granted, on disk first.
    Grant(Vec<Permission>, oneshot::Sender<Result<(), Error>>),
    /// Brings the plugin to another version. Answered when it is taken on.
    Update(Box<UpdateOrder>, oneshot::Sender<Result<(), Error>>),
    /// Goes back from the version that is on probation.
    EndProbation(oneshot::Sender<Result<(), Error>>),
    /// Forgets the version before the last update.
    ForgetPrevious(oneshot::Sender<Result<(), Error>>),
    /// Notes that volumes of this snapshot, of the previous version, are gone.
    SnapshotLost(u32, Vec<String>, oneshot::Sender<Result<(), Error>>),
    /// Gives the plugin these limits in place of its manifest's, on disk first.
    Limit(LimitOverrides, oneshot::Sender<Result<(), Error>>),
    /// Stops the plugin because the host shuts down.
    Halt(Stop),
}

/// How a plugin that runs is brought down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// It is asked, and has its grace.
    Graceful,
    /// It is killed.
    Forced,
}

impl Stop {
    pub(crate) const fn forced(force: bool) -> Self {
        if force { Self::Forced } else { Self::Graceful }
    }
}

/// A request, and the span of whoever made it.
#[derive(Debug)]
pub(crate) struct Envelope {
    pub request: Request,
    pub caller: Span,
}

impl From<Request> for Envelope {
    fn from(request: Request) -> Self {
        let caller = Span::current();
        Self { request, caller }
    }
}
