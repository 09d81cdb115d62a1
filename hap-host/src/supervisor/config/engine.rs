//! The engine that a configuration file names.

use std::{borrow::Cow, path::Path, sync::Arc};

use hap_manifest::ParseError;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

use crate::{
    engine::{Engine, ProcessEngine},
    error::Error,
};

/// Where the processes of a [`ProcessEngine`] keep their state, in the state folder.
const PROCESSES: &str = "processes";

/// Which engine runs the plugins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum EngineConfig {
    /// The Docker engine that `DOCKER_HOST` names, else the one at the usual socket.
    #[default]
    Docker,
    /// The Docker engine at this address.
    DockerAt(String),
    /// Plain processes of this machine, without isolation.
    Process,
}

impl EngineConfig {
    fn parse(text: &str) -> Result<Self, ParseError> {
        let refuse = |rule, help: &str| Err(ParseError::of("engine", text, rule, help));
        let known = ["unix://", "tcp://", "http://"];
        match text {
            "docker" => Ok(Self::Docker),
            "process" => Ok(Self::Process),
            _ if known.iter().any(|scheme| text.starts_with(scheme)) => Ok(Self::DockerAt(text.to_owned())),
            _ if text.starts_with('/') => refuse("it is a path", &format!("write \"unix://{text}\"")),
            _ => refuse(
                "it is no address of an engine",
                "write \"docker\", \"process\", or an address such as \"unix:///var/run/docker.sock\"",
            ),
        }
    }

    /// Connects to it.
    pub(super) async fn connect(&self, state_folder: &Path) -> Result<Arc<dyn Engine>, Error> {
        let docker = match self {
            Self::Process => {
                let engine = ProcessEngine::new(state_folder.join(PROCESSES)).map_err(Error::engine)?;
                return Ok(Arc::new(engine));
            }
            Self::Docker => None,
            Self::DockerAt(address) => Some(address.as_str()),
        };
        connect_to_docker(docker).await
    }
}

#[cfg(feature = "docker")]
async fn connect_to_docker(address: Option<&str>) -> Result<Arc<dyn Engine>, Error> {
    use crate::engine::DockerEngine;

    let engine = match address {
        Some(address) => DockerEngine::connect_to(address).await,
        None => DockerEngine::connect().await,
    };
    Ok(Arc::new(engine.map_err(Error::engine)?))
}

#[cfg(not(feature = "docker"))]
#[expect(clippy::unused_async, reason = "it waits where there is Docker")]
async fn connect_to_docker(_: Option<&str>) -> Result<Arc<dyn Engine>, Error> {
    let message = "this program was built without Docker: build it with the feature `docker` of hap-host, or write \
                   \"engine\": \"process\"";
    Err(Error::new(crate::error::ErrorKind::InvalidInput, message))
}

impl<'de> Deserialize<'de> for EngineConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for EngineConfig {
    fn schema_name() -> Cow<'static, str> {
        "Engine".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "docker: the engine that DOCKER_HOST names, else the one at the usual socket. process: \
                            plain processes of this machine, without isolation. Else the address of a Docker engine.",
            "pattern": "^(docker|process|(unix|tcp|http)://.+)$",
            "examples": ["docker", "unix:///var/run/docker.sock"],
        })
    }
}
