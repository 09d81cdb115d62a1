use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use hap_manifest::package::PackageSignature;

use super::key::SigningKey;
use crate::{
    disk::{self, Existing},
    failure::{Exit, Failure},
};

impl SigningKey {
    /// Signs what is read. The trusted comment is signed with it.
    fn sign_all(&self, content: impl Read, trusted_comment: &str) -> Result<String, Failure> {
        let untrusted = format!("signature by hap key {}", self.public().id());
        minisign::sign(
            None,
            self.secret(),
            content,
            Some(trusted_comment),
            Some(&untrusted),
        )
        .map(minisign::SignatureBox::into_string)
        .map_err(|error| {
            Failure::new(
                Exit::Failed,
                "not_signed",
                format!("the file cannot be signed: {error}"),
            )
        })
    }
}

/// Where the signature of a file lies: beside it.
pub(crate) fn signature_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(PackageSignature::EXTENSION);
    name.into()
}

/// Signs a file that is written already, and writes the signature beside it, in place of an older one. `minisign -V` and
/// whatever reads its form verifies it. Returns where it lies.
pub(crate) fn sign_file(file: &Path, key: &SigningKey, trusted_comment: &str) -> Result<PathBuf, Failure> {
    let unreadable = |error: io::Error| {
        let message = format!("{} cannot be read to be signed: {error}", file.display());
        Failure::new(Exit::Failed, "unreadable", message)
    };
    let content = File::open(file).map_err(unreadable)?;
    let signature = key.sign_all(content, trusted_comment)?;
    let path = signature_of(file);
    disk::write_whole(&path, signature.as_bytes(), Existing::Replace)?;
    Ok(path)
}
