pub(crate) mod acquire;
mod dockerfile;
mod file;
mod folder;
pub(crate) mod pulls;
mod retry;
mod signature;
pub(crate) mod staging;
mod volumes;

use std::{
    fmt,
    io::{Read, Seek},
    path::PathBuf,
};

use hap_manifest::{Manifest, package::PackageSignature};

/// Where a plugin to install or to update to comes from.
///
/// ```
/// use hap_host::PluginSource;
/// use hap_manifest::Manifest;
///
/// let by_image = PluginSource::from(Manifest::builder("light", "Light", "1.0.0", "light:1").build()?);
/// let to_build = PluginSource::folder("plugins/light");
/// let to_unpack = PluginSource::package("downloads/light-1.0.0.zip");
/// # Ok::<(), hap_manifest::ManifestError>(())
/// ```
pub struct PluginSource {
    pub(crate) origin: Origin,
    pub(crate) signature: Option<PackageSignature>,
}

pub(crate) enum Origin {
    Manifest(Box<Manifest>),
    Folder(PathBuf),
    PackageFile(PathBuf),
    PackageReader(Box<dyn PackageReader>),
}

/// Bytes of a package from anywhere.
pub(crate) trait PackageReader: Read + Seek + Send {}

impl<R: Read + Seek + Send> PackageReader for R {}

impl PluginSource {
    /// A folder with a `manifest.json` and the Dockerfile that it names: its image is built here. A
    /// Dockerfile that does more than put files into an image takes a grant, see
    /// [`Permission::Build`](hap_manifest::permission::Permission::Build).
    pub fn folder(path: impl Into<PathBuf>) -> Self {
        Origin::Folder(path.into()).into()
    }

    /// A package, which is one zip file: checked to the last byte, unpacked into a private folder,
    /// and built here.
    ///
    /// Where the policy asks who signed it, the signature is looked for beside it, in the file of
    /// its name and `.minisig`.
    pub fn package(path: impl Into<PathBuf>) -> Self {
        Origin::PackageFile(path.into()).into()
    }

    /// A package from elsewhere than a file, such as bytes in memory behind a
    /// [`Cursor`](std::io::Cursor).
    ///
    /// It is read on a thread that may block, more than once, and for no longer than 5
    /// minutes each time.
    pub fn package_reader(reader: impl Read + Seek + Send + 'static) -> Self {
        Origin::PackageReader(Box::new(reader)).into()
    }

    /// The same package with the signature that was made for it, instead of the file beside it.
    ///
    /// It has to be good and by a key that the policy [trusts](crate::policy::Policy::trust_key),
    /// whatever else the policy says.
    ///
    /// ```
    /// use hap_host::PluginSource;
    /// use hap_manifest::package::PackageSignature;
    ///
    /// # fn downloaded(bytes: Vec<u8>, signature: &str) -> Result<PluginSource, hap_manifest::ParseError> {
    /// let signature: PackageSignature = signature.parse()?;
    /// let source = PluginSource::package_reader(std::io::Cursor::new(bytes)).signed(signature);
    /// # Ok(source)
    /// # }
    /// ```
    #[must_use]
    pub fn signed(mut self, signature: PackageSignature) -> Self {
        self.signature = Some(signature);
        self
    }
}

impl From<Origin> for PluginSource {
    fn from(origin: Origin) -> Self {
        Self {
            origin,
            signature: None,
        }
    }
}

impl From<Manifest> for PluginSource {
    /// A manifest whose image is on this machine or can be pulled.
    fn from(manifest: Manifest) -> Self {
        Origin::Manifest(Box::new(manifest)).into()
    }
}

impl fmt::Debug for PluginSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_tuple("PluginSource");
        match &self.origin {
            Origin::Manifest(manifest) => f.field(manifest.id()),
            Origin::Folder(path) | Origin::PackageFile(path) => f.field(path),
            Origin::PackageReader(_) => f.field(&"a reader"),
        }
        .finish()
    }
}
