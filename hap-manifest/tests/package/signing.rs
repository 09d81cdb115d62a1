//! Who signed a package, and whether it is what was signed.

use std::io::{Cursor, Read, Seek, SeekFrom};

use hap_manifest::package::{Limits, Package, PackageError, PackageKey, PackageSignature, SignatureError};
use minisign::KeyPair;
use proptest::prelude::*;

use crate::raw::{Raw, with};

/// The package `light` 1.0.0, as the seeds of fuzzing have it.
const PLAIN: &[u8] = include_bytes!("../seeds/package/plain.zip");
/// What Debian's minisign 0.11 made for it.
const DEBIAN_KEY: &str = include_str!("../fixtures/signed/minisign.pub");
const DEBIAN: &str = include_str!("../fixtures/signed/plain.zip.minisig");
/// The same with `-l`.
const LEGACY: &str = include_str!("../fixtures/signed/legacy.minisig");

const COMMENT: &str = "id:light version:1.0.0";

fn new_key() -> KeyPair {
    KeyPair::generate_unencrypted_keypair().unwrap()
}

fn public(pair: &KeyPair) -> PackageKey {
    pair.pk.to_base64().parse().unwrap()
}

fn sign(pair: &KeyPair, bytes: &[u8], comment: &str) -> PackageSignature {
    signature(pair, bytes, comment).parse().unwrap()
}

fn signature(pair: &KeyPair, bytes: &[u8], comment: &str) -> String {
    let signed = minisign::sign(Some(&pair.pk), &pair.sk, Cursor::new(bytes), Some(comment), None);
    signed.unwrap().into_string()
}

fn open(
    bytes: &[u8],
    signature: &PackageSignature,
    keys: &[PackageKey],
) -> Result<PackageKey, SignatureError> {
    Package::open_signed(Cursor::new(bytes), &Limits::default(), signature, keys).map(|(package, key)| {
        assert_eq!(package.manifest().id().as_str(), "light");
        key
    })
}

#[test]
fn a_package_is_opened_by_the_key_that_signed_it() {
    let (ours, other) = (new_key(), new_key());
    let keys = [public(&other), public(&ours)];
    for comment in [
        COMMENT,
        "timestamp:1700000000\tversion:1.0.0\tid:light\tfile:plain.zip hashed",
    ] {
        let key = open(PLAIN, &sign(&ours, PLAIN, comment), &keys).unwrap();
        assert_eq!(key, keys[1]);
    }
}

#[test]
fn what_debians_minisign_signed_is_verified() {
    let key: PackageKey = DEBIAN_KEY.parse().unwrap();
    assert!(DEBIAN_KEY.contains(&key.id()), "{}", key.id());
    let signature: PackageSignature = DEBIAN.parse().unwrap();
    assert!(signature.names(&key) && signature.key_id() == key.id());
    assert_eq!(open(PLAIN, &signature, &[key]).unwrap(), key);
    // Line ends of another system do no harm.
    let signature: PackageSignature = DEBIAN.replace('\n', "\r\n").parse().unwrap();
    assert_eq!(open(PLAIN, &signature, &[key]).unwrap(), key);
    assert_eq!(
        LEGACY.parse::<PackageSignature>().unwrap_err().to_string(),
        "invalid package signature: it is of the old form, which does not hash the file first; sign with minisign 0.10 or later, without -l"
    );
}

#[test]
fn a_key_that_is_not_trusted_is_named() {
    let (ours, other) = (new_key(), new_key());
    let signed = sign(&ours, PLAIN, COMMENT);
    for keys in [&[][..], &[public(&other)]] {
        let error = open(PLAIN, &signed, keys).unwrap_err();
        assert!(matches!(&error, SignatureError::UnknownKey { key_id } if *key_id == public(&ours).id()));
        let told = error.to_string();
        assert!(
            told.contains(&public(&ours).id()) && told.ends_with("not trusted"),
            "{told}"
        );
    }
}

/// Anybody can make a key whose number is that of another.
#[test]
fn a_key_of_the_same_number_is_another_key() {
    let (ours, other) = (new_key(), new_key());
    let with_number_of = |number: &KeyPair, key: &KeyPair| {
        let (mut bytes, from) = (key.pk.to_bytes(), number.pk.to_bytes());
        bytes[2..10].copy_from_slice(&from[2..10]);
        let text = minisign::PublicKey::from_bytes(&bytes).unwrap().to_base64();
        text.parse::<PackageKey>().unwrap()
    };
    let twin = with_number_of(&ours, &other);
    assert_eq!(twin.id(), public(&ours).id());
    let signed = sign(&ours, PLAIN, COMMENT);
    let error = open(PLAIN, &signed, &[twin]).unwrap_err();
    assert!(matches!(error, SignatureError::Modified { .. }), "{error}");
    assert_eq!(
        open(PLAIN, &signed, &[twin, public(&ours)]).unwrap(),
        public(&ours)
    );
}

#[test]
fn whatever_was_changed_is_noticed() {
    let ours = new_key();
    let text = signature(&ours, PLAIN, COMMENT);
    let keys = [public(&ours)];
    for at in [0, PLAIN.len() / 2, PLAIN.len() - 1] {
        let mut bytes = PLAIN.to_vec();
        bytes[at] ^= 1;
        let error = open(&bytes, &text.parse().unwrap(), &keys).unwrap_err();
        assert!(matches!(error, SignatureError::Modified { .. }), "{at}: {error}");
    }
    for bytes in [&PLAIN[..PLAIN.len() - 1], b""] {
        let error = open(bytes, &text.parse().unwrap(), &keys).unwrap_err();
        assert!(matches!(error, SignatureError::Modified { .. }), "{error}");
    }
    // The trusted comment is signed too, the other one is not.
    let comment = text.replace("version:1.0.0", "version:1.0.1");
    let error = open(PLAIN, &comment.parse().unwrap(), &keys).unwrap_err();
    assert!(matches!(error, SignatureError::Modified { .. }), "{error}");
    let lines: Vec<_> = text.lines().skip(1).collect();
    let untrusted = format!("untrusted comment: anything\n{}\n", lines.join("\n"));
    open(PLAIN, &untrusted.parse().unwrap(), &keys).unwrap();
}

