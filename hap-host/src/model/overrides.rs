//! What the operator of a host set for a plugin in place of what its manifest says.

use super::{boot::Boot, env::EnvOverrides};
use crate::error::{Error, ErrorKind};

/// The operator's choices, as they are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Choices {
    pub boot: Boot,
    pub env: EnvOverrides,
    /// Counts the changes of the variables: part of the container's spec, which holds no secret value.
    pub env_generation: u32,
}

impl Choices {
    /// The choices with other variables; `None` when they are the same.
    pub(crate) fn with_env(&self, mut env: EnvOverrides) -> Result<Option<Self>, Error> {
        env.keep_earlier(&self.env).map_err(|name| {
            let message = format!(
                "the secret environment variable {name} is as it is shown, which keeps its earlier value, and there is none"
            );
            Error::new(ErrorKind::InvalidInput, message)
        })?;
        Ok((env != self.env).then(|| Self {
            boot: self.boot,
            env,
            env_generation: self.env_generation.saturating_add(1),
        }))
    }

    /// Texts that must not be seen.
    pub(crate) fn secrets(&self) -> Vec<String> {
        self.env.exposed(true).map(|(_, text)| text.to_owned()).collect()
    }
}
