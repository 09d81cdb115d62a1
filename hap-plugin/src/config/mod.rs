//! [`Configuration`]: where a plugin's settings come from, and those in force.
//!
//! Layers, each over the one before: the defaults of the type, the environment ([`Layer`]), and what was accepted last
//! ([`ConfigFile`]), which a request replaces. The last two are merged key by key; the type reads the result and fills
//! in its defaults. What is in force ([`Current`]) is replaced as a whole.

mod current;
mod file;
mod kinds;
mod layer;
mod variables;

use std::any::TypeId;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;

pub use current::ConfigChanges;
pub(crate) use current::{Current, Held, typed};
pub(crate) use file::ConfigFile;
pub(crate) use layer::Layer;
pub(crate) use variables::ConfigVariables;

use crate::body::{Mismatch, from_json, from_object};
use crate::{Fault, NoConfig, Result, Settings};

/// Code of the refusal of settings that do not fit the type.
const INVALID: &str = "invalid_config";

/// The settings of a plugin whose configuration is a `C`.
pub(crate) struct Configuration<C> {
    environment: Layer,
    file: Option<ConfigFile>,
    current: Arc<Current>,
    _type: PhantomData<fn() -> C>,
}

/// Settings that fit the type: once for the plugin, which takes them apart, and once to be held.
pub(crate) struct Candidate<C> {
    given: C,
    held: Held,
}

impl<C: DeserializeOwned + Send + Sync + 'static> Configuration<C> {
    /// Reads the settings of the environment by the schema and by the type; every problem goes into the list, under
    /// the name of its variable.
    pub(crate) fn read(settings: &Settings, schema: &Value, problems: &mut Vec<String>) -> Self {
        let environment = Layer::read(&settings.config, schema, problems);
        let mut rest = environment.clone();
        while !rest.is_empty()
            && let Err(mismatch) = from_object::<C>(rest.values())
        {
            match mismatch.key.as_deref().and_then(|key| rest.remove(key)) {
                // What is left may have problems of its own.
                Some(variable) => problems.push(format!("{variable}: {mismatch}")),
                // A request may bring the rest.
                None if mismatch.is_incomplete() => break,
                None => {
                    problems.push(format!("{}: {mismatch}", rest.names()));
                    break;
                }
            }
        }
        Self {
            environment,
            file: settings.data_dir().map(ConfigFile::new),
            current: Arc::new(Current::new()),
            _type: PhantomData,
        }
    }

    /// Whether the plugin has no configuration at all.
    pub(crate) fn is_none() -> bool {
        TypeId::of::<C>() == TypeId::of::<NoConfig>()
    }

    pub(crate) fn current(&self) -> &Arc<Current> {
        &self.current
    }

    pub(crate) fn file(&self) -> Option<&ConfigFile> {
        self.file.as_ref()
    }

    /// The variables that have a say; `None` when there are none.
    pub(crate) fn variables(&self) -> Option<String> {
        (!self.environment.is_empty()).then(|| self.environment.names())
    }

    /// Reads settings as a request or the file has them, over those of the environment.
    pub(crate) fn candidate(&self, body: &[u8]) -> Result<Candidate<C>> {
        if !Self::is_none() && !body.trim_ascii_start().starts_with(b"{") {
            // A type may well read itself from an array; the settings are an object all the same.
            from_json::<IgnoredAny>(body, INVALID)?;
            return Err(Fault::new(422, INVALID, "the configuration is a JSON object"));
        }
        if self.environment.is_empty() {
            return Candidate::twice(|| from_json(body, INVALID));
        }
        let merged = self.environment.below(from_json(body, INVALID)?);
        Candidate::twice(|| from_object(&merged)).map_err(|mismatch: Mismatch| mismatch.into_fault(INVALID))
    }

    /// The settings where nobody has sent any: the environment over the defaults.
    pub(crate) fn without_request(&self) -> Result<Candidate<C>, Mismatch> {
        Candidate::twice(|| from_object(self.environment.values()))
    }

    /// Puts a candidate in force, in one step for all readers; `None` takes away what was in force.
    pub(crate) fn put_in_force(&self, candidate: Option<Held>) {
        self.current.set(candidate);
    }
}

impl<C: Send + Sync + 'static> Candidate<C> {
    fn twice<E>(read: impl Fn() -> Result<C, E>) -> Result<Self, E> {
        Ok(Self {
            given: read()?,
            held: Arc::new(read()?),
        })
    }

    /// The part for the plugin and the part to be held.
    pub(crate) fn split(self) -> (C, Held) {
        (self.given, self.held)
    }
}
