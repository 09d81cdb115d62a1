//! TLS to hosts: rustls with ring, and the certificates that this machine trusts.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore, crypto::ring};

use super::error::ClientError;

/// Returns how TLS is spoken. The process's own choice of cryptography is not touched.
pub(super) fn config() -> Result<ClientConfig, ClientError> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    // Single ones that cannot be read are no reason to trust none.
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        return Err(ClientError::usage(
            "this machine trusts no certificate authority: install the package ca-certificates, or name a file of \
             certificates in SSL_CERT_FILE",
        ));
    }
    let provider = Arc::new(ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map(|config| config.with_root_certificates(roots).with_no_client_auth())
        .map_err(|error| ClientError::usage(format!("TLS cannot be used: {error}")))
}
