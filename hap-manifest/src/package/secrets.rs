//! Files that look like secrets: by name, and by a private key in them.

/// Returns why a file looks like a secret; `None` if it does not.
pub(super) fn look_of(name: &str, content: &[u8]) -> Option<&'static str> {
    by_content(content).or_else(|| by_name(name).filter(|_| !(is_key_file(name) && is_public(content))))
}

/// Returns what a file looks like by its name alone.
fn by_name(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    let file = name.rsplit('/').next().unwrap_or(&name);
    let sample = ["example", "sample", "template", "dist"];
    if file.split(['.', '-', '_']).any(|part| sample.contains(&part)) {
        return None;
    }
    if file == ".env" || file.starts_with(".env.") || file == ".envrc" {
        return Some("it holds environment variables of one machine");
    }
    if is_key_file(file) {
        return Some("it is named as a key");
    }
    let (stem, end) = file.split_once('.').unwrap_or((file, ""));
    let data = [
        "",
        "cfg",
        "conf",
        "csv",
        "ini",
        "json",
        "properties",
        "toml",
        "txt",
        "xml",
        "yaml",
        "yml",
    ];
    let said = [
        "credential",
        "credentials",
        "secret",
        "secrets",
        "client_secret",
        "service-account",
    ];
    if data.contains(&end) && said.contains(&stem) {
        return Some("it is named as a store of passwords");
    }
    match file {
        "id_rsa" | "id_dsa" | "id_ecdsa" | "id_ecdsa_sk" | "id_ed25519" | "id_ed25519_sk" => {
            return Some("it is named as a private key of SSH");
        }
        ".netrc" | "_netrc" | ".git-credentials" | ".pgpass" | ".my.cnf" | ".htpasswd" | ".dockercfg"
        | ".pypirc" | ".vault-token" => {
            return Some("it is named as a store of passwords");
        }
        _ => {}
    }
    let key_stores = [".p8", ".p12", ".pfx", ".jks", ".keystore", ".kdbx", ".ppk"];
    if key_stores.iter().any(|end| file.ends_with(end)) {
        return Some("it is named as a store of private keys");
    }
    let folders = [".ssh/", ".aws/", ".gnupg/", ".kube/config", ".docker/config.json"];
    let within = |folder: &str| name.starts_with(folder) || name.contains(&format!("/{folder}"));
    folders
        .iter()
        .any(|folder| within(folder))
        .then_some("it lies where programs keep passwords and keys")
}

/// Returns whether the name of a file suggests keys or certificates. Only the content shows which
/// of the two.
fn is_key_file(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.ends_with(".pem") || name.ends_with(".key")
}

/// Returns whether a content holds certificates or public keys, and nothing recognisably private.
fn is_public(content: &[u8]) -> bool {
    let kinds = || content.split(|byte| *byte == b'\n').filter_map(kind_of_block);
    kinds().next().is_some()
        && kinds().all(|kind| kind.ends_with(b"CERTIFICATE") || kind.ends_with(b"PUBLIC KEY"))
}

/// Returns the label of the block that a line begins, such as `RSA PRIVATE KEY`.
fn kind_of_block(line: &[u8]) -> Option<&[u8]> {
    line.trim_ascii()
        .strip_prefix(b"-----BEGIN ")
        .and_then(|rest| rest.strip_suffix(b"-----"))
}

/// Returns what a file looks like by its content: a private key, on lines of its own or inside a
/// text of one line.
///
/// A program or a text that only mentions the first line of one in passing is left alone.
fn by_content(content: &[u8]) -> Option<&'static str> {
    let found = has_key_on_lines(content) || has_key_in_text(content);
    found.then_some("it has a private key in it")
}

fn has_key_on_lines(content: &[u8]) -> bool {
    let mut lines = content.split(|byte| *byte == b'\n');
    while let Some(line) = lines.next() {
        let line = line.trim_ascii();
        if line.starts_with(b"PuTTY-User-Key-File-") || line == b"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----"
        {
            return true;
        }
        if is_minisign_key(line) {
            return true;
        }
        let Some(kind) = kind_of_block(line) else {
            continue;
        };
        let private = kind.ends_with(b"PRIVATE KEY") || kind == b"PGP PRIVATE KEY BLOCK";
        let followed = lines
            .clone()
            .next()
            .is_some_and(|next| !next.trim_ascii().is_empty());
        if private && (followed || kind.starts_with(b"PGP")) {
            return true;
        }
    }
    false
}

