//! Packages that somebody has vouched for.

use std::{
    fs,
    io::{self, Read, Seek},
    path::{Path, PathBuf},
};

use hap_manifest::package::{Limits, Package, PackageError, PackageKey, PackageSignature, SignatureError};

use super::{PackageReader, file::open_file};
use crate::{
    error::{Error, ErrorKind},
    policy::{trust::Trust, violation::PolicyViolation},
};

/// A package to be read, and whatever there is to verify it with.
pub(crate) struct Signed {
    pub(crate) trust: Trust,
    /// The signature that came with the source: it is verified whatever the policy says.
    pub(crate) given: Option<PackageSignature>,
    /// Where the package lies, and perhaps a signature beside it.
    pub(crate) beside: Option<PathBuf>,
}

/// A package, and the key that has signed it.
pub(crate) type Opened = (Package<Box<dyn PackageReader>>, Option<PackageKey>);

impl Signed {
    /// Reads a package. One that has to be signed by a trusted key is verified before anything
    /// of it is looked into; one that need not be, and is signed by nobody who is trusted, is
    /// taken as unsigned.
    pub(crate) fn open(self, named: &str, reader: Box<dyn PackageReader>) -> Result<Opened, Error> {
        let refuse = |error: PackageError| {
            Error::new(ErrorKind::InvalidInput, format!("{named}: {error}")).with_source(error)
        };
        let must = self.given.is_some() || !self.trust.takes_unsigned;
        let signature = match (self.given, self.beside) {
            (Some(given), _) => Some(given),
            (None, Some(path)) if self.trust.looks() => read_signature(&path)?,
            (None, _) => None,
        };
        let keys = &self.trust.keys;
        let Some(signature) =
            signature.filter(|signature| must || keys.iter().any(|key| signature.names(key)))
        else {
            return Ok((Package::open(reader).map_err(refuse)?, None));
        };
        let limits = Limits::default();
        let copy = private_copy(reader, &limits).map_err(|error| {
            Error::new(
                ErrorKind::InvalidInput,
                format!(
                    "{named}: cannot be copied to {} to be verified: {error}",
                    std::env::temp_dir().display()
                ),
            )
            .with_source(error)
        })?;
        match Package::open_signed(copy, &limits, &signature, keys) {
            Ok((package, key)) => Ok((package, Some(key))),
            Err(SignatureError::Package { source }) => Err(refuse(source)),
            Err(error) => Err(refusal(error, named)),
        }
    }
}

/// What was verified must be what is read afterwards, so nobody else may be able to write to it.
fn private_copy(mut reader: Box<dyn PackageReader>, limits: &Limits) -> io::Result<Box<dyn PackageReader>> {
    let mut copy = tempfile::tempfile()?;
    reader.rewind()?;
    // One byte more than fits, so that too large a package is refused as such.
    io::copy(&mut reader.take(limits.zip_bytes().saturating_add(1)), &mut copy)?;
    Ok(Box::new(copy))
}

/// The signature beside a package: the file of its name and `.minisig`.
fn read_signature(package: &Path) -> Result<Option<PackageSignature>, Error> {
    let mut name = package.as_os_str().to_owned();
    name.push(".");
    name.push(PackageSignature::EXTENSION);
    let path = PathBuf::from(name);
    match fs::symlink_metadata(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        // Opening it tells what else is wrong.
        _ => {}
    }
    let mut text = String::new();
    let most = u64::try_from(PackageSignature::MAX_BYTES).unwrap_or(u64::MAX);
    let read = open_file("the signature", &path)?
        .take(most.saturating_add(1))
        .read_to_string(&mut text);
    let signature = read.map_err(|error| error.to_string()).and_then(|_| {
        text.parse()
            .map_err(|error: hap_manifest::ParseError| error.to_string())
    });
    signature.map(Some).map_err(|problem| {
        let problem = format!("{}: {problem}", path.display());
        Error::not_permitted(vec![PolicyViolation::MalformedSignature { problem }])
    })
}

fn refusal(error: SignatureError, named: &str) -> Error {
    let refusal = match &error {
        SignatureError::UnknownKey { key_id } => PolicyViolation::UnknownKey { key: key_id.clone() },
        SignatureError::Modified { key_id } => PolicyViolation::Modified { key: key_id.clone() },
        SignatureError::Unbound => PolicyViolation::UnboundSignature,
        SignatureError::OtherPackage {
            signed_id,
            signed_version,
            id,
            version,
        } => PolicyViolation::SignedAsOther {
            signed: format!("{signed_id} {signed_version}"),
            found: format!("{id} {version}"),
        },
        _ => {
            return Error::new(ErrorKind::InvalidInput, format!("{named}: {error}")).with_source(error);
        }
    };
    Error::not_permitted(vec![refusal]).with_source(error)
}
