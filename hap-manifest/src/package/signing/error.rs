//! [`SignatureError`].

use semver::Version;

use crate::package::error::PackageError;
use crate::value::id::PluginId;

/// Says why a package was refused for its signature.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// No key that is trusted has the number that the signature names.
    #[error("the package is signed with the key {key_id}, which is not trusted")]
    UnknownKey {
        /// The number of the key, as minisign shows it.
        key_id: String,
    },
    /// The package, the trusted comment or the signature itself is not what the key signed.
    #[error(
        "the package or its signature was changed since it was signed with the key {key_id}; transfer both again"
    )]
    Modified {
        /// The number of the key, as minisign shows it.
        key_id: String,
    },
    /// The trusted comment does not say what was signed.
    #[error(
        "the signature's trusted comment does not name the plugin and its version once each; sign with -t \"id:<id> version:<version>\""
    )]
    Unbound,
    /// The signature was made for another plugin or version.
    #[error("the signature is for {signed_id} {signed_version}, and the package holds {id} {version}")]
    OtherPackage {
        /// The plugin that was signed.
        signed_id: PluginId,
        /// Its version that was signed.
        signed_version: Box<Version>,
        /// The plugin in the package.
        id: PluginId,
        /// Its version in the package.
        version: Box<Version>,
    },
    /// The package was changed while it was read.
    #[error("the package changed while it was verified; give it in a file that nobody writes to")]
    Changed,
    /// The package itself is refused, whoever signed it.
    #[error("the package is refused")]
    Package {
        /// Why.
        #[from]
        source: PackageError,
    },
}