/// Recognises the secret key that packages are signed with, by the marks of its algorithms in
/// base64, with a password or without.
fn is_minisign_key(line: &[u8]) -> bool {
    /// 158 bytes in base64.
    const LENGTH: usize = 212;
    line.len() == LENGTH && (line.starts_with(b"RWRTY0Iy") || line.starts_with(b"RWQAAEIy"))
}

/// A key as JSON holds it: `"-----BEGIN PRIVATE KEY-----\nMIIE..."`.
fn has_key_in_text(content: &[u8]) -> bool {
    const MARK: &[u8] = b"PRIVATE KEY-----";
    /// Fewer characters than any key has.
    const SHORTEST: usize = 32;
    let mut rest = content;
    while let Some(at) = rest.windows(MARK.len()).position(|window| window == MARK) {
        rest = rest.get(at + MARK.len()..).unwrap_or_default();
        let mut behind = rest;
        while let Some(next) = behind
            .strip_prefix(b"\\n")
            .or_else(|| behind.strip_prefix(b"\\r"))
        {
            behind = next;
        }
        let base64 = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
        let key = behind.iter().take(SHORTEST).take_while(base64).count();
        if behind.len() < rest.len() && key == SHORTEST {
            return true;
        }
    }
    false
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
            ".envrc",
            "id_rsa",
            "keys/id_ed25519",
            ".netrc",
            "server.p12",
            "server.pem",
            "tls/server.KEY",
            ".ssh/config",
            "home/.aws/credentials",
            ".docker/config.json",
            "home/.kube/config",
            "credentials",
            "config/credentials.json",
            "secrets.yaml",
            "Secret.toml",
            "client_secret.json",
            "service-account.json",
        ] {
            assert!(look_of(name, b"x").is_some(), "{name}");
        }
        for name in [
            ".env.example",
            "credentials.example.json",
            "secrets.sample.yaml",
            "env",
            "id_rsa.pub",
            "src/main.rs",
            "src/secrets.rs",
            "src/credentials.py",
            "docs/secrets.md",
            "x.ssh/a",
            "keyboard",
            "donkey",
            "server.crt",
        ] {
            assert!(look_of(name, b"x").is_none(), "{name}");
        }
    }

    #[test]
    fn a_key_file_may_hold_what_is_public() {
        let certificate = "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----\n";
        let public = "-----BEGIN PUBLIC KEY-----\nMIIE\n-----END PUBLIC KEY-----\n";
        let other = "-----BEGIN SOMETHING-----\nMIIE\n";
        let private = "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n";
        for (content, refused) in [
            (certificate.to_owned(), false),
            (format!("# ours\r\n{certificate}{public}"), false),
            (format!("{certificate}{private}"), true),
            (format!("{certificate}{other}"), true),
            (String::new(), true),
            ("0123456789abcdef".to_owned(), true),
        ] {
            for name in ["ca.pem", "ca.key"] {
                assert_eq!(
                    look_of(name, content.as_bytes()).is_some(),
                    refused,
                    "{name}: {content}"
                );
            }
        }
    }

    #[test]
    fn private_keys_are_known_by_their_first_line() {
        for kind in ["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "] {
            let key = format!("comment\r\n-----BEGIN {kind}PRIVATE KEY-----\r\nMIIE\r\n");
            assert!(by_content(key.as_bytes()).is_some(), "{kind}");
        }
        for text in [
            "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQ",
            "key: |\n    -----BEGIN PRIVATE KEY-----\n    MIIE\n",
            "PuTTY-User-Key-File-3: ssh-ed25519\n",
            "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nComment",
            "{\"private_key\": \"-----BEGIN PRIVATE KEY-----\\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\\n\"}",
            "KEY='-----BEGIN EC PRIVATE KEY-----\\r\\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC'",
        ] {
            assert!(by_content(text.as_bytes()).is_some(), "{text}");
        }
        for mark in ["RWRTY0Iy", "RWQAAEIy"] {
            let key = format!("untrusted comment: mine\n{mark}{}\n", "A".repeat(204));
            assert!(by_content(key.as_bytes()).is_some(), "{mark}");
        }
        for text in [
            "untrusted comment: minisign public key E7620F1842B4E81F\nRWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3\n",
            "-----BEGIN CERTIFICATE-----\nMIIE\n",
            "-----BEGIN PUBLIC KEY-----\nMIIE\n",
            "if line == \"-----BEGIN PRIVATE KEY-----\" {\n",
            "starts_with(\"-----BEGIN PRIVATE KEY-----\\n\") || other_thing_altogether()",
            "-----BEGIN PRIVATE KEY-----\n",
            "PRIVATE KEY-----",
            "",
        ] {
            assert!(by_content(text.as_bytes()).is_none(), "{text}");
        }
    }
}
