//! The certificate of the management API over TCP.

use std::{
    fs,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
};

use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use tokio_rustls::TlsAcceptor;

use crate::failure::{Exit, Failure};

/// A certificate with its key, which are read again when the host is told to.
#[derive(Debug)]
pub(super) struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    current: RwLock<Arc<ServerConfig>>,
}

impl Tls {
    pub(super) fn load(certificate: PathBuf, key: PathBuf) -> Result<Self, Failure> {
        let current = RwLock::new(read(&certificate, &key)?);
        Ok(Self {
            certificate,
            key,
            current,
        })
    }

    /// Reads the files again. What is served stays as it is where that fails.
    pub(super) fn reload(&self) -> Result<(), Failure> {
        let new = read(&self.certificate, &self.key)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        TlsAcceptor::from(Arc::clone(&current))
    }
}

fn read(certificate: &PathBuf, key: &PathBuf) -> Result<Arc<ServerConfig>, Failure> {
    let refuse = |what: &str, path: &PathBuf, why: &dyn std::fmt::Display, help: &str| {
        let message = format!("the {what} {} cannot be used: {why}", path.display());
        Failure::new(Exit::Failed, "invalid_certificate", message).help(help)
    };
    let file = |what: &str, path: &PathBuf| {
        fs::read(path).map_err(|error| {
            let help = "name a file that the user of the host may read, in [api] of the configuration";
            refuse(what, path, &error, help)
        })
    };
    let pem = "it has to be PEM, which begins with -----BEGIN";
    let bytes = file("certificate", certificate)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let chain = chain.map_err(|error| refuse("certificate", certificate, &error, pem))?;
    if chain.is_empty() {
        return Err(refuse(
            "certificate",
            certificate,
            &"there is none in the file",
            pem,
        ));
    }
    let private = PrivateKeyDer::from_pem_slice(&file("key", key)?)
        // The error may not repeat what is in the file.
        .map_err(|_| refuse("key", key, &"there is no private key in the file", pem))?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, private));
    let mut config = config.map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            let why = format!("it is not the key of the certificate {}", certificate.display());
            refuse("key", key, &why, "name the two files that were made together")
        }
        error => refuse("certificate", certificate, &error, pem),
    })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(folder: &std::path::Path, name: &str) -> (PathBuf, PathBuf) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let paths = (
            folder.join(format!("{name}.pem")),
            folder.join(format!("{name}.key")),
        );
        fs::write(&paths.0, made.cert.pem()).unwrap();
        fs::write(&paths.1, made.signing_key.serialize_pem()).unwrap();
        paths
    }

    #[test]
    fn a_certificate_with_another_key_is_refused_by_the_names_of_both_files() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (made(folder.path(), "one"), made(folder.path(), "other"));
        Tls::load(one.0.clone(), one.1.clone()).unwrap();
        let refused = Tls::load(one.0, other.1).unwrap_err().to_string();
        assert!(
            refused.contains("one.pem") && refused.contains("other.key"),
            "{refused}"
        );
    }

    #[test]
    fn what_is_missing_or_no_pem_is_told_and_never_repeated() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = made(folder.path(), "one");
        let missing = Tls::load(folder.path().join("no.pem"), key.clone())
            .unwrap_err()
            .to_string();
        assert!(
            missing.contains("no.pem") && missing.contains("No such file"),
            "{missing}"
        );
        fs::write(&key, "hunter2").unwrap();
        let refused = Tls::load(certificate.clone(), key).unwrap_err();
        assert!(
            !format!("{refused} {refused:?}").contains("hunter2"),
            "{refused:?}"
        );
        let empty = Tls::load(folder.path().join("one.key"), certificate)
            .unwrap_err()
            .to_string();
        assert!(empty.contains("there is none"), "{empty}");
    }

    #[test]
    fn a_reload_that_fails_leaves_what_is_served() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = made(folder.path(), "one");
        let tls = Tls::load(certificate.clone(), key).unwrap();
        let before = Arc::as_ptr(&tls.current.read().unwrap());
        fs::write(&certificate, "").unwrap();
        tls.reload().unwrap_err();
        assert_eq!(Arc::as_ptr(&tls.current.read().unwrap()), before);
    }
}
