//! What the libraries of Standard Webhooks test of a received message, with their secret and body; `webhook.rs` has the
//! signatures that they publish.

use std::time::{Duration, SystemTime};

use hap_manifest::{
    WebhookSecret,
    webhook::{VerifyError, sign, timestamp, verify},
};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
const BODY: &[u8] = br#"{"test": 2432232314}"#;
/// How far the clocks may be apart, in seconds.
const APART: u64 = 5 * 60;

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn secret() -> WebhookSecret {
    SECRET.parse().unwrap()
}

/// Id, timestamp, signature and body of a message, and what is said of it.
type Row<'a> = (&'a str, &'a str, String, &'a [u8], Result<(), VerifyError>);

/// The headers of a message, each as the row wants it, and what is said of it.
fn judged(id: &str, at: &str, signature: &str, body: &[u8]) -> Result<(), VerifyError> {
    verify(&[secret()], id, at, signature, body, now())
}

fn signed(sent: SystemTime) -> String {
    sign(&secret(), ID, sent, BODY)
}

#[test]
fn a_message_is_taken_or_refused_for_its_reason() {
    let at = timestamp(now()).to_string();
    let good = signed(now());
    let tag = good.strip_prefix("v1,").unwrap();
    let other = format!("v1,{}", "A".repeat(43) + "=");
    let rows: [Row<'_>; 20] = [
        (ID, &at, good.clone(), BODY, Ok(())),
        ("", &at, good.clone(), BODY, Err(VerifyError::MissingOrBadId)),
        (
            ID,
            "",
            good.clone(),
            BODY,
            Err(VerifyError::MissingOrBadTimestamp),
        ),
        (
            ID,
            "hello",
            good.clone(),
            BODY,
            Err(VerifyError::MissingOrBadTimestamp),
        ),
        (
            ID,
            "-1",
            good.clone(),
            BODY,
            Err(VerifyError::MissingOrBadTimestamp),
        ),
        (
            ID,
            "1800000000.5",
            good.clone(),
            BODY,
            Err(VerifyError::MissingOrBadTimestamp),
        ),
        (
            ID,
            "0x6b49d200",
            good.clone(),
            BODY,
            Err(VerifyError::MissingOrBadTimestamp),
        ),
        (
            ID,
            "99999999999999999999",
            good.clone(),
            BODY,
            Err(VerifyError::MissingOrBadTimestamp),
        ),
        (
            ID,
            &at,
            String::new(),
            BODY,
            Err(VerifyError::MissingOrBadSignature),
        ),
        (
            ID,
            &at,
            tag.to_owned(),
            BODY,
            Err(VerifyError::MissingOrBadSignature),
        ),
        (
            ID,
            &at,
            "v1".to_owned(),
            BODY,
            Err(VerifyError::MissingOrBadSignature),
        ),
        (
            ID,
            &at,
            format!("v1a,{tag}"),
            BODY,
            Err(VerifyError::MissingOrBadSignature),
        ),
        (
            ID,
            &at,
            format!("v2,{tag}"),
            BODY,
            Err(VerifyError::MissingOrBadSignature),
        ),
        (ID, &at, other.clone(), BODY, Err(VerifyError::NoMatch)),
        ("msg_other", &at, good.clone(), BODY, Err(VerifyError::NoMatch)),
        (
            ID,
            &at,
            good.clone(),
            b"{\"test\": 2432232315}",
            Err(VerifyError::NoMatch),
        ),
        (ID, "1800000001", good.clone(), BODY, Err(VerifyError::NoMatch)),
        // Several, of which one fits, in any order and of several schemes.
        (ID, &at, format!("{other} {good}"), BODY, Ok(())),
        (ID, &at, format!("{good} {other} v1a,{tag}"), BODY, Ok(())),
        (
            ID,
            &at,
            format!("v2,{tag} {other}"),
            BODY,
            Err(VerifyError::NoMatch),
        ),
    ];
    for (id, at, signature, body, expected) in rows {
        assert_eq!(
            judged(id, at, &signature, body),
            expected,
            "{id:?} {at:?} {signature:?}"
        );
    }
}

/// Clocks may be five minutes apart, either way.
#[test]
fn an_old_message_and_one_of_the_future_are_refused() {
    let seconds = Duration::from_secs;
    for (sent, expected) in [
        (now() - seconds(APART), Ok(())),
        (now() + seconds(APART), Ok(())),
        (now() - seconds(APART + 1), Err(VerifyError::TooOld)),
        (now() + seconds(APART + 1), Err(VerifyError::TooNew)),
        (SystemTime::UNIX_EPOCH, Err(VerifyError::TooOld)),
        (now() + seconds(1 << 40), Err(VerifyError::TooNew)),
    ] {
        let at = timestamp(sent).to_string();
        assert_eq!(judged(ID, &at, &signed(sent), BODY), expected, "{at}");
    }
}

/// A secret is written with its prefix and without.
#[test]
fn the_prefix_of_a_secret_is_optional() {
    let bare: WebhookSecret = SECRET.strip_prefix("whsec_").unwrap().parse().unwrap();
    assert_eq!(sign(&bare, ID, now(), BODY), signed(now()));
}
