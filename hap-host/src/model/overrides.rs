//! What the operator of a host set for a plugin in place of what its manifest says.

use hap_manifest::EnvName;

use super::{autostart::Autostart, env::EnvOverrides};

/// The operator's choices, as they are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Choices {
    pub autostart: Autostart,
    pub env: EnvOverrides,
    /// Counts the changes of the variables: part of the container's spec, which holds
    /// no secret value.
    pub env_generation: u32,
}

impl Choices {
    /// Returns the choices with other variables; `None` when they are the same. The error is the
    /// name of a secret that is to keep its earlier value and has none.
    pub(crate) fn with_env(&self, mut env: EnvOverrides) -> Result<Option<Self>, EnvName> {
        env.keep_earlier(&self.env)?;
        Ok((env != self.env).then(|| Self {
            autostart: self.autostart,
            env,
            env_generation: self.env_generation.saturating_add(1),
        }))
    }

    /// Texts that must not be seen.
    pub(crate) fn secrets(&self) -> Vec<String> {
        self.env.exposed(true).map(|(_, text)| text.to_owned()).collect()
    }
}
