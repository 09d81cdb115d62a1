//! The certificate of the management API.

use std::{
    fs::File,
    io::Read as _,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use rustls::{
    crypto::ring::sign::any_supported_type,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use x509_cert::{
    Certificate as Parsed,
    der::{Decode as _, Encode as _},
};

use super::super::facts::Certificate;

/// Most bytes of a file: chains are short.
const MOST: u64 = 1 << 20;

/// Reads a certificate, and compares it with its key. What is read of the key goes nowhere else.
pub(super) fn read(certificate: &Path, key: Option<&Path>) -> Result<Certificate, String> {
    let at = certificate.display();
    let chain = file(certificate)?;
    let first = CertificateDer::pem_slice_iter(&chain).next();
    let first = first
        .and_then(Result::ok)
        .ok_or_else(|| format!("{at} holds no certificate in PEM"))?;
    let parsed = Parsed::from_der(&first).map_err(|error| format!("{at} holds no certificate: {error}"))?;
    let told = parsed.tbs_certificate();
    let time = |time: &x509_cert::time::Time| -> SystemTime { UNIX_EPOCH + time.to_unix_duration() };
    let public = told
        .subject_public_key_info()
        .to_der()
        .map_err(|error| error.to_string())?;
    Ok(Certificate {
        not_before: time(&told.validity().not_before),
        not_after: time(&told.validity().not_after),
        fits: match key {
            None => Err("the configuration names a certificate and no key".to_owned()),
            Some(key) => fits(key, &public),
        },
    })
}

fn fits(key: &Path, public: &[u8]) -> Result<bool, String> {
    let at = key.display();
    let bytes = file(key)?;
    // What a broken key holds is not to be told.
    let secret =
        PrivateKeyDer::from_pem_slice(&bytes).map_err(|_| format!("{at} holds no private key in PEM"))?;
    let signing =
        any_supported_type(&secret).map_err(|_| format!("{at} holds a key of a kind that is not taken"))?;
    let own = signing
        .public_key()
        .ok_or_else(|| format!("the key in {at} cannot be compared"))?;
    Ok(own.as_ref() == public)
}

fn file(path: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MOST).read_to_end(&mut bytes));
    read.map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_certificate_is_read_with_its_times_and_compared_with_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let made = |name: &str| {
            let key = rcgen::KeyPair::generate().unwrap();
            let mut parameters = rcgen::CertificateParams::new(vec!["home.example".to_owned()]).unwrap();
            parameters.not_before = rcgen::date_time_ymd(2020, 1, 1);
            parameters.not_after = rcgen::date_time_ymd(2021, 1, 1);
            let certificate = parameters.self_signed(&key).unwrap();
            fs::write(folder.path().join(format!("{name}.pem")), certificate.pem()).unwrap();
            fs::write(folder.path().join(format!("{name}.key")), key.serialize_pem()).unwrap();
        };
        made("a");
        made("b");
        let path = |name: &str| folder.path().join(name);
        let own = read(&path("a.pem"), Some(&path("a.key"))).unwrap();
        assert_eq!(own.fits, Ok(true));
        let end = own.not_after.duration_since(UNIX_EPOCH).unwrap().as_secs();
        assert_eq!(end, 1_609_459_200);
        let other = read(&path("a.pem"), Some(&path("b.key"))).unwrap();
        assert_eq!(other.fits, Ok(false));
        assert!(read(&path("a.pem"), None).unwrap().fits.is_err());
        assert!(
            read(&path("a.key"), None)
                .unwrap_err()
                .contains("holds no certificate")
        );
        assert!(read(&path("c.pem"), None).unwrap_err().contains("cannot be read"));
    }
}
