//! Files that look like secrets: by name, and by the first line of a private key.

/// What a file looks like by its name alone.
pub(super) fn by_name(name: &str) -> Option<&'static str> {
    let file = name.rsplit('/').next().unwrap_or(name).to_ascii_lowercase();
    let environment = file == ".env" || file.starts_with(".env.");
    let sample = [".example", ".sample", ".template", ".dist"];
    if environment && !sample.iter().any(|end| file.ends_with(end)) {
        return Some("it holds environment variables of one machine");
    }
    match file.as_str() {
        "id_rsa" | "id_dsa" | "id_ecdsa" | "id_ecdsa_sk" | "id_ed25519" | "id_ed25519_sk" => {
            return Some("it is named as a private key of SSH");
        }
        ".netrc" | "_netrc" | ".git-credentials" | ".pgpass" | ".htpasswd" | ".dockercfg" | ".pypirc" => {
            return Some("it is named as a store of passwords");
        }
        _ => {}
    }
    let key_stores = [".p12", ".pfx", ".jks", ".keystore", ".kdbx", ".ppk"];
    if key_stores.iter().any(|end| file.ends_with(end)) {
        return Some("it is named as a store of private keys");
    }
    let folders = [".ssh/", ".aws/", ".gnupg/", ".docker/config.json"];
    let within = |folder: &str| name.starts_with(folder) || name.contains(&format!("/{folder}"));
    folders
        .iter()
        .any(|folder| within(folder))
        .then_some("it lies where programs keep passwords and keys")
}

/// What a file looks like by its content: a line that begins a private key, with a line of it behind.
///
/// A program or a text that only mentions such a line in passing is left alone.
pub(super) fn by_content(content: &[u8]) -> Option<&'static str> {
    let mut lines = content.split(|byte| *byte == b'\n');
    while let Some(line) = lines.next() {
        let line = line.trim_ascii();
        let kind = line
            .strip_prefix(b"-----BEGIN ")
            .and_then(|rest| rest.strip_suffix(b"-----"));
        let Some(kind) = kind else {
            continue;
        };
        let private = kind.ends_with(b"PRIVATE KEY") || kind == b"PGP PRIVATE KEY BLOCK";
        let followed = lines
            .clone()
            .next()
            .is_some_and(|next| !next.trim_ascii().is_empty());
        if private && (followed || kind.starts_with(b"PGP")) {
            return Some("it has a private key in it");
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_known() {
        for name in [
            ".env",
            "a/.env",
            ".env.production",
            ".ENV",
            "id_rsa",
            "keys/id_ed25519",
            ".netrc",
            "server.p12",
            ".ssh/config",
            "home/.aws/credentials",
            ".docker/config.json",
        ] {
            assert!(by_name(name).is_some(), "{name}");
        }
        for name in [
            ".env.example",
            "env",
            ".envrc.md",
            "id_rsa.pub",
            "src/main.rs",
            "x.ssh/a",
            "server.pem",
        ] {
            assert!(by_name(name).is_none(), "{name}");
        }
    }

    #[test]
    fn private_keys_are_known_by_their_first_line() {
        for kind in ["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "] {
            let key = format!("comment\r\n-----BEGIN {kind}PRIVATE KEY-----\r\nMIIE\r\n");
            assert!(by_content(key.as_bytes()).is_some(), "{kind}");
        }
        assert!(by_content(b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQ").is_some());
        for text in [
            "-----BEGIN CERTIFICATE-----\nMIIE\n",
            "-----BEGIN PUBLIC KEY-----\nMIIE\n",
            "if line == \"-----BEGIN PRIVATE KEY-----\" {\n",
            "-----BEGIN PRIVATE KEY-----\n",
            "",
        ] {
            assert!(by_content(text.as_bytes()).is_none(), "{text}");
        }
    }
}
