//! What a plugin says of itself, so that it is tested as what it is and not failed for what it never promised.

mod inputs;
mod learnt;

use std::{fs, io, path::Path, time::Duration};

use hap_manifest::{Manifest, ManifestError, PluginId, wire::CommandRequest};
use serde_json::Value;

pub use inputs::{BadInputs, ConfigInputs, Inputs};
pub(crate) use learnt::learn;

/// What is known of a plugin before it is asked: its manifest, and inputs that nobody can guess.
///
/// All of it is optional. A case about what is not declared is not applicable.
#[derive(Debug, Clone)]
pub struct Declaration {
    pub(crate) id: PluginId,
    /// Whether the id is the plugin's, and not one that the suite made up.
    pub(crate) is_named: bool,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) variables: Vec<(String, String)>,
    pub(crate) paths: Paths,
    pub(crate) api_port: u16,
    pub(crate) keeps_data: bool,
    pub(crate) config_schema: Option<Value>,
    pub(crate) start_period: Duration,
    pub(crate) health_timeout: Duration,
    pub(crate) grace: Duration,
    pub(crate) inputs: Inputs,
}

/// Where the plugin answers.
#[derive(Debug, Clone)]
pub(crate) struct Paths {
    pub(crate) health: String,
    pub(crate) command: String,
    pub(crate) status: String,
    pub(crate) config: String,
}

/// Why a folder's declaration cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeclarationError {
    /// A file cannot be read.
    #[error("{file} cannot be read")]
    Unreadable {
        /// Its path.
        file: String,
        /// Why.
        source: io::Error,
    },
    /// The manifest is not valid.
    #[error("{file} is no valid manifest")]
    Manifest {
        /// Its path.
        file: String,
        /// All that is wrong with it.
        source: ManifestError,
    },
    /// The inputs are not valid.
    #[error("{file} is not valid")]
    Inputs {
        /// Its path.
        file: String,
        /// What is wrong with them.
        source: BadInputs,
    },
}

/// What a manifest says where it says nothing.
const START_PERIOD: Duration = Duration::from_secs(60);
const HEALTH_TIMEOUT: Duration = Duration::from_secs(3);
const GRACE: Duration = Duration::from_secs(10);

impl Declaration {
    /// Creates the declaration of a plugin of which nothing is known but its id.
    #[must_use]
    pub fn new(id: PluginId) -> Self {
        Self {
            is_named: true,
            name: id.to_string(),
            id,
            version: "0.0.0".to_owned(),
            variables: Vec::new(),
            paths: Paths {
                health: "/health".to_owned(),
                command: "/command".to_owned(),
                status: "/status".to_owned(),
                config: "/config".to_owned(),
            },
            api_port: 8000,
            keeps_data: false,
            config_schema: None,
            start_period: START_PERIOD,
            health_timeout: HEALTH_TIMEOUT,
            grace: GRACE,
            inputs: Inputs::default(),
        }
    }

    /// Creates the declaration of a plugin with this manifest.
    #[must_use]
    pub fn of(manifest: &Manifest) -> Self {
        let variables = manifest.env_vars().iter();
        Self {
            name: manifest.name().to_owned(),
            version: manifest.version().to_string(),
            variables: variables
                .map(|(name, value)| (name.to_string(), value.clone()))
                .collect(),
            paths: Paths {
                health: manifest.health_check_path().to_string(),
                command: manifest.command_endpoint().to_string(),
                status: manifest.status_endpoint().to_string(),
                config: manifest.config_endpoint().to_string(),
            },
            api_port: manifest.api_port().get(),
            keeps_data: !manifest.volumes().is_empty(),
            config_schema: manifest.config_schema().cloned(),
            start_period: manifest.health_check().start_period(),
            health_timeout: manifest.health_check().timeout(),
            grace: manifest.stop_timeout().unwrap_or(GRACE),
            ..Self::new(manifest.id().clone())
        }
    }

    /// Reads `manifest.json` of a folder and, where it is there, `conformance.json` beside it.
    ///
    /// # Errors
    /// Names the file and what is wrong with it.
    pub fn from_folder(folder: impl AsRef<Path>) -> Result<Self, DeclarationError> {
        let read = |name: &str| {
            let path = folder.as_ref().join(name);
            let file = path.display().to_string();
            (fs::read_to_string(path), file)
        };
        let (text, file) = read("manifest.json");
        let text = match text {
            Ok(text) => text,
            Err(source) => return Err(DeclarationError::Unreadable { file, source }),
        };
        let parsed = match Manifest::from_json(&text) {
            Ok(parsed) => parsed,
            Err(source) => return Err(DeclarationError::Manifest { file, source }),
        };
        let declaration = Self::of(&parsed.manifest);
        let (text, file) = read("conformance.json");
        match text {
            Ok(text) => match text.parse() {
                Ok(inputs) => Ok(declaration.inputs(inputs)),
                Err(source) => Err(DeclarationError::Inputs { file, source }),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(declaration),
            Err(source) => Err(DeclarationError::Unreadable { file, source }),
        }
    }

    /// Returns the same declaration with these inputs.
    #[must_use]
    pub fn inputs(self, inputs: Inputs) -> Self {
        Self { inputs, ..self }
    }

    /// Returns the plugin's id.
    #[must_use]
    pub const fn id(&self) -> &PluginId {
        &self.id
    }
}

/// A declaration with what the plugin itself told in its answer to `GET /describe`.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) declaration: Declaration,
    /// Commands that can be carried out without parameters that must be guessed.
    pub(crate) commands: Vec<CommandRequest>,
    pub(crate) valid_config: Option<Value>,
    pub(crate) invalid_config: Option<Value>,
}
