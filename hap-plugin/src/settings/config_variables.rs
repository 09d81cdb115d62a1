//! [`ConfigVariables`]: the part of the environment that holds configuration.

use std::ffi::OsString;
use std::fmt;

/// The variable that holds a whole configuration, as a JSON object.
pub(crate) const WHOLE: &str = "HAP_CONFIG";
/// What the variables of single settings begin with.
pub(crate) const PREFIX: &str = "HAP_CONFIG_";

/// Variables as they were found; what they mean depends on the plugin's type. Their values may be
/// secret.
#[derive(Clone, Default)]
pub(crate) struct ConfigVariables {
    /// In the order of their names.
    pub(crate) found: Vec<(String, OsString)>,
}

impl ConfigVariables {
    /// Picks the variables of configuration out of an environment.
    pub(crate) fn of<'a>(environment: impl Iterator<Item = (&'a OsString, &'a OsString)>) -> Self {
        let mut found: Vec<_> = environment
            .filter_map(|(name, value)| Some((name.to_str()?.to_owned(), value.clone())))
            .filter(|(name, _)| name == WHOLE || name.starts_with(PREFIX))
            .collect();
        found.sort();
        Self { found }
    }

    /// Replaces the whole configuration.
    pub(crate) fn set_whole(&mut self, json: String) {
        self.found.retain(|(name, _)| name != WHOLE);
        // First, as its name comes before those of single settings.
        self.found.insert(0, (WHOLE.to_owned(), json.into()));
    }
}

impl fmt::Debug for ConfigVariables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.found.iter().map(|(name, _)| name))
            .finish()
    }
}
