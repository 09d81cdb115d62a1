//! Bombs: small packages that unpack to much. They are refused at once, and in little memory.
//!
//! In a binary of its own, since the memory of a whole process is measured.
#![cfg(all(feature = "package", target_os = "linux"))]
#![expect(
    clippy::unwrap_used,
    dead_code,
    reason = "helpers of tests fail as the tests do, and not all are used here"
)]

#[path = "package/raw.rs"]
mod raw;

use std::io::Cursor;
use std::time::{Duration, Instant};

use hap_manifest::package::{Limits, Package, PackageError};

use crate::raw::{Raw, deflated_zeros, with};

const MIB: usize = 1024 * 1024;

/// Most memory that this process ever had, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn bombs_are_refused_at_once_and_in_little_memory() {
    let packed = deflated_zeros(42 * MIB);
    assert!(packed.len() < 45_000, "{}", packed.len());
    let zeros = |told: usize| {
        Raw::new("x", &packed).with(|raw| {
            raw.method = 8;
            raw.unpacked = u32::try_from(told).unwrap();
        })
    };
    // One content under two hundred names: 8 GiB out of 60 kB.
    let plain = with([]);
    let at = u32::from_le_bytes(plain[plain.len() - 6..plain.len() - 2].try_into().unwrap());
    let again = (0..200).map(|n| {
        zeros(42 * MIB).with(|raw| {
            raw.name = format!("x{n}").into_bytes();
            raw.local_name = raw.name.clone();
            raw.offset = Some(at);
            if n > 0 {
                (raw.local_name, raw.stored) = (Vec::new(), Vec::new());
            }
        })
    });
    let overlapping = with(again);
    let honest = with([zeros(42 * MIB)]);
    let modest = with([zeros(10)]);
    let boasting = with([zeros(3 << 30)]);
    // Within every limit but one, so that it is unpacked to the end.
    let wide = Limits::default().with_ratio(2_000);
    let told_short = with([zeros(42 * MIB - 1)]);

    let before = peak();
    let began = Instant::now();
    let open = |bytes: &[u8], limits: &Limits| Package::open_within(Cursor::new(bytes), limits).unwrap_err();
    let error = open(&honest, &Limits::default());
    assert!(matches!(error, PackageError::Ratio { .. }), "{error:?}");
    let error = open(&boasting, &Limits::default());
    assert!(matches!(error, PackageError::Ratio { .. }), "{error:?}");
    let error = open(&boasting, &wide.with_ratio(u64::MAX));
    assert!(
        matches!(error, PackageError::UnpackedTooLarge { .. }),
        "{error:?}"
    );
    let error = open(&modest, &Limits::default());
    assert!(matches!(error, PackageError::Size { .. }), "{error:?}");
    let error = open(&overlapping, &wide);
    assert!(matches!(error, PackageError::Overlap { .. }), "{error:?}");
    let error = open(&told_short, &wide);
    assert!(matches!(error, PackageError::Size { .. }), "{error:?}");
    let (took, grown) = (began.elapsed(), peak() - before);
    println!("six bombs refused in {took:?} with {grown} KiB more memory");
    assert!(took < Duration::from_secs(10), "took {took:?}");
    assert!(grown < 8 * 1024, "memory grew by {grown} KiB");
}
