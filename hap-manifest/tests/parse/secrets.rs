//! Secrets, which are refused without a word of what they are, and digests.

use hap_manifest::{ApiToken, WebhookSecret};

#[test]
fn api_token() {
    let good = "hap_AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";
    assert_eq!(good.parse::<ApiToken>().unwrap().expose(), good);
    let rule = "invalid API token: it must be \"hap_\" and 43 characters of A-Z, a-z, 0-9, - and _, which are 32 random \
                bytes in URL-safe base64 without padding";
    for text in [
        "",
        &good[4..],
        "HAP_AQEB",
        "hap_",
        &good[..46],
        &format!("{good}="),
        &format!("{good} "),
        "hap_+QEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE",
    ] {
        assert_eq!(text.parse::<ApiToken>().unwrap_err().to_string(), rule);
    }
}

#[test]
fn webhook_secret() {
    let plain = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";
    for text in [plain.to_owned(), format!("whsec_{plain}")] {
        assert_eq!(
            text.parse::<WebhookSecret>().unwrap().expose(),
            format!("whsec_{plain}")
        );
    }
    let base64 = "invalid webhook secret: it must be \"whsec_\" and base64";
    let none = "invalid webhook secret: it has 0 bytes, 24 to 64 are allowed";
    for (text, expected) in [
        ("", none),
        ("whsec_", none),
        (
            "whsec_AAEC",
            "invalid webhook secret: it has 3 bytes, 24 to 64 are allowed",
        ),
        (
            &format!("{plain}{plain}{plain}"),
            "invalid webhook secret: it has 72 bytes, 24 to 64 are allowed",
        ),
        ("whsec_!!!!", base64),
        (&format!("whsk_{plain}"), base64),
        (&format!(" {plain}"), base64),
    ] {
        assert_eq!(text.parse::<WebhookSecret>().unwrap_err().to_string(), expected);
    }
}

#[cfg(feature = "package")]
#[test]
fn digest() {
    use hap_manifest::package::Digest;

    let good = format!("sha256:{}", "0f".repeat(32));
    crate::accepts::<Digest>(&[&good]);
    let upper = good.to_uppercase();
    let rule = "it must be \"sha256:\" and 64 lower-case hexadecimal digits";
    for text in [
        "",
        "sha256:",
        "sha512:00",
        &good[..70],
        &good[7..],
        &upper,
        "md5:0f",
    ] {
        let shown: String = text.chars().take(60).collect();
        let dots = if text.len() > 60 { "..." } else { "" };
        let expected = format!("invalid digest {shown:?}{dots}: {rule}");
        crate::refuses::<Digest>(&[(text, &expected)]);
    }
}
