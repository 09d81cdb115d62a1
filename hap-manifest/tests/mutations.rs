//! The checks of the fuzz targets on good inputs with a few bytes changed: the same ones in every run.

#![cfg(feature = "package")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    unreachable_pub,
    reason = "helpers of tests fail as the tests do, and tell at which input"
)]

mod checks;
#[path = "package/raw.rs"]
mod raw;

use std::time::{Duration, UNIX_EPOCH};

use hap_manifest::{WebhookSecret, webhook};

/// Numbers without a pattern, the same in every run (xorshift).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }
}

/// Bytes that mean something to a parser.
const TELLING: &[u8] = b"\0\x01\xff\x7f\x80\"\\{}[]:,./-@ \n09azAZ";

fn mutate(seed: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=numbers.below(3) {
        let at = numbers.below(bytes.len() + 1);
        let byte = TELLING[numbers.below(TELLING.len())];
        match numbers.below(6) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, byte),
            2 if at < bytes.len() => drop(bytes.remove(at)),
            3 if at < bytes.len() => bytes[at] ^= 1 << numbers.below(8),
            4 => {
                let part = bytes[at..(at + numbers.below(40)).min(bytes.len())].to_vec();
                let to = numbers.below(bytes.len() + 1);
                bytes.splice(to..to, part);
            }
            _ if at < bytes.len() => bytes[at] = byte,
            _ => bytes.push(byte),
        }
    }
    bytes
}

#[track_caller]
fn run(check: fn(&[u8]), seeds: &[&[u8]], times: usize) {
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    for seed in seeds {
        check(seed);
        for _ in 0..times {
            let bytes = mutate(seed, &mut numbers);
            if let Err(panic) = std::panic::catch_unwind(|| check(&bytes)) {
                println!("refused input: {}", bytes.escape_ascii());
                std::panic::resume_unwind(panic);
            }
        }
    }
}

#[test]
fn manifests() {
    let seeds: [&[u8]; 2] = [
        include_bytes!("fixtures/full.json"),
        include_bytes!("fixtures/guide.json"),
    ];
    run(checks::manifest, &seeds, 1_000);
}

#[test]
fn images() {
    let pinned = format!("registry.example.com:5000/a/b_c:1.2@sha256:{}", "a".repeat(64));
    run(
        checks::image,
        &[pinned.as_bytes(), b"[::1]:5000/a/b", b"light"],
        3_000,
    );
}

#[test]
fn memory_limits() {
    run(
        checks::memory,
        &[b"512m", b"9223372036854775807b", b"6291456"],
        3_000,
    );
}

#[test]
fn webhooks() {
    let secret = WebhookSecret::from_bytes(&[7; 32]).unwrap();
    let sent = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let signature = webhook::sign(&secret, "msg-1", sent, b"body");
    let mut seed = Vec::new();
    for part in ["msg-1", "1700000000", &signature] {
        seed.push(u8::try_from(part.len()).unwrap());
        seed.extend(part.as_bytes());
    }
    seed.extend(b"body");
    run(checks::webhook, &[&seed], 3_000);
}

#[test]
fn packages() {
    let plain = raw::with([
        raw::Raw::folder("src/"),
        raw::Raw::new("src/x", b"abc")
            .with_flags(8)
            .with(|raw| raw.descriptor = Some(b"PK\x07\x08".to_vec())),
    ]);
    let zeros = raw::with([raw::Raw::new("x", &raw::deflated_zeros(65_536)).with(|raw| {
        raw.method = 8;
        raw.unpacked = 65_536;
        raw.checksum = crc32fast::hash(&[0; 65_536]);
    })]);
    run(
        checks::package,
        &[&plain, &zeros, include_bytes!("seeds/package/plain.zip")],
        2_000,
    );
}
