//! [`Configuration`]: where a plugin's settings come from, and those in force.
//!
//! Layers, each over the one before: the defaults of the type, the environment ([`Layer`]), and
//! what was accepted last ([`ConfigFile`]), which a request replaces. The last two are merged key
//! by key; the type reads the result and fills in its defaults. What is in force ([`Current`]) is
//! replaced as a whole.

use std::any::TypeId;
use std::marker::PhantomData;
use std::sync::Arc;

use hap_manifest::wire::Map;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::config::config_type::{ConfigType, NoConfig, Readable};
use crate::config::current::{Current, Held};
use crate::config::file::ConfigFile;
use crate::config::layer::Layer;
use crate::config::secrets;
use crate::decode::{Bounds, Mismatch, from_json_of, from_object};
use crate::error::{Fault, Result};
use crate::settings::Settings;
use crate::telemetry::Redactor;

/// Code of the refusal of settings that do not fit the type.
const INVALID: &str = "invalid_config";

/// The settings of a plugin whose configuration is a `C`.
pub(crate) struct Configuration<C> {
    environment: Layer,
    file: Option<ConfigFile>,
    current: Arc<Current>,
    schema: Value,
    bounds: Option<Bounds>,
    // Where the schema marks nothing as secret there is nothing to look for.
    has_secrets: bool,
    redactor: Redactor,
    _type: PhantomData<fn() -> C>,
}

/// Settings that fit the type: once for the plugin, which takes them apart, and once to be held.
pub(crate) struct Candidate<C> {
    given: C,
    held: Held,
    secrets: Vec<String>,
}

impl<C: ConfigType + Send + Sync + 'static> Configuration<C> {
    /// Reads the settings of the environment by the schema and by the type; every problem goes into
    /// the list, under the name of its variable.
    pub(crate) fn read(
        settings: &Settings,
        schema: &Value,
        bounds: Option<Bounds>,
        problems: &mut Vec<String>,
    ) -> Self {
        let environment = Layer::read(&settings.config, schema, problems);
        let mut rest = environment.clone();
        while !rest.is_empty()
            && let Err(mismatch) = from_object::<Readable<C>>(rest.values(), schema)
                .and_then(|_| within(bounds.as_ref(), rest.values()))
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
            schema: schema.clone(),
            bounds,
            has_secrets: secrets::any(schema),
            redactor: settings.redactor.clone(),
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

    /// Reads settings as a request brings them, over those of the environment.
    pub(crate) fn candidate(&self, body: &[u8]) -> Result<Candidate<C>> {
        self.candidate_of("the body", body)
    }

    /// Reads settings as the file has them, over those of the environment.
    pub(crate) fn saved_candidate(&self, saved: &[u8]) -> Result<Candidate<C>> {
        self.candidate_of("the file", saved)
    }

    fn candidate_of(&self, what: &str, text: &[u8]) -> Result<Candidate<C>> {
        if !Self::is_none() && !text.trim_ascii_start().starts_with(b"{") {
            // A type may well read itself from an array; the settings are an object all the same.
            from_json_of::<IgnoredAny>(what, text, &self.schema, INVALID)?;
            let rule = "the configuration is a JSON object";
            let fault = Fault::new(422, INVALID, rule).with_path(".");
            return Err(fault.with_reason_for_log(Some(rule.to_owned())));
        }
        let merged = || {
            from_json_of(what, text, &self.schema, INVALID).map(|above: Map| self.environment.below(above))
        };
        let secrets = if self.has_secrets {
            secrets::values(&self.schema, &merged()?.into())
        } else {
            Vec::new()
        };
        // Before anything is said about them.
        self.redactor.judging(secrets.clone());
        if self.environment.is_empty() {
            // As it was sent: the detour over a value would lose what only a type of its own can
            // hold.
            let candidate = Candidate::twice(secrets, || from_json_of(what, text, &self.schema, INVALID))?;
            if self.bounds.is_some() {
                within(self.bounds.as_ref(), &merged()?).map_err(|mismatch| mismatch.into_fault(INVALID))?;
            }
            return Ok(candidate);
        }
        let merged = merged()?;
        Candidate::twice(secrets, || from_object(&merged, &self.schema))
            .and_then(|candidate| within(self.bounds.as_ref(), &merged).map(|()| candidate))
            .map_err(|mismatch: Mismatch| mismatch.into_fault(INVALID))
    }

    /// The settings where nobody has sent any: the environment over the defaults.
    pub(crate) fn without_request(&self) -> Result<Candidate<C>, Mismatch> {
        let values = self.environment.values();
        let secrets = if self.has_secrets {
            secrets::values(&self.schema, &values.clone().into())
        } else {
            Vec::new()
        };
        self.redactor.judging(secrets.clone());
        let candidate = Candidate::twice(secrets, || from_object(values, &self.schema))?;
        within(self.bounds.as_ref(), values).map(|()| candidate)
    }

    /// Puts a candidate in force, in one step for all readers.
    pub(crate) fn put_in_force(&self, accepted: Accepted) {
        self.redactor.in_force(accepted.secrets);
        self.current.set(Some(accepted.held));
    }

    /// Takes away what was in force.
    pub(crate) fn put_out_of_force(&self) {
        self.redactor.in_force(Vec::new());
        self.current.set(None);
    }
}

/// Holds settings that the type has read against the bounds of its schema.
fn within(bounds: Option<&Bounds>, settings: &Map) -> Result<(), Mismatch> {
    bounds.map_or(Ok(()), |bounds| {
        bounds.check(&Value::Object(settings.clone()), "")
    })
}

/// What remains of a candidate when the plugin has taken its part.
pub(crate) struct Accepted {
    held: Held,
    secrets: Vec<String>,
}

impl<C: Send + Sync + 'static> Candidate<C> {
    fn twice<E>(secrets: Vec<String>, read: impl Fn() -> Result<Readable<C>, E>) -> Result<Self, E> {
        Ok(Self {
            given: read()?.0,
            held: Arc::new(read()?.0),
            secrets,
        })
    }

    /// The part for the plugin, and the part to be put in force if it accepts that.
    pub(crate) fn split(self) -> (C, Accepted) {
        let Self { given, held, secrets } = self;
        (given, Accepted { held, secrets })
    }
}
