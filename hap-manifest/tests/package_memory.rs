//! Bombs: small packages that unpack to much. They are refused at once, and in little memory.
//!
//! In a binary of its own, since the memory of a whole process is measured.
#![cfg(all(feature = "package", target_os = "linux"))]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
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

/// Most memory that this process had since [`forget_peak`], in bytes.
fn peak() -> usize {
    memory("VmHWM:")
}

/// One line of what the kernel tells of this process's memory, in bytes.
fn memory(name: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    let kib: usize = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib * 1024
}

/// Lets the kernel begin anew with the peak, which would else be that of the making of the bombs.
fn forget_peak() {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    assert!(peak() <= memory("VmRSS:") + MIB);
}

/// How much memory `work` takes at its peak beyond what there is before it. What was freed before and kept by the
/// allocator counts as being there, so the whole is bounded too.
fn grown(work: impl FnOnce()) -> usize {
    forget_peak();
    let before = memory("VmRSS:");
    work();
    let peak = peak();
    assert!(peak < 64 * MIB, "{peak} B in all");
    peak.saturating_sub(before)
}

fn zeros(packed: &[u8], told: usize) -> Raw {
    Raw::new("x", packed).with(|raw| {
        raw.method = 8;
        raw.unpacked = u32::try_from(told).unwrap();
    })
}

/// One content under two hundred names.
fn overlapping(packed: &[u8], size: usize) -> Vec<u8> {
    let plain = with([]);
    let at = u32::from_le_bytes(plain[plain.len() - 6..plain.len() - 2].try_into().unwrap());
    with((0..200).map(|n| {
        zeros(packed, size).with(|raw| {
            raw.name = format!("x{n}").into_bytes();
            raw.local_name = raw.name.clone();
            raw.offset = Some(at);
            if n > 0 {
                (raw.local_name, raw.stored) = (Vec::new(), Vec::new());
            }
        })
    }))
}

/// One test for both: the memory is that of the process.
#[test]
fn bombs_are_refused_at_once_and_in_little_memory() {
    let packed = deflated_zeros(42 * MIB);
    let overlapping = overlapping(&packed, 42 * MIB);
    let honest = with([zeros(&packed, 42 * MIB)]);
    let modest = with([zeros(&packed, 10)]);
    let boasting = with([zeros(&packed, 3 << 30)]);
    let told_short = with([zeros(&packed, 42 * MIB - 1)]);
    assert!(honest.len() < 45_000, "{}", honest.len());
    // More than eight gigabytes, in as much as a photograph.
    assert!(overlapping.len() < 70_000, "{}", overlapping.len());
    let limits = Limits::default();

    let began = Instant::now();
    let grown_by_bombs = grown(|| {
        let open =
            |bytes: &[u8], limits: &Limits| Package::open_within(Cursor::new(bytes), limits).unwrap_err();
        let error = open(&boasting, &limits);
        assert!(
            matches!(error, PackageError::UnpackedTooLarge { .. }),
            "{error:?}"
        );
        let error = open(&honest, &limits.with_unpacked_bytes(40 << 20));
        assert!(
            matches!(error, PackageError::UnpackedTooLarge { .. }),
            "{error:?}"
        );
        let error = open(&modest, &limits);
        assert!(matches!(error, PackageError::Size { .. }), "{error:?}");
        let error = open(&overlapping, &limits);
        assert!(matches!(error, PackageError::Overlap { .. }), "{error:?}");
        let error = open(&told_short, &limits);
        assert!(matches!(error, PackageError::Size { .. }), "{error:?}");
    });
    let took = began.elapsed();

    // What the limits allow is read to its end, in no more memory however much it is.
    let half = 512 * MIB;
    let packed = deflated_zeros(half);
    let checksum = checksum_of_zeros(half);
    let large = with(["x", "y"].map(|name| {
        zeros(&packed, half).with(|raw| {
            raw.checksum = checksum;
            raw.name = name.into();
            raw.local_name = name.into();
        })
    }));
    drop(packed);
    let grown_by_reading = grown(|| {
        let limits = Limits::default().with_unpacked_bytes(2 << 30);
        let package = Package::open_within(Cursor::new(&large), &limits).unwrap();
        assert_eq!(package.entries().len(), 5);
    });

    println!(
        "six bombs refused in {took:?} with {grown_by_bombs} B more memory, a gigabyte read with {grown_by_reading} B"
    );
    assert!(took < Duration::from_secs(10), "took {took:?}");
    assert!(grown_by_bombs < 4 * MIB, "memory grew by {grown_by_bombs} B");
    assert!(grown_by_reading < 4 * MIB, "memory grew by {grown_by_reading} B");
}

fn checksum_of_zeros(size: usize) -> u32 {
    let block = vec![0; MIB];
    let mut hasher = crc32fast::Hasher::new();
    for _ in 0..size / MIB {
        hasher.update(&block);
    }
    hasher.finalize()
}
