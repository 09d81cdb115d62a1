//! What must hold for any bytes, for fuzzing and for the tests that every run does.

use std::io::Cursor;
use std::time::{Duration, UNIX_EPOCH};

use hap_manifest::package::{Digest, Limits, Package};
use hap_manifest::{ImageRef, Manifest, MemoryLimit, WebhookSecret, webhook};

/// A manifest is refused with an explanation, or means the same after it was written and read.
pub fn manifest(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    match Manifest::from_json(text) {
        Ok(parsed) => {
            let again = Manifest::from_json(&parsed.manifest.to_json()).map(|parsed| parsed.manifest);
            assert_eq!(again.as_ref(), Ok(&parsed.manifest));
        }
        Err(error) => {
            assert!(!error.issues().is_empty());
            assert!(!error.render(text).is_empty());
        }
    }
}

/// An image is made of its parts, and nothing else.
pub fn image(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(image) = text.parse::<ImageRef>() else {
        return;
    };
    let part = |mark: &str, part: Option<&str>| part.map(|part| format!("{mark}{part}")).unwrap_or_default();
    let registry = image
        .registry()
        .map(|host| format!("{host}/"))
        .unwrap_or_default();
    let (tag, digest) = (part(":", image.tag()), part("@", image.digest()));
    assert_eq!(format!("{registry}{}{tag}{digest}", image.repository()), text);
    // An engine takes it as an argument.
    assert!(!text.starts_with('-') && !text.contains(char::is_whitespace));
}

/// A limit is within its bounds and exact.
pub fn memory(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(limit) = text.parse::<MemoryLimit>() {
        assert!(limit >= MemoryLimit::MIN);
        assert_eq!(limit.to_string().parse(), Ok(limit));
    }
}

/// No header that was not signed is accepted. The first bytes tell how long the id, the time and the header are.
pub fn webhook(bytes: &[u8]) {
    let Ok(secret) = WebhookSecret::from_bytes(&[7; 32]) else {
        return;
    };
    let now = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let mut rest = bytes;
    let mut next = || {
        let (length, tail) = rest.split_first()?;
        let (head, tail) = tail.split_at_checked(usize::from(*length))?;
        rest = tail;
        std::str::from_utf8(head).ok()
    };
    let (Some(id), Some(stamp), Some(header)) = (next(), next(), next()) else {
        return;
    };
    let valid = webhook::sign(&secret, id, now, rest);
    let secrets = [secret];
    if webhook::verify(&secrets, id, stamp, header, rest, now).is_ok() {
        assert!(header.split(' ').any(|one| one == valid));
    }
    let is_time = |part: &str| part.bytes().all(|b| b.is_ascii_digit()) && part.parse::<i64>().is_ok();
    let usable = !id.is_empty() && !id.split('.').skip(1).any(is_time);
    let signed = webhook::verify(
        &secrets,
        id,
        &webhook::timestamp(now).to_string(),
        &valid,
        rest,
        now,
    );
    assert_eq!(signed.is_ok(), usable);
}

/// A package is refused, or within its limits and the same whenever it is read.
pub fn package(bytes: &[u8]) {
    let limits = Limits::default()
        .with_entries(50)
        .with_unpacked_bytes(4 * 1024 * 1024);
    let Ok(mut package) = Package::open_within(Cursor::new(bytes), &limits) else {
        return;
    };
    assert_eq!(package.digest(), Digest::of(bytes));
    let entries = package.entries().to_vec();
    assert!(entries.len() <= limits.entries());
    assert!(entries.iter().map(|entry| entry.size()).sum::<u64>() <= limits.unpacked_bytes());
    for entry in entries {
        let name = entry.name();
        assert!(!name.starts_with('/') && !name.split('/').any(|part| part == ".."));
        let content = package.read(name);
        assert_eq!(
            content.map(|content| Digest::of(&content)).ok(),
            Some(entry.digest())
        );
    }
}
