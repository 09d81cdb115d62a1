//! Names of the files that a package has.

/// Name of the manifest in every package.
pub const MANIFEST: &str = "manifest.json";
/// Name of the description in every package.
pub const README: &str = "README.md";
/// Name of the list of changes, in packages that have one.
pub const CHANGELOG: &str = "CHANGELOG.md";
/// Name of the file that lists what [`pack`](super::pack) leaves out.
pub const IGNORE_FILE: &str = ".hapignore";
