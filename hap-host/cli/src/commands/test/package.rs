use std::{
    fs::{self, File},
    io,
    path::Path,
};

use hap_manifest::package::Package;
use tempfile::TempDir;

use crate::{
    failure::{Exit, Failure},
    project::Project,
};

/// A package that was read and unpacked.
#[derive(Debug)]
pub(super) struct Unpacked {
    pub(super) project: Project,
    /// The digest of the file.
    pub(super) digest: String,
    /// Goes with this.
    _folder: TempDir,
}

/// Reads a package to its last byte, as a host does, and unpacks it into a folder of its own.
pub(super) fn unpack(file: &Path) -> Result<Unpacked, Failure> {
    let named = file.display();
    let opened = File::open(file).map_err(|error| {
        let exit = match error.kind() {
            io::ErrorKind::NotFound => Exit::NotFound,
            _ => Exit::Failed,
        };
        Failure::new(exit, "unreadable", format!("{named} cannot be read: {error}"))
            .help("name a package, which `hap package` makes")
    })?;
    let mut package = Package::open(opened).map_err(|error| {
        Failure::new(
            Exit::Failed,
            "bad_package",
            format!("{named} is no package of a plugin: {error}"),
        )
        .help("`hap package` makes one that every host takes")
    })?;
    let failed = |error: io::Error| {
        let message = format!("there is no room to unpack {named}: {error}");
        Failure::new(Exit::Failed, "not_unpacked", message).help("TMPDIR names another place")
    };
    let folder = TempDir::with_prefix("hap-test-").map_err(failed)?;
    let inside = File::open(folder.path()).map_err(failed)?;
    package.extract_into(&inside).map_err(|error| {
        Failure::new(
            Exit::Failed,
            "not_unpacked",
            format!("{named} cannot be unpacked: {error}"),
        )
        .help("TMPDIR names another place, where there may be more room")
    })?;
    let project = Project::open(folder.path())?;
    beside(file, folder.path());
    Ok(Unpacked {
        project,
        digest: package.digest().to_string(),
        _folder: folder,
    })
}

/// What nobody can guess lies beside the manifest, which a package may not hold: then it is that beside the package.
fn beside(file: &Path, unpacked: &Path) {
    let name = "conformance.json";
    if !unpacked.join(name).exists() {
        let beside = file.parent().unwrap_or(Path::new("")).join(name);
        // It is optional there too.
        let _ = fs::copy(beside, unpacked.join(name));
    }
}
