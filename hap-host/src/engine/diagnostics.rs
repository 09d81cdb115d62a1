use std::net::SocketAddr;

use async_trait::async_trait;

use super::{error::EngineError, observed::ContainerId, program_fault::ProgramFault};

/// What an engine can find out about a plugin that failed. It only makes a
/// [`Failure`](crate::model::failure::Failure) more exact; the supervisor decides nothing by it.
///
/// [`Engine::diagnostics`](super::Engine::diagnostics) returns it. A method added later has a
/// default, so an implementation stays valid.
#[async_trait]
pub trait EngineDiagnostics: Send + Sync {
    /// Returns the addresses on which programs in a running container listen, seen from inside it:
    /// for telling why a plugin cannot be reached. `None`, the default, where the engine cannot
    /// tell.
    async fn listening(&self, _id: &ContainerId) -> Result<Option<Vec<SocketAddr>>, EngineError> {
        Ok(None)
    }

    /// Returns what keeps a container's program from being run at all: for telling why a start came
    /// to nothing. `None`, the default, where nothing is found to be wrong, and where the engine
    /// cannot tell.
    async fn program_fault(&self, _id: &ContainerId) -> Result<Option<ProgramFault>, EngineError> {
        Ok(None)
    }
}
