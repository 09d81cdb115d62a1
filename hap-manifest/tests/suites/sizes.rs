//! Sizes as Docker reads them: the cases of `RAMInBytes` of go-units, and what is made of them here.
//!
//! A limit is stricter: a whole number, a unit of one letter, and at least 6 MiB. What is taken means the same.

use hap_manifest::MemoryLimit;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;

/// A text, what Docker makes of it, and whether it is taken here.
const ROWS: [(&str, Option<u64>, bool); 60] = [
    ("32", Some(32), false),
    ("32b", Some(32), false),
    ("32B", Some(32), false),
    ("32k", Some(32 * KIB), false),
    ("32K", Some(32 * KIB), false),
    ("32kb", Some(32 * KIB), false),
    ("32Kb", Some(32 * KIB), false),
    ("32Kib", Some(32 * KIB), false),
    ("32KIB", Some(32 * KIB), false),
    ("32Mb", Some(32 * MIB), false),
    ("32MiB", Some(32 * MIB), false),
    ("32m", Some(32 * MIB), true),
    ("32M", Some(32 * MIB), true),
    ("32Gb", Some(32 * GIB), false),
    ("32g", Some(32 * GIB), true),
    ("32G", Some(32 * GIB), true),
    ("32Tb", Some(32 * TIB), false),
    ("32T", Some(32 * TIB), false),
    ("32t", Some(32 * TIB), false),
    ("32Pb", Some(32 * 1024 * TIB), false),
    ("32PB", Some(32 * 1024 * TIB), false),
    ("32P", Some(32 * 1024 * TIB), false),
    ("32.3", Some(32), false),
    ("32.5 kB", Some(33_280), false),
    ("1.5MB", Some(1_572_864), false),
    ("1.5m", Some(1_572_864), false),
    ("0.3 K", Some(307), false),
    ("32 kB", Some(32 * KIB), false),
    ("32 m", Some(32 * MIB), false),
    ("6291456", Some(6 * MIB), true),
    ("6291456b", Some(6 * MIB), true),
    ("6291456B", Some(6 * MIB), true),
    ("6291455", Some(6 * MIB - 1), false),
    ("6144k", Some(6 * MIB), true),
    ("6144K", Some(6 * MIB), true),
    ("6143k", Some(6143 * KIB), false),
    ("6m", Some(6 * MIB), true),
    ("5m", Some(5 * MIB), false),
    ("0006m", Some(6 * MIB), true),
    ("1g", Some(GIB), true),
    ("0", Some(0), false),
    ("0m", Some(0), false),
    ("", None, false),
    ("hello", None, false),
    ("-32", None, false),
    (".3kB", Some(307), false),
    (" 32 ", None, false),
    (" 32m", None, false),
    ("32m ", None, false),
    ("32 mm", None, false),
    ("32m b", None, false),
    ("32bm", None, false),
    ("32kk", None, false),
    ("32x", None, false),
    ("m", None, false),
    ("+32m", Some(32 * MIB), false),
    ("0x20m", None, false),
    ("32_000m", None, false),
    ("\u{ff13}2m", None, false),
    ("99999999999g", None, false),
];

#[test]
fn what_is_taken_means_what_docker_means() {
    for (text, theirs, taken) in ROWS {
        let ours = text.parse::<MemoryLimit>();
        assert_eq!(ours.is_ok(), taken, "{text:?}: {ours:?}");
        match ours {
            Ok(limit) => assert_eq!(Some(limit.bytes()), theirs, "{text:?}"),
            Err(error) => {
                let help = error.help().unwrap_or_default();
                assert!(
                    help.contains("write") || help.contains("unit") || text.len() > 10,
                    "{text:?}: {error}"
                );
            }
        }
    }
}
