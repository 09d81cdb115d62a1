use super::rejection::Refusal;

/// Nesting of a body, batch included. No sensor needs more, and values this deep are safe to drop.
const MOST_DEPTH: usize = 64;
/// Bytes of one event.
const MOST_BYTES: usize = 256 * 1024;
/// Events of one batch.
const MOST_EVENTS: usize = 500;
/// Memory that the parsed body may take, by the estimate below.
const MOST_MEMORY: usize = 32 * 1024 * 1024;

/// What a value, the key of a member and an object take when parsed. An object takes room for
/// several members even if it has one, so a few bytes of text can take a hundred times as
/// many in memory.
const VALUE: usize = 32;
const KEY: usize = 96;
const OBJECT: usize = 640;

/// Checks a body against the bounds on size, number, nesting and memory, before anything
/// is built from it.
///
/// It follows only strings and brackets. A text that is not JSON may pass; the parser refuses it.
pub(super) fn check(body: &[u8]) -> Result<(), Refusal> {
    let batch = body.trim_ascii_start().first() == Some(&b'[');
    let (mut depth, mut memory) = (0_usize, 0_usize);
    let (mut string, mut escaped) = (false, false);
    let (mut commas, mut start) = (0, 0);
    for (at, byte) in body.iter().enumerate() {
        if string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => string = false,
                _ => {}
            }
            continue;
        }
        let outer = depth;
        match byte {
            b'"' => string = true,
            b'{' | b'[' => {
                depth += 1;
                memory += if *byte == b'{' { OBJECT } else { VALUE };
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b':' => memory += KEY,
            b',' => memory += VALUE,
            _ => {}
        }
        if depth > MOST_DEPTH {
            return Err(Refusal::bad(
                "too_deep",
                format!("the JSON is nested more than {MOST_DEPTH} levels deep"),
            ));
        }
        if memory > MOST_MEMORY {
            return Err(Refusal::too_large(
                "too_complex",
                "the JSON has too many values; send it in several requests",
            ));
        }
        if !batch {
            continue;
        }
        match (outer, byte) {
            // The bracket that opens the batch.
            (0, b'[') => start = at + 1,
            (1, b',') => {
                event(at - start)?;
                start = at + 1;
                commas += 1;
                // A comma has an event on either side.
                if commas >= MOST_EVENTS {
                    return Err(Refusal::too_large(
                        "batch_too_large",
                        format!("at most {MOST_EVENTS} events are taken in one request"),
                    ));
                }
            }
            (1, b']') => event(at - start)?,
            _ => {}
        }
    }
    if batch { Ok(()) } else { event(body.len()) }
}

fn event(bytes: usize) -> Result<(), Refusal> {
    if bytes > MOST_BYTES {
        return Err(Refusal::too_large(
            "event_too_large",
            format!("an event has {bytes} bytes, at most {MOST_BYTES} are taken"),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(body: &str) -> String {
        check(body.as_bytes()).unwrap_err().code().to_owned()
    }

    #[test]
    fn ordinary_bodies_pass() {
        for body in [
            "",
            "[]",
            "  [ ]  ",
            r#"{"type":"a"}"#,
            r#"[{"type":"a"},{"type":"b"}]"#,
            r#"{"type":"]]]}}}\\\"[[[[","data":[[1,2],{"a":[]}]}"#,
            "not json at all",
            "]]]]}}}}",
        ] {
            check(body.as_bytes()).unwrap();
        }
    }

    #[test]
    fn brackets_in_strings_do_not_count() {
        let body = format!(r#"{{"type":"a","data":"{}"}}"#, r#"[{,\""#.repeat(1000));
        check(body.as_bytes()).unwrap();
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        check(nested(MOST_DEPTH).as_bytes()).unwrap();
        assert_eq!(refused(&nested(MOST_DEPTH + 1)), "too_deep");
        assert_eq!(refused(&"[".repeat(1_000_000)), "too_deep");
    }

    #[test]
    fn a_batch_is_bounded_in_number() {
        let batch = |n| format!("[{}]", vec![r#"{"type":"a","data":[1,2,3]}"#; n].join(" , "));
        check(batch(MOST_EVENTS).as_bytes()).unwrap();
        assert_eq!(refused(&batch(MOST_EVENTS + 1)), "batch_too_large");
    }

    #[test]
    fn each_event_is_bounded_in_size() {
        let event = |bytes: usize| format!(r#"{{"type":"{}"}}"#, "x".repeat(bytes - 11));
        check(event(MOST_BYTES).as_bytes()).unwrap();
        assert_eq!(refused(&event(MOST_BYTES + 1)), "event_too_large");
        check(format!("[{0},{0}]", event(MOST_BYTES)).as_bytes()).unwrap();
        for (before, after) in [("", ""), ("{},", ""), ("", ",{}")] {
            assert_eq!(
                refused(&format!("[{before}{}{after}]", event(MOST_BYTES + 1))),
                "event_too_large"
            );
        }
    }

    #[test]
    fn what_takes_a_lot_of_memory_is_refused_however_short() {
        let events: Vec<_> = (0..10)
            .map(|_| {
                format!(
                    r#"{{"type":"a","data":[{}]}}"#,
                    vec![r#"{"":0}"#; 30_000].join(",")
                )
            })
            .collect();
        assert_eq!(refused(&format!("[{}]", events.join(","))), "too_complex");
    }
}
