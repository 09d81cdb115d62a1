//! Requests that are broken, endless or too large.

use super::*;

async fn command(bed: &Bed, body: Body) -> Answer {
    bed.send("POST", "/v1/plugins/light/command", &[JSON], body).await
}

#[tokio::test]
async fn broken_json_is_told_from_json_of_another_shape() {
    let bed = Bed::new().await;
    bed.installed("light").await;
    for body in [
        "",
        "{",
        r#"{"command":"x"} x"#,
        "\u{1}",
        "nul",
        r#"{"command":"x","params":{"a":}}"#,
    ] {
        let answer = command(&bed, Body::from(body)).await;
        assert_eq!(answer.refused(400), "invalid_json", "{body}");
    }
    for (body, path) in [
        ("[]", "."),
        ("{}", "."),
        (r#"{"command":5}"#, "command"),
        ("null", "."),
    ] {
        let answer = command(&bed, Body::from(body)).await;
        assert_eq!(answer.refused(422), "invalid_body", "{body}");
        assert_eq!(answer.json["details"]["path"], path, "{}", answer.text);
    }
    let deep = format!(
        r#"{{"command":"x","params":{}{}}}"#,
        "[".repeat(200),
        "]".repeat(200)
    );
    assert_eq!(command(&bed, Body::from(deep)).await.refused(400), "invalid_json");
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_whether_it_says_so_or_not() {
    let bed = Bed::new().await;
    bed.installed("light").await;
    let headers = [JSON, ("content-length", "1048577")];
    let answer = bed
        .send("POST", "/v1/plugins/light/command", &headers, Body::empty())
        .await;
    assert_eq!(answer.refused(413), "body_too_large");
    let piece = bytes::Bytes::from(vec![b' '; 1 << 16]);
    let endless = futures_util::stream::repeat_with(move || Ok::<_, std::io::Error>(piece.clone()));
    let answer = command(&bed, Body::from_stream(endless)).await;
    assert_eq!(answer.refused(413), "body_too_large");
    assert_eq!(answer.headers[header::CONNECTION], "close");
    let answer = bed
        .send(
            "POST",
            "/v1/plugins/light/start",
            &[JSON],
            Body::from(vec![b' '; 100]),
        )
        .await;
    assert_eq!(answer.refused(413), "body_too_large");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_refused() {
    let bed = Bed::new().await;
    bed.installed("light").await;
    let broken = [
        Ok(bytes::Bytes::from_static(b"{")),
        Err(std::io::Error::other("gone")),
    ];
    let answer = command(&bed, Body::from_stream(futures_util::stream::iter(broken))).await;
    assert_eq!(answer.refused(400), "body_incomplete");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_comes_is_given_up() {
    let bed = Bed::new().await;
    bed.installed("light").await;
    let never = || {
        Body::from_stream(futures_util::stream::pending::<
            Result<bytes::Bytes, std::io::Error>,
        >())
    };
    assert_eq!(command(&bed, never()).await.refused(408), "body_too_slow");
    let response = bed.router.clone().oneshot(
        Request::post("/api/v1/plugins")
            .header(ZIP.0, ZIP.1)
            .body(never())
            .unwrap(),
    );
    assert_eq!(response.await.unwrap().status(), 408);
}

#[tokio::test]
async fn a_compressed_body_is_refused() {
    let bed = Bed::new().await;
    let headers = [ZIP, ("content-encoding", "gzip")];
    let answer = bed.send("POST", "/v1/plugins", &headers, Body::from("x")).await;
    assert_eq!(answer.refused(415), "unsupported_media_type");
    assert!(answer.error().contains("compressed"), "{}", answer.text);
}

#[tokio::test]
async fn names_that_are_none_are_those_of_plugins_that_are_not_installed() {
    let bed = Bed::new().await;
    for name in ["Light", "..%2f..", "%00", "a%20b", &"x".repeat(10_000)] {
        let answer = bed.get(&format!("/v1/plugins/{name}")).await;
        assert_eq!(answer.refused(404), "not_installed", "{name}");
        assert!(
            answer.text.len() < 600 && !answer.error().contains('\n'),
            "{}",
            answer.text
        );
    }
    let answer = bed.get("/v1/plugins/%ff").await;
    assert_eq!(answer.refused(400), "invalid_path");
}

#[tokio::test]
async fn a_query_that_is_not_well_formed_is_refused() {
    let bed = Bed::new().await;
    let answer = bed.get("/v1/plugins?%ff=%zz&").await;
    assert_eq!(answer.status, 400, "{}", answer.text);
}
