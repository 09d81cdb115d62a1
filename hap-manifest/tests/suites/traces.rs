//! The cases of the W3C's test suite for Trace Context that look at one `traceparent`: whether the trace goes on, or
//! another begins.

use hap_manifest::TraceParent;

const TRACE: &str = "12345678901234567890123456789012";
const SPAN: &str = "1234567890123456";

/// The header, `T` for the trace's id and `S` for the span's, and whether its trace goes on.
const ROWS: [(&str, bool); 48] = [
    ("00-T-S-01", true),
    ("00-T-S-00", true),
    // Flags beyond the known ones may be set.
    ("00-T-S-ff", true),
    ("00-T-S-0a", true),
    // Later versions are read as far as version 00 goes.
    ("cc-T-S-01", true),
    ("cc-T-S-01-what-the-future-will-be-like", true),
    ("cc-T-S-01-", true),
    ("cc-T-S-01.what-the-future-will-be-like", false),
    ("cc-T-S-01what", false),
    ("01-T-S-01", true),
    ("fe-T-S-01", true),
    ("ff-T-S-01", false),
    ("ff-T-S-01-more", false),
    // Version 00 ends after its flags.
    ("00-T-S-01-", false),
    ("00-T-S-01-what-the-future-will-be-like", false),
    ("00-T-S-01.what", false),
    // The version.
    (".0-T-S-01", false),
    ("0.-T-S-01", false),
    ("000-T-S-01", false),
    ("0000-T-S-01", false),
    ("0-T-S-01", false),
    ("-T-S-01", false),
    ("0G-T-S-01", false),
    ("CC-T-S-01", false),
    // The trace's id.
    ("00-00000000000000000000000000000000-S-01", false),
    ("00-.2345678901234567890123456789012-S-01", false),
    ("00-1234567890123456789012345678901.-S-01", false),
    ("00-123456789012345678901234567890123-S-01", false),
    ("00-1234567890123456789012345678901-S-01", false),
    ("00--S-01", false),
    ("00-ABCDEF78901234567890123456789012-S-01", false),
    // The span's id.
    ("00-T-0000000000000000-01", false),
    ("00-T-.234567890123456-01", false),
    ("00-T-123456789012345.-01", false),
    ("00-T-12345678901234567-01", false),
    ("00-T-123456789012345-01", false),
    ("00-T--01", false),
    ("00-T-ABCDEF7890123456-01", false),
    // The flags.
    ("00-T-S-.0", false),
    ("00-T-S-0.", false),
    ("00-T-S-001", false),
    ("00-T-S-1", false),
    ("00-T-S-", false),
    ("00-T-S", false),
    // Blanks around it.
    (" 00-T-S-01", true),
    ("\t00-T-S-01", true),
    ("00-T-S-01 ", true),
    (" \t 00-T-S-01 \t ", true),
];

#[test]
fn a_trace_goes_on_or_another_begins() {
    for (header, goes_on) in ROWS {
        let header = header.replace('T', TRACE).replace('S', SPAN);
        let read = TraceParent::parse(&header);
        assert_eq!(read.is_some(), goes_on, "{header:?}");
        if let Some(trace) = read {
            let own = trace.child([7; 8]).to_string();
            assert!(own.starts_with(&format!("00-{TRACE}-0707070707070707-")), "{own}");
        }
    }
}

/// Only what this version knows of the flags is sent on.
#[test]
fn unknown_flags_are_not_passed_on() {
    for (flags, onward) in [
        ("00", "00"),
        ("01", "01"),
        ("ff", "03"),
        ("02", "02"),
        ("fc", "00"),
    ] {
        let trace = TraceParent::parse(&format!("00-{TRACE}-{SPAN}-{flags}")).unwrap();
        assert_eq!(trace.to_string(), format!("00-{TRACE}-{SPAN}-{onward}"));
    }
}
