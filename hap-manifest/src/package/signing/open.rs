//! Opening a package that is signed.

use std::io::{Read, Seek};

use super::error::SignatureError;
use super::key::PackageKey;
use super::signature::PackageSignature;
use crate::package::limits::Limits;
use crate::package::reader::Package;
use crate::package::unpack::weigh;

#[cfg_attr(docsrs, doc(cfg(feature = "signing")))]
impl<R: Read + Seek> Package<R> {
    /// Reads a whole package that one of these keys has signed, and returns which one.
    ///
    /// The signature is verified before anything of the package is looked into, and the digest of
    /// what was verified is that of what was read.
    ///
    /// ```no_run
    /// use std::fs::File;
    /// use hap_manifest::package::{Limits, Package, PackageKey, PackageSignature};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let trusted: PackageKey = std::fs::read_to_string("example.pub")?.parse()?;
    /// let signature = std::fs::read_to_string("light-1.0.0.zip.minisig")?;
    /// let signature: PackageSignature = signature.parse()?;
    /// let file = File::open("light-1.0.0.zip")?;
    /// let limits = Limits::default();
    /// let (package, key) = Package::open_signed(file, &limits, &signature, &[trusted])?;
    /// println!("{} by {}", package.manifest().id(), key.id());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Refuses what none of the keys has signed, what was signed as something else, and what is no
    /// package.
    pub fn open_signed(
        mut reader: R,
        limits: &Limits,
        signature: &PackageSignature,
        keys: &[PackageKey],
    ) -> Result<(Self, PackageKey), SignatureError> {
        let key_id = || signature.key_id();
        let named: Vec<_> = keys
            .iter()
            .filter(|key| signature.names(key))
            .filter_map(|key| Some((*key, key.verifier()?)))
            .collect();
        if named.is_empty() {
            return Err(SignatureError::UnknownKey { key_id: key_id() });
        }
        let mut verifiers = Vec::with_capacity(named.len());
        for (key, verifier) in &named {
            let stream = verifier.verify_stream(&signature.inner);
            verifiers.push((
                *key,
                stream.map_err(|_| SignatureError::Modified { key_id: key_id() })?,
            ));
        }
        let (_, signed) = weigh(&mut reader, limits, &mut |bytes| {
            verifiers.iter_mut().for_each(|(_, stream)| stream.update(bytes));
        })?;
        let verified = verifiers
            .iter_mut()
            .find_map(|(key, stream)| stream.finalize().is_ok().then_some(*key));
        let key = verified.ok_or_else(|| SignatureError::Modified { key_id: key_id() })?;
        let (signed_id, signed_version) = signature.claims().ok_or(SignatureError::Unbound)?;

        let package = Self::open_within(reader, limits)?;
        if package.digest() != signed {
            return Err(SignatureError::Changed);
        }
        let (id, version) = (package.manifest().id(), package.manifest().version());
        if *id != signed_id || *version != signed_version {
            return Err(SignatureError::OtherPackage {
                signed_id,
                signed_version: Box::new(signed_version),
                id: id.clone(),
                version: Box::new(version.clone()),
            });
        }
        Ok((package, key))
    }
}
