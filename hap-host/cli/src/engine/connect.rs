use hap_host::engine::{DockerEngine, EngineError, EngineErrorKind};

use crate::failure::{Exit, Failure};

/// Reaches the engine that `DOCKER_HOST` names, or the usual one.
pub(crate) async fn connect() -> Result<DockerEngine, Failure> {
    DockerEngine::connect().await.map_err(|error| {
        let message = error.message().to_owned();
        let help = if message.contains("ermission denied") {
            "let this user use Docker: sudo usermod -aG docker \"$USER\", then log in anew"
        } else if error.kind() == EngineErrorKind::Unsupported {
            "name another engine in DOCKER_HOST, or do without one: hap dev, hap test --no-docker"
        } else {
            "start Docker, or name its socket in DOCKER_HOST; hap dev and hap test --no-docker do without it"
        };
        Failure::new(Exit::Unreachable, "no_engine", message).help(help)
    })
}

/// What went wrong on the engine while this was done, such as "the image cannot be built".
pub(crate) fn failure(what: &str, error: &EngineError) -> Failure {
    let (exit, code) = match error.kind() {
        EngineErrorKind::Unavailable => (Exit::Unreachable, "no_engine"),
        EngineErrorKind::Timeout => (Exit::OutOfTime, "engine_timeout"),
        EngineErrorKind::NotFound => (Exit::NotFound, "not_on_engine"),
        EngineErrorKind::Conflict => (Exit::Conflict, "engine_conflict"),
        _ => (Exit::Failed, "engine_failed"),
    };
    Failure::new(exit, code, format!("{what}: {}", error.message()))
}
