//! Webhook signatures against values that another implementation computed.

use hap_manifest::WebhookSecret;
use hap_manifest::webhook::{self, VerifyError};

/// Computed by Python: `base64(hmac.new(key, id + "." + timestamp + "." + body, sha256).digest())`.
const VECTORS: [(&str, &str, i64, &[u8], &str); 4] = [
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

#[test]
fn signatures_equal_those_of_another_implementation() {
    for (secret, id, timestamp, body, expected) in VECTORS {
        let secret: WebhookSecret = secret.parse().unwrap();
        assert_eq!(
            webhook::sign(&secret, id, timestamp, body),
            expected,
            "{id} {timestamp}"
        );
        webhook::verify(&[secret], id, &timestamp.to_string(), expected, body, timestamp).unwrap();
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
    assert_eq!(webhook::sign(&secret, id, sent, body), expected);
    webhook::verify(&[secret], id, &sent.to_string(), expected, body, sent).unwrap();
}

#[test]
fn a_body_may_hold_any_bytes() {
    let secret: WebhookSecret = KEY_32.parse().unwrap();
    let body: Vec<u8> = (0..=u8::MAX).collect();
    let expected = "v1,MBQlbu25TjPWnWcjUkrohVeX5cARyAHA0OINM++wSyc=";
    assert_eq!(webhook::sign(&secret, "msg-3", 0, &body), expected);
}

#[test]
fn any_secret_and_any_signature_may_match() {
    let old: WebhookSecret = KEY_32.parse().unwrap();
    let new: WebhookSecret = KEY_64.parse().unwrap();
    let by_old = webhook::sign(&old, "m", NOW, b"x");
    let by_new = webhook::sign(&new, "m", NOW, b"x");
    let now = NOW.to_string();
    let verify =
        |secrets: &[WebhookSecret], header: &str| webhook::verify(secrets, "m", &now, header, b"x", NOW);
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

#[test]
fn stale_early_and_malformed_messages_are_refused() {
    let secret: WebhookSecret = KEY_32.parse().unwrap();
    let good = webhook::sign(&secret, "m", NOW, b"x");
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
        let result = webhook::verify(secrets, id, &timestamp, signature, b"x", now);
        assert_eq!(result, expected, "{id} {timestamp} {signature} {now}");
    }
}
