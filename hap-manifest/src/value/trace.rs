//! [`TraceParent`].

use std::fmt;

use super::hex::{digits, hex};

/// The `traceparent` header of W3C Trace Context: which request, across processes, a call belongs
/// to.
///
/// ```
/// use hap_manifest::TraceParent;
///
/// let incoming = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// let trace = TraceParent::parse(incoming).unwrap();
/// assert_eq!(trace.to_string(), incoming);
/// let onward = trace.child([1; 8]);
/// assert_eq!(onward.trace_id(), trace.trace_id());
/// assert_eq!(onward.span_id(), "0101010101010101");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceParent {
    // Neither id is all zeros: the header has no such value.
    trace_id: [u8; 16],
    span_id: [u8; 8],
    flags: u8,
}

impl TraceParent {
    /// Name of the header.
    pub const HEADER: &str = "traceparent";

    /// The trace is recorded somewhere.
    const SAMPLED: u8 = 1;
    /// The trace's id is random, which whoever samples by it has to know: of level 2 of the
    /// specification.
    const RANDOM: u8 = 2;

    /// Begins a trace; both ids should be random.
    ///
    /// An id of zeros alone is not valid, so its last byte becomes 1.
    #[must_use]
    pub fn new(trace_id: [u8; 16], span_id: [u8; 8], sampled: bool) -> Self {
        Self {
            trace_id: non_zero(trace_id),
            span_id: non_zero(span_id),
            flags: if sampled { Self::SAMPLED } else { 0 },
        }
    }

    /// Reads a header; `None` if it is not valid, in which case a receiver begins a new trace.
    ///
    /// Later versions of the header are read as far as version 00 defines it, as its specification
    /// asks.
    #[must_use]
    pub fn parse(header: &str) -> Option<Self> {
        let header = header.trim_matches([' ', '\t']);
        let mut parts = header.splitn(5, '-');
        let [version] = hex(parts.next()?)?;
        let trace_id = hex(parts.next()?)?;
        let span_id = hex(parts.next()?)?;
        let [flags] = hex(parts.next()?)?;
        let more = parts.next().is_some();
        if version == 0xff || (version == 0 && more) || trace_id == [0; 16] || span_id == [0; 8] {
            return None;
        }
        Some(Self {
            trace_id,
            span_id,
            flags: flags & (Self::SAMPLED | Self::RANDOM),
        })
    }

    /// Returns the same trace, seen from a span within it.
    #[must_use]
    pub fn child(self, span_id: [u8; 8]) -> Self {
        Self {
            span_id: non_zero(span_id),
            ..self
        }
    }

    /// Returns the trace's id: 32 hexadecimal digits.
    #[must_use]
    pub fn trace_id(&self) -> String {
        digits(&self.trace_id)
    }

    /// Returns the span's id: 16 hexadecimal digits.
    #[must_use]
    pub fn span_id(&self) -> String {
        digits(&self.span_id)
    }

    /// Returns whether the caller records this trace.
    #[must_use]
    pub const fn is_sampled(&self) -> bool {
        self.flags & Self::SAMPLED != 0
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "00-{}-{}-{:02x}",
            digits(&self.trace_id),
            digits(&self.span_id),
            self.flags
        )
    }
}

fn non_zero<const N: usize>(mut id: [u8; N]) -> [u8; N] {
    if id == [0; N]
        && let Some(last) = id.last_mut()
    {
        *last = 1;
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_versions_are_read_and_broken_headers_are_not() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        let span = "00f067aa0ba902b7";
        let rows = [
            (format!("00-{trace}-{span}-01"), true),
            (format!(" 00-{trace}-{span}-00\t"), true),
            (format!("01-{trace}-{span}-01-future"), true),
            (format!("00-{trace}-{span}-01-future"), false),
            (format!("ff-{trace}-{span}-01"), false),
            (format!("00-{}-{span}-01", trace.to_uppercase()), false),
            (format!("00-{}-{span}-01", "0".repeat(32)), false),
            (format!("00-{trace}-{}-01", "0".repeat(16)), false),
            (format!("00-{trace}-{span}"), false),
            (format!("00-{trace}-{span}-1"), false),
            (format!("00-{trace}-+{}-01", "a".repeat(15)), false),
            (String::new(), false),
            ("äää-ä-ä-ä".to_owned(), false),
        ];
        for (header, valid) in rows {
            assert_eq!(TraceParent::parse(&header).is_some(), valid, "{header}");
        }
    }

    #[test]
    fn ids_of_zeros_are_mended() {
        let trace = TraceParent::new([0; 16], [0; 8], false);
        assert_eq!(TraceParent::parse(&trace.to_string()), Some(trace));
        assert!(!trace.is_sampled());
    }
}
