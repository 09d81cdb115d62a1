//! Webhook signatures against values that other implementations computed.

use std::time::{Duration, SystemTime};

use hap_manifest::WebhookSecret;
use hap_manifest::webhook::{self, VerifyError, message_id};
use proptest::prelude::*;

/// Two as the libraries of Standard Webhooks publish them, which take the secret with and without its prefix. The others
/// computed by Python: `base64(hmac.new(key, id + "." + timestamp + "." + body, sha256).digest())`.
const VECTORS: [(&str, &str, i64, &[u8], &str); 7] = [
    (
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1_614_265_330,
        br#"{"test": 2432232314}"#,
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    ),
    (
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1_614_265_330,
        br#"{"test": 2432232314}"#,
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    ),
    (
        KEY_32,
        "hall.motion.x1",
        1_700_000_000,
        br#"{"type":"motion"}"#,
        "v1,YQaGd75TpAVIqUuU3JHa9S8YsmZimJD1mjkqRyLK20w=",
    ),
    (
        KEY_32,
        "msg-1",
        1_700_000_000,
        br#"{"type":"motion"}"#,
        "v1,I3gK/knP/M7iLICXs0g21v7AOXy8hLQ6BAunG/pgMac=",
    ),
    (
        KEY_32,
        "msg-2",
        1_700_000_300,
        b"",
        "v1,Gp2UgLsCJl6CV2XXvvhNKI2f7SFaTpZrYXcIse9InwA=",
    ),
    (
        KEY_64,
        "msg-1",
        1_700_000_000,
        b"{}",
        "v1,4AZiJ3rI9HNbs9WEHNQnDMzzcTwTvgPyJZV7sgnFUhY=",
    ),
    (
        KEY_24,
        "msg-1",
        1_700_000_000,
        b"{}",
        "v1,9QTSp2n0brgCYRCTgFj+4fX5pvGD2vrh10vs6MdsZkE=",
    ),
];
const KEY_24: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";
const KEY_32: &str = "whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=";
const KEY_64: &str =
    "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==";
const NOW: i64 = 1_700_000_000;

fn at(seconds: i64) -> SystemTime {
    let distance = Duration::from_secs(seconds.unsigned_abs());
    let time = if seconds < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(distance)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(distance)
    };
    time.unwrap_or(SystemTime::UNIX_EPOCH)
}

fn sign(secret: &WebhookSecret, id: &str, timestamp: i64, body: &[u8]) -> String {
    webhook::sign(secret, id, at(timestamp), body)
}

fn verify_at(
    secrets: &[WebhookSecret],
    id: &str,
    timestamp: &str,
    signature: &str,
    body: &[u8],
    now: i64,
) -> Result<(), VerifyError> {
    webhook::verify(secrets, id, timestamp, signature, body, at(now))
}

#[test]
fn a_timestamp_is_whole_seconds_and_begins_in_1970() {
    assert_eq!(
        webhook::timestamp(at(NOW) + Duration::from_millis(1_999)),
        1_700_000_001
    );
    assert_eq!(webhook::timestamp(at(-5)), 0);
}

#[test]
fn signatures_equal_those_of_another_implementation() {
    for (secret, id, timestamp, body, expected) in VECTORS {
        let secret: WebhookSecret = secret.parse().unwrap();
        assert_eq!(sign(&secret, id, timestamp, body), expected, "{id} {timestamp}");
        verify_at(&[secret], id, &timestamp.to_string(), expected, body, timestamp).unwrap();
    }
}

/// See `fixtures/webhooks.py`, which wrote them.
#[test]
fn what_the_python_library_signed_is_signed_alike_and_verified() {
    #[derive(serde::Deserialize)]
    struct Message {
        secret: String,
        id: String,
        timestamp: i64,
        body: String,
        signature: String,
    }
    let messages: Vec<Message> = serde_json::from_str(include_str!("fixtures/webhooks.json")).unwrap();
    assert!(messages.len() >= 6);
    for message in messages {
        let Message {
            secret,
            id,
            timestamp,
            body,
            signature,
        } = message;
        let secret: WebhookSecret = secret.parse().unwrap();
        assert_eq!(sign(&secret, &id, timestamp, body.as_bytes()), signature, "{id}");
        let secrets = [secret];
        let verify =
            |body: &[u8]| verify_at(&secrets, &id, &timestamp.to_string(), &signature, body, timestamp);
        assert_eq!(verify(body.as_bytes()), Ok(()), "{id}");
        assert_eq!(
            verify(format!("{body} ").as_bytes()),
            Err(VerifyError::NoMatch),
            "{id}"
        );
    }
}