#[test]
fn a_signature_is_for_one_plugin_and_one_version() {
    let ours = new_key();
    let keys = [public(&ours)];
    for comment in [
        "id:lamp version:1.0.0",
        "id:light version:1.0.1",
        "id:light version:1.0.0+build",
    ] {
        let error = open(PLAIN, &sign(&ours, PLAIN, comment), &keys).unwrap_err();
        assert!(matches!(error, SignatureError::OtherPackage { .. }), "{error}");
        let told = error.to_string();
        assert!(told.ends_with("the package holds light 1.0.0"), "{told}");
    }
    for comment in [
        "",
        "timestamp:1700000000",
        "id:light",
        "id:light version:1",
        "id:Light version:1.0.0",
        "id:light version:1.0.0 version:1.0.0",
        "id:light id:lamp version:1.0.0",
        "xid:light version:1.0.0",
    ] {
        let error = open(PLAIN, &sign(&ours, PLAIN, comment), &keys).unwrap_err();
        assert!(matches!(error, SignatureError::Unbound), "{comment}: {error}");
    }
}

#[test]
fn a_signature_makes_no_good_package_of_a_bad_one() {
    let ours = new_key();
    let bad = with([Raw::new("../x", b"x")]);
    let error = open(&bad, &sign(&ours, &bad, COMMENT), &[public(&ours)]).unwrap_err();
    let SignatureError::Package { source } = error else {
        panic!("{error}")
    };
    assert!(matches!(source, PackageError::Name { .. }), "{source}");
    let limits = Limits::default().with_zip_bytes(100);
    let signed = sign(&ours, PLAIN, COMMENT);
    let error = Package::open_signed(Cursor::new(PLAIN), &limits, &signed, &[public(&ours)]).unwrap_err();
    assert!(matches!(
        error,
        SignatureError::Package {
            source: PackageError::TooLarge { limit: 100 }
        }
    ));
}

/// A file that is another one when it is read again.
struct Swapped {
    rewinds: usize,
    now: Cursor<Vec<u8>>,
    then: Vec<u8>,
}

impl Read for Swapped {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.now.read(buffer)
    }
}

impl Seek for Swapped {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        if to == SeekFrom::Start(0) {
            self.rewinds += 1;
            if self.rewinds == 2 {
                self.now = Cursor::new(std::mem::take(&mut self.then));
            }
        }
        self.now.seek(to)
    }
}

#[test]
fn a_package_that_is_swapped_meanwhile_is_refused() {
    let ours = new_key();
    let swapped = Swapped {
        rewinds: 0,
        now: Cursor::new(PLAIN.to_vec()),
        then: with([Raw::new("evil", b"x")]),
    };
    let signed = sign(&ours, PLAIN, COMMENT);
    let error = Package::open_signed(swapped, &Limits::default(), &signed, &[public(&ours)]).unwrap_err();
    assert!(matches!(error, SignatureError::Changed), "{error}");
}

#[test]
fn keys_and_signatures_that_are_none_are_refused_with_what_to_give() {
    let help = "give the second line of the .pub file that `minisign -G` wrote";
    let key = public(&new_key()).to_string();
    for (text, rule) in [
        ("", "it has no key"),
        ("untrusted comment: x\n", "it has no key"),
        ("RWQ", "it is not 42 bytes in base64"),
        (&format!("{key}\n{key}"), "it has more than one key"),
        (&format!("AAAA{}", &key[4..]), "it is no public key of minisign"),
    ] {
        let told = text.parse::<PackageKey>().unwrap_err().to_string();
        assert!(told.contains(rule) && told.ends_with(help), "{told}");
    }
    assert_eq!(
        serde_json::to_value(key.parse::<PackageKey>().unwrap()).unwrap(),
        key
    );
    for text in [
        "",
        "x",
        &DEBIAN[..60],
        &DEBIAN.replace("trusted comment", "comment"),
        &DEBIAN.repeat(40),
    ] {
        let told = text.parse::<PackageSignature>().unwrap_err().to_string();
        assert!(told.starts_with("invalid package signature: "), "{told}");
    }
}

proptest! {
    #[test]
    fn any_text_is_judged_without_a_panic(text: String, at: prop::sample::Index, with: char, cut: bool) {
        let _ = text.parse::<PackageKey>();
        let _ = text.parse::<PackageSignature>();
        let mut changed: Vec<char> = DEBIAN.chars().collect();
        let at = at.index(changed.len());
        changed[at] = with;
        if cut {
            changed.truncate(at);
        }
        let changed: String = changed.into_iter().collect();
        if let Ok(signature) = changed.parse::<PackageSignature>() {
            let key: PackageKey = DEBIAN_KEY.parse().unwrap();
            // What was signed is the package and this line.
            let same = changed.lines().nth(2) == DEBIAN.lines().nth(2);
            prop_assert!(same || open(PLAIN, &signature, &[key]).is_err(), "{}", changed);
        }
    }
}
