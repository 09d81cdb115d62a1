use super::*;

#[tokio::test]
async fn a_token_or_a_signature_proves_a_plugin() {
    let bench = Bench::new().await;
    bench.send(by_token("light", 1, MOTION)).await.accepted(1, 0);
    bench
        .send(signed("light", 1, now(), MOTION, MOTION))
        .await
        .accepted(0, 1);
    bench
        .send(signed("lock", 2, now(), MOTION, MOTION))
        .await
        .accepted(1, 0);
}

#[tokio::test]
async fn a_signed_post_that_is_sent_again_is_stored_once_also_without_ids() {
    let bench = Bench::new().await;
    for (body, events) in [
        (r#"{"type":"motion"}"#, 1),
        (r#"[{"type":"motion"},{"type":"motion"}]"#, 2),
    ] {
        bench
            .send(signed("light", 1, now(), body, body))
            .await
            .accepted(events, 0);
        // Taken off the wire and sent again, or sent again by a plugin that heard no answer.
        for age in [0, 100] {
            bench
                .send(signed("light", 1, now() - age, body, body))
                .await
                .accepted(0, events);
        }
    }
    // By token nothing says that it is the same.
    for _ in 0..2 {
        bench
            .send(by_token("light", 1, r#"{"type":"motion"}"#))
            .await
            .accepted(1, 0);
    }
    assert_eq!(bench.store.last_seq(), 5);
}

#[tokio::test]
async fn nobody_else_gets_in_and_all_are_told_the_same() {
    let bench = Bench::new().await;
    let without = |name: &str| {
        let mut request = signed("light", 1, now(), MOTION, MOTION);
        request.headers_mut().remove(name);
        request
    };
    let header =
        |name: header::HeaderName, value: &str| to("light").header(name, value).body(Body::from(MOTION));
    let bare_token = token(1).expose().to_owned();
    let mut twice = by_token("light", 1, MOTION);
    let value = twice.headers()[header::AUTHORIZATION].clone();
    twice.headers_mut().append(header::AUTHORIZATION, value);
    let mut good_token_bad_signature = signed("light", 2, now(), MOTION, MOTION);
    let value = by_token("light", 1, MOTION).headers()[header::AUTHORIZATION].clone();
    good_token_bad_signature
        .headers_mut()
        .insert(header::AUTHORIZATION, value);
    let refused = [
        ("nothing", to("light").body(Body::from(MOTION)).unwrap()),
        ("another plugin's token", by_token("light", 2, MOTION)),
        (
            "another plugin's secret",
            signed("light", 2, now(), MOTION, MOTION),
        ),
        ("an unknown plugin by token", by_token("ghost", 1, MOTION)),
        (
            "an unknown plugin by signature",
            signed("ghost", 1, now(), MOTION, MOTION),
        ),
        (
            "an unknown plugin signed with the decoy",
            signed("ghost", 0, now(), MOTION, MOTION),
        ),
        ("what is no id", by_token("Not%20An%2FId", 1, MOTION)),
        ("what is no text", by_token("%ff%fe", 1, MOTION)),
        (
            "a tampered body",
            signed("light", 1, now(), MOTION, r#"{"type":"motion","id":"2"}"#),
        ),
        ("no id", without(webhook::ID_HEADER)),
        ("no timestamp", without(webhook::TIMESTAMP_HEADER)),
        ("no signature", without(webhook::SIGNATURE_HEADER)),
        (
            "a token without its scheme",
            header(header::AUTHORIZATION, &bare_token).unwrap(),
        ),
        (
            "an empty token",
            header(header::AUTHORIZATION, "Bearer ").unwrap(),
        ),
        ("two tokens", twice),
        ("a bad signature beside a good token", good_token_bad_signature),
    ];
    let mut answers = Vec::new();
    for (what, request) in refused {
        let answer = bench.send(request).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{what}");
        answers.push(answer.body.to_string());
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(bench.store.last_seq(), 0);
}

#[tokio::test]
async fn a_moved_timestamp_breaks_the_signature() {
    let bench = Bench::new().await;
    let mut request = signed("light", 1, now() - 100, MOTION, MOTION);
    request
        .headers_mut()
        .insert(webhook::TIMESTAMP_HEADER, now().into());
    bench
        .send(request)
        .await
        .refused(StatusCode::UNAUTHORIZED, "unauthorized");
}

#[tokio::test]
async fn a_timestamp_is_good_for_five_minutes_either_way() {
    let bench = Bench::new().await;
    for offset in [-290, 0, 290] {
        assert_eq!(
            bench
                .send(signed("light", 1, now() + offset, MOTION, MOTION))
                .await
                .status,
            202
        );
    }
    for offset in [-310, 310, -1_000_000, 1_000_000] {
        let answer = bench
            .send(signed("light", 1, now() + offset, MOTION, MOTION))
            .await;
        answer.refused(StatusCode::UNAUTHORIZED, "stale_timestamp");
        let answer = bench
            .send(signed("ghost", 1, now() + offset, MOTION, MOTION))
            .await;
        answer.refused(StatusCode::UNAUTHORIZED, "stale_timestamp");
    }
}

#[tokio::test]
async fn one_plugin_cannot_send_as_another() {
    let bench = Bench::new().await;
    // With its own key on the other's path, and with its own key on its own path in
    // the other's name.
    bench
        .send(by_token("lock", 1, MOTION))
        .await
        .refused(StatusCode::UNAUTHORIZED, "unauthorized");
    bench
        .send(signed("lock", 1, now(), MOTION, MOTION))
        .await
        .refused(StatusCode::UNAUTHORIZED, "unauthorized");
    let spoof = r#"[{"type":"a"},{"type":"open","source":"/plugins/lock"}]"#;
    let answer = bench.send(by_token("light", 1, spoof)).await;
    answer.refused(StatusCode::FORBIDDEN, "foreign_source");
    assert_eq!(answer.body["details"], json!({"index": 1}));
    assert_eq!(bench.store.last_seq(), 0);

    bench
        .post(r#"{"type":"open","source":"lock"}"#)
        .await
        .accepted(1, 0);
    let Delivery::Event(event) = bench.all().next().await.unwrap().unwrap() else {
        panic!()
    };
    assert_eq!(event.plugin, id("light"));
}

#[tokio::test]
async fn both_keys_are_good_while_they_are_rotated() {
    let bench = Bench::new().await;
    let status = async |key: u8| {
        let by_token = bench.send(by_token("light", key, MOTION)).await.status;
        assert_eq!(
            bench
                .send(signed("light", key, now(), MOTION, MOTION))
                .await
                .status,
            by_token
        );
        by_token.as_u16()
    };
    let (light, rotated) = (id("light"), keys(1).rotated(pair(3), true));
    bench.credentials.set(&light, &rotated);
    assert_eq!((status(1).await, status(3).await), (202, 202));
    bench.credentials.set(&light, &rotated.retired());
    assert_eq!((status(1).await, status(3).await), (401, 202));
    bench.credentials.remove(&light);
    assert_eq!(status(3).await, 401);
}

#[test]
fn no_key_shows_in_debug() {
    let credentials = Credentials::default();
    credentials.set(&id("light"), &keys(1));
    let text = format!("{credentials:?}");
    assert!(
        !text.contains(token(1).expose()) && !text.contains(&secret(1).expose()),
        "{text}"
    );
}