#[test]
fn the_example_of_the_specification_verifies() {
    let secret: WebhookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse().unwrap();
    let (id, sent, body) = (
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1_614_265_330,
        br#"{"test": 2432232314}"#,
    );
    let expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    assert_eq!(sign(&secret, id, sent, body), expected);
    verify_at(&[secret], id, &sent.to_string(), expected, body, sent).unwrap();
}

#[test]
fn a_body_may_hold_any_bytes() {
    let secret: WebhookSecret = KEY_32.parse().unwrap();
    let body: Vec<u8> = (0..=u8::MAX).collect();
    let expected = "v1,MBQlbu25TjPWnWcjUkrohVeX5cARyAHA0OINM++wSyc=";
    assert_eq!(sign(&secret, "msg-3", 0, &body), expected);
}

#[test]
fn any_secret_and_any_signature_may_match() {
    let old: WebhookSecret = KEY_32.parse().unwrap();
    let new: WebhookSecret = KEY_64.parse().unwrap();
    let by_old = sign(&old, "m", NOW, b"x");
    let by_new = sign(&new, "m", NOW, b"x");
    let now = NOW.to_string();
    let verify = |secrets: &[WebhookSecret], header: &str| verify_at(secrets, "m", &now, header, b"x", NOW);
    assert_eq!(verify(&[new.clone(), old.clone()], &by_old), Ok(()));
    assert_eq!(
        verify(
            std::slice::from_ref(&old),
            &format!("v1a,abc v2,x {by_new} {by_old}")
        ),
        Ok(())
    );
    assert_eq!(verify(&[old], &by_new), Err(VerifyError::NoMatch));
    assert_eq!(verify(&[], &by_new), Err(VerifyError::NoMatch));
}

/// The header that the libraries of Standard Webhooks test the rotation of secrets with.
#[test]
fn the_published_header_of_several_signatures_is_taken() {
    let (secret, id, timestamp, body, good) = VECTORS[0];
    let other = "Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc=";
    let verify = |header: &str| {
        let secrets = [secret.parse().unwrap()];
        verify_at(&secrets, id, &timestamp.to_string(), header, body, timestamp)
    };
    assert_eq!(
        verify(&format!("v1,{other} v2,{other} {good} v1,{other}")),
        Ok(())
    );
    assert_eq!(
        verify(&format!("v1,{other} v2,{other}")),
        Err(VerifyError::NoMatch)
    );
    for broken in ["", "v1,", "v1,dawfeoifkpqwoekfpqoekf", &good[..8]] {
        assert_eq!(
            verify(broken),
            Err(VerifyError::MissingOrBadSignature),
            "{broken}"
        );
    }
}

#[test]
fn an_id_may_have_dots_but_no_second_timestamp() {
    let secret: WebhookSecret = KEY_32.parse().unwrap();
    let nine = "9".repeat(30);
    for (id, good) in [
        ("hall.motion", true),
        ("17.motion", true),
        ("a..b.", true),
        ("größe", true),
        (&format!("a.{nine}"), true),
        ("hall.17", false),
        ("hall.17.motion", false),
        ("hall.007", false),
        ("", false),
    ] {
        let signature = sign(&secret, id, NOW, b"x");
        let secrets = std::slice::from_ref(&secret);
        let result = verify_at(secrets, id, &NOW.to_string(), &signature, b"x", NOW);
        let expected = if good {
            Ok(())
        } else {
            Err(VerifyError::MissingOrBadId)
        };
        assert_eq!(result, expected, "{id}");
    }
}

#[test]
fn any_text_has_a_message_id_that_every_receiver_takes() {
    let longest = "x".repeat(128);
    for own in ["e-1", "a:b/c+d=~", &longest] {
        assert_eq!(message_id(own), own);
    }
    assert_eq!(
        message_id("größe"),
        "sha256_01OiZxtnr_8JQa5Fblx26TlL1leXdK51QqYYX7mEM4Q"
    );
    let too_long = "x".repeat(129);
    for own in ["", "a.b", "a b", "a\r\nb", "\u{7f}", &too_long] {
        let id = message_id(own);
        assert_ne!(id, own);
        assert_eq!(id.len(), 50, "{id}");
        assert_eq!(message_id(&id), id);
    }
}

