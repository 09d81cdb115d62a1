//! Plugins as single files: writing a folder into a zip, and reading a zip from an unknown author.
//!
//! A package holds at least `manifest.json`, `README.md` and the `Dockerfile` that the manifest
//! names, and whatever the image is built from. [`pack`] writes it so that the same tree gives the
//! same bytes; [`Package`] reads it and takes nothing on trust: a value in hand was read to the
//! last byte, within [`Limits`].
//!
//! ```
//! use std::io::Cursor;
//!
//! use hap_manifest::package::{PackOptions, Package, pack};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path();
//! std::fs::write(folder.join("Dockerfile"), "FROM scratch\n")?;
//! std::fs::write(folder.join("README.md"), "# Porch light\n")?;
//! std::fs::write(folder.join("manifest.json"), r#"{
//!   "id": "porch-light", "name": "Porch light", "version": "1.0.0",
//!   "description": "Switches the lamp", "author": "Example Home",
//!   "image": "example/porch-light:1.0.0"
//! }"#)?;
//! let packed = pack(folder, &PackOptions::new())?;
//! let digest = packed.digest();
//!
//! let package = Package::open(Cursor::new(packed.into_bytes()))?;
//! assert_eq!(package.manifest().id().as_str(), "porch-light");
//! assert_eq!(package.digest(), digest);
//! let names: Vec<_> = package.entries().iter().map(|entry| entry.name()).collect();
//! assert_eq!(names, ["Dockerfile", "README.md", "manifest.json"]);
//! # Ok(())
//! # }
//! ```
//!
//! # What a reader refuses
//!
//! Everything that two programs could understand in two ways, and everything that could cost more
//! than it should: see [`PackageError`]. Names are relative, normal and portable (see
//! [`NameRule`]), no two differ only in case, and every byte of the file belongs to exactly one
//! entry or to the directory at its end.

mod bytes;
mod content;
mod digest;
mod dockerfile;
mod entry;
mod error;
#[cfg(unix)]
mod extract;
mod files;
/// For hap-host, which reads folders of plugins. May change in any version.
#[doc(hidden)]
#[cfg_attr(not(unix), path = "folder_by_path.rs")]
pub mod folder;
/// For hap-host, which reads the ignore files of image builds. May change in any version.
#[doc(hidden)]
pub mod glob;
mod ignore;
mod inflate;
mod layout;
mod limits;
mod local;
mod member;
mod name;
mod options;
mod pack;
mod pack_error;
mod reader;
mod secrets;
#[cfg(feature = "signing")]
mod signing;
/// For the command `hap`, which tells all at once. May change in any version.
#[doc(hidden)]
pub mod survey;
mod tree;
mod unpack;
mod walk;

pub use digest::Digest;
pub use dockerfile::{BuildStep, Dockerfile, DockerfileFault};
pub use entry::PackageEntry;
pub use error::PackageError;
#[cfg(unix)]
pub use extract::ExtractError;
pub use files::{CHANGELOG, IGNORE_FILE, MANIFEST, README};
pub use limits::Limits;
pub use name::NameRule;
pub use options::PackOptions;
pub use pack::pack;
pub use pack_error::PackError;
pub use reader::Package;
#[cfg(feature = "signing")]
#[cfg_attr(docsrs, doc(cfg(feature = "signing")))]
pub use signing::{PackageKey, PackageSignature, SignatureError};
