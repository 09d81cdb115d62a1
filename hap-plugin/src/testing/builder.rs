use std::path::{Path, PathBuf};
use std::sync::Arc;

use hap_manifest::{ApiToken, PluginId};
use tempfile::TempDir;

use crate::error::StartError;
use crate::settings::{Settings, TestPlatform};

/// Says how a plugin is started for a test.
#[derive(Debug, Clone, Default)]
#[must_use = "nothing happens until `start`"]
pub struct TestPluginBuilder {
    platform: TestPlatform,
    settings: Option<Settings>,
    data_dir: Option<PathBuf>,
    // Removed with the last clone.
    _temporary: Option<Arc<TempDir>>,
}

impl TestPluginBuilder {
    /// Gives the plugin a directory that outlives it, so that a second start finds what the first
    /// one left.
    pub fn data_dir(self, dir: impl AsRef<Path>) -> Self {
        Self {
            data_dir: Some(dir.as_ref().to_owned()),
            ..self
        }
    }

    /// Gives the plugin an empty directory, which outlives restarts and is removed after the test.
    ///
    /// # Panics
    /// When the system gives no temporary directory.
    #[expect(clippy::expect_used, reason = "a test without its directory cannot go on")]
    pub fn temporary_data_dir(self) -> Self {
        let dir = tempfile::tempdir().expect("there is room for a temporary directory");
        Self {
            data_dir: Some(dir.path().to_owned()),
            _temporary: Some(Arc::new(dir)),
            ..self
        }
    }

    /// Lets the plugin send its events to a platform that the test has already.
    pub fn platform(self, platform: &TestPlatform) -> Self {
        Self {
            platform: platform.clone(),
            ..self
        }
    }

    /// Other settings than those of a plugin with the id `test`. A platform address in them is not
    /// used.
    ///
    /// With [`Settings::from_vars`] they come from variables as a host sets them.
    pub fn settings(self, settings: Settings) -> Self {
        Self {
            settings: Some(settings),
            ..self
        }
    }

    /// The settings of the plugin, with the surroundings of the test.
    pub(super) fn settings_under_test(&self) -> Result<Settings, StartError> {
        let settings = match &self.settings {
            Some(settings) => settings.clone(),
            None => {
                Settings::new(PluginId::new("test").map_err(|error| StartError::lasting(error.to_string()))?)
            }
        };
        let mut settings = settings.with_test_platform(self.platform.clone());
        if let Some(dir) = &self.data_dir {
            settings = settings.with_data_dir(dir);
        }
        Ok(settings)
    }

    pub(super) fn test_platform(&self) -> &TestPlatform {
        &self.platform
    }

    pub(super) fn token(&self) -> Option<&ApiToken> {
        self.settings.as_ref()?.token.as_ref()
    }
}