proptest! {
    /// Whatever is signed, no other id, time and body are taken for it.
    #[test]
    fn a_signature_is_of_one_message_only(id in "[a-z.0-9]{0,12}", time in 0_i64..3_000, body in "[a-z.0-9]{0,12}") {
        let secret: WebhookSecret = KEY_32.parse().unwrap();
        let signature = sign(&secret, &id, time, body.as_bytes());
        let signed = format!("{id}.{time}.{body}");
        let dots: Vec<_> = signed.match_indices('.').map(|(at, _)| at).collect();
        let mut taken = Vec::new();
        for (index, first) in dots.iter().enumerate() {
            for second in &dots[index + 1..] {
                let (id, stamp) = (&signed[..*first], &signed[first + 1..*second]);
                let body = &signed.as_bytes()[second + 1..];
                let now = stamp.parse().unwrap_or_default();
                let secrets = std::slice::from_ref(&secret);
                if verify_at(secrets, id, stamp, &signature, body, now).is_ok() {
                    taken.push((id, stamp));
                }
            }
        }
        prop_assert!(taken.len() <= 1, "{:?}", taken);
        let own = message_id(&id);
        let signature = sign(&secret, &own, time, body.as_bytes());
        let secrets = std::slice::from_ref(&secret);
        prop_assert_eq!(
            verify_at(secrets, &own, &time.to_string(), &signature, body.as_bytes(), time),
            Ok(())
        );
    }
}

#[test]
fn stale_early_and_malformed_messages_are_refused() {
    let secret: WebhookSecret = KEY_32.parse().unwrap();
    let good = sign(&secret, "m", NOW, b"x");
    let rows = [
        ("m", NOW.to_string(), good.as_str(), NOW + 300, Ok(())),
        ("m", NOW.to_string(), good.as_str(), NOW - 300, Ok(())),
        (
            "m",
            NOW.to_string(),
            good.as_str(),
            NOW + 301,
            Err(VerifyError::TooOld),
        ),
        (
            "m",
            NOW.to_string(),
            good.as_str(),
            NOW - 301,
            Err(VerifyError::TooNew),
        ),
        (
            "m",
            i64::MAX.to_string(),
            good.as_str(),
            i64::MIN,
            Err(VerifyError::TooNew),
        ),
        (
            "",
            NOW.to_string(),
            good.as_str(),
            NOW,
            Err(VerifyError::MissingOrBadId),
        ),
        (
            "m.1",
            NOW.to_string(),
            good.as_str(),
            NOW,
            Err(VerifyError::MissingOrBadId),
        ),
        (
            "m",
            String::new(),
            good.as_str(),
            NOW,
            Err(VerifyError::MissingOrBadTimestamp),
        ),
        (
            "m",
            format!("+{NOW}"),
            good.as_str(),
            NOW,
            Err(VerifyError::MissingOrBadTimestamp),
        ),
        (
            "m",
            "9".repeat(30),
            good.as_str(),
            NOW,
            Err(VerifyError::MissingOrBadTimestamp),
        ),
        (
            "m",
            NOW.to_string(),
            "",
            NOW,
            Err(VerifyError::MissingOrBadSignature),
        ),
        (
            "m",
            NOW.to_string(),
            "v1,short",
            NOW,
            Err(VerifyError::MissingOrBadSignature),
        ),
        (
            "m",
            NOW.to_string(),
            &good[3..],
            NOW,
            Err(VerifyError::MissingOrBadSignature),
        ),
        (
            "n",
            NOW.to_string(),
            good.as_str(),
            NOW,
            Err(VerifyError::NoMatch),
        ),
        (
            "m",
            format!("0{NOW}"),
            good.as_str(),
            NOW,
            Err(VerifyError::NoMatch),
        ),
    ];
    for (id, timestamp, signature, now, expected) in rows {
        let secrets = std::slice::from_ref(&secret);
        let result = verify_at(secrets, id, &timestamp, signature, b"x", now);
        assert_eq!(result, expected, "{id} {timestamp} {signature} {now}");
    }
}
