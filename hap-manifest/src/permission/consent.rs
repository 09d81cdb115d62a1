//! [`Consent`]: what a person is asked before a plugin is let in.

use schemars::JsonSchema;
use semver::Version;
use serde::Serialize;

use super::changes::ConsentChanges;
use super::parts::{ConsentLimits, PermissionText, Publisher};
use super::request::{Permission, requested};
use crate::manifest::model::Manifest;
use crate::value::{id::PluginId, path::VolumePath, schema::SemVer};

/// What a person consents to when a plugin is installed, or brought to another version.
///
/// Made from the manifest. What only a host knows is added to it: that the image is built there, by
/// which steps, and who published the plugin. Compared with the version before it says what is new.
///
/// Its text is for a terminal: plain lines without escape sequences, whatever the plugin's author
/// wrote. As JSON it is for programs that show it in their own way; the fields stay, others may be
/// added.
///
/// ```
/// use hap_manifest::{Manifest, permission::Consent};
///
/// let old = Manifest::builder("light", "Porch light", "1.0.0", "example/light:1")
///     .network_access(false)
///     .memory_limit("64m")
///     .build()?;
/// let new = old.to_builder().version("1.1.0").network_access(true).memory_limit("256m").build()?;
/// let consent = Consent::new(&new).compared_with(&Consent::new(&old));
/// assert_eq!(consent.to_string(), "\
/// Porch light 1.1.0 (light)
///
/// This plugin wants to
///   - reach the internet and the home network
///     It can send what it learns to anyone, and talk to other devices in your home.
///
/// It may use up to 256 MiB of memory.
///
/// Compared with version 1.0.0
///   new   reach the internet and the home network
///   more  memory: 64 MiB -> 256 MiB
/// ");
/// # Ok::<(), hap_manifest::ManifestError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[non_exhaustive]
#[must_use = "somebody has to be asked"]
pub struct Consent {
    /// The plugin.
    #[serde(rename = "plugin")]
    pub id: PluginId,
    /// Its name for people.
    pub name: String,
    /// The version that is asked about.
    #[schemars(with = "SemVer")]
    pub version: Version,
    /// Who published it, where that is known; null where it is not.
    pub publisher: Option<Publisher>,
    /// What it asks for beyond what every plugin gets: what its manifest says, and what the host
    /// found. Those with the widest reach come first.
    pub requested: Vec<PermissionText>,
    /// The limits that its manifest names.
    pub limits: ConsentLimits,
    /// Where in its container it keeps data that lasts, on the host's disk.
    pub volumes: Vec<VolumePath>,
    /// The instructions of its Dockerfile that do more than put files into an image, with their
    /// lines.
    pub build_steps: Vec<String>,
    /// What is different from the version that is installed; null where there is none.
    pub changes: Option<ConsentChanges>,
}

impl Consent {
    /// Returns what this manifest asks a person for.
    pub fn new(manifest: &Manifest) -> Self {
        Self {
            id: manifest.id().clone(),
            name: manifest.name().to_owned(),
            version: manifest.version().clone(),
            publisher: None,
            requested: requested(manifest)
                .into_iter()
                .map(PermissionText::from)
                .collect(),
            limits: ConsentLimits {
                memory: manifest.memory_limit(),
                cpu: manifest.cpu_limit(),
                processes: manifest.pids_limit(),
            },
            volumes: manifest.volumes().to_vec(),
            build_steps: Vec::new(),
            changes: None,
        }
    }

    /// Sets everything that is asked for, where a host knows more than the manifest says.
    ///
    /// ```
    /// use hap_manifest::{Manifest, permission::{Consent, Permission, requested}};
    ///
    /// let manifest = Manifest::builder("light", "Light", "1.0.0", "light:1").build()?;
    /// let all = [Permission::Build].into_iter().chain(requested(&manifest));
    /// let consent = Consent::new(&manifest).requesting(all);
    /// let ids: Vec<_> = consent.requested.iter().map(|asked| &*asked.id).collect();
    /// assert_eq!(ids, ["build", "network"]);
    /// # Ok::<(), hap_manifest::ManifestError>(())
    /// ```
    pub fn requesting(mut self, permissions: impl IntoIterator<Item = Permission>) -> Self {
        let mut permissions: Vec<_> = permissions.into_iter().collect();
        permissions.sort();
        permissions.dedup();
        self.requested = permissions.into_iter().map(PermissionText::from).collect();
        self
    }

    /// Sets the instructions that run, or fetch, while the image is built.
    pub fn build_steps(mut self, steps: impl IntoIterator<Item = String>) -> Self {
        self.build_steps = steps.into_iter().collect();
        self
    }

    /// Sets who published it.
    pub fn publisher(mut self, publisher: Publisher) -> Self {
        self.publisher = Some(publisher);
        self
    }

    /// Returns the permissions that are asked for, without their words.
    pub fn permissions(&self) -> impl Iterator<Item = &Permission> {
        self.requested.iter().map(|asked| &asked.permission)
    }
}
