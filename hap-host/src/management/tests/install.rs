//! How plugins come and go.

use hap_manifest::package::{Limits, PackOptions, pack};

use super::*;

pub(super) fn package(id: &str, extra: &str) -> Vec<u8> {
    package_of(&manifest_text(id, extra))
}

pub(super) fn package_of(manifest: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("manifest.json"), manifest).unwrap();
    std::fs::write(folder.path().join("Dockerfile"), "FROM scratch\n").unwrap();
    std::fs::write(folder.path().join("README.md"), "A plugin.\n").unwrap();
    pack(folder.path(), &PackOptions::new()).unwrap().into_bytes()
}

fn staged(bed: &Bed) -> usize {
    std::fs::read_dir(bed.state.path().join("staging"))
        .unwrap()
        .count()
}

const RAW: &str = r#","capabilities":["NET_RAW"]"#;

#[tokio::test]
async fn a_package_is_uploaded_and_installed_and_nothing_of_it_is_left() {
    let bed = Bed::new().await;
    let answer = bed
        .send("POST", "/v1/plugins", &[ZIP], Body::from(package("light", "")))
        .await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!(answer.headers[header::LOCATION], "plugins/light");
    assert_eq!(answer.json["state"]["desired"], "stopped");
    assert_eq!(answer.json["settings"], Value::Null);
    assert_eq!(staged(&bed), 0);

    let answer = bed.get("/v1/plugins").await;
    assert_eq!(answer.good()["plugins"][0]["id"], "light");
    let again = bed
        .send("POST", "/v1/plugins", &[ZIP], Body::from(package("light", "")))
        .await;
    assert_eq!(again.refused(409), "already_installed");
}

#[tokio::test]
async fn a_manifest_installs_what_its_image_is() {
    let bed = Bed::new().await;
    let text = manifest_text("light", r#","network_access":true"#);
    let answer = bed.send("POST", "/v1/plugins", &[JSON], Body::from(text)).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!(answer.json["manifest"]["image"], "plugin:1");
    assert_eq!(answer.json["permissions"]["requested"][0]["id"], "network");
}

#[tokio::test]
async fn all_problems_of_a_manifest_come_at_once_with_their_places() {
    let bed = Bed::new().await;
    let body =
        json!({"id": "Light!", "name": "", "version": "1", "description": "", "author": "", "image": "x"});
    for path in ["/v1/plugins", "/v1/policy/review"] {
        let answer = bed.post(path, &body).await;
        assert_eq!(answer.refused(422), "invalid_manifest");
        let issues = answer.json["details"]["issues"].as_array().unwrap();
        let pointers: Vec<_> = issues
            .iter()
            .map(|issue| issue["pointer"].as_str().unwrap())
            .collect();
        assert!(
            ["/id", "/name", "/version"]
                .iter()
                .all(|place| pointers.contains(place)),
            "{pointers:?}"
        );
    }
}

#[tokio::test]
async fn what_was_not_granted_is_refused_with_what_would_have_to_be() {
    let bed = Bed::new().await;
    let body = || Body::from(package("radio", RAW));
    let answer = bed.send("POST", "/v1/plugins", &[ZIP], body()).await;
    assert_eq!(answer.refused(403), "not_permitted");
    let refusal = &answer.json["details"]["refusals"][0];
    assert_eq!(refusal["grantable"], "capability:NET_RAW");
    assert!(bed.supervisor.plugins().is_empty());

    let answer = bed
        .send("POST", "/v1/plugins?grant=capability:NET_RUW", &[ZIP], body())
        .await;
    assert_eq!(answer.refused(403), "not_permitted");
    let answer = bed
        .send("POST", "/v1/plugins?grant=capabilty:NET_RAW", &[ZIP], body())
        .await;
    assert_eq!(answer.refused(400), "invalid_parameter");
    assert!(answer.error().contains("did you mean"), "{}", answer.text);

    let granted = "/v1/plugins?grant=network&grant=capability:NET_RAW";
    let answer = bed.send("POST", granted, &[ZIP], body()).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!(
        answer.json["permissions"]["granted"][0]["id"],
        "capability:NET_RAW"
    );
    assert_eq!(answer.json["permissions"]["refusals"], json!([]));
}

#[tokio::test]
async fn everything_is_granted_to_whoever_says_so() {
    let bed = Bed::new().await;
    let body = Body::from(package("radio", RAW));
    let answer = bed.send("POST", "/v1/plugins?grant_all=true", &[ZIP], body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let answer = bed.post("/v1/plugins?grant_all=yes", &json!({})).await;
    assert_eq!(answer.refused(400), "invalid_parameter");
}

#[tokio::test]
async fn a_review_installs_nothing_and_tells_what_an_installation_would() {
    let bed = Bed::new().await;
    let body = || {
        Body::from(manifest_text(
            "radio",
            r#","capabilities":["NET_RAW"],"colour":"red""#,
        ))
    };
    let answer = bed.send("POST", "/v1/policy/review", &[JSON], body()).await;
    assert_eq!(answer.good()["refusals"][0]["grantable"], "capability:NET_RAW");
    assert!(
        answer.json["warnings"][0].as_str().unwrap().contains("colour"),
        "{}",
        answer.text
    );
    let answer = bed
        .send(
            "POST",
            "/v1/policy/review?grant=capability:NET_RAW",
            &[JSON],
            body(),
        )
        .await;
    assert_eq!(answer.good()["refusals"], json!([]));
    assert!(bed.supervisor.plugins().is_empty());
    assert_eq!(answer.json["changes"], Value::Null);
}

#[tokio::test]
async fn a_consent_is_sent_as_text_and_for_programs_and_compared_with_what_is_installed() {
    let bed = Bed::new().await;
    bed.installed_with("radio", r#","memory_limit":"64m""#).await;
    let body = manifest_text("radio", r#","capabilities":["NET_RAW"],"memory_limit":"256m""#);
    let review = bed
        .send("POST", "/v1/policy/review", &[JSON], Body::from(body))
        .await;
    let review = review.good().clone();
    assert_eq!(review["changes"]["added"][0]["id"], "capability:NET_RAW");
    assert_eq!(review["changes"]["limits"][0]["direction"], "more");
    let text = review["text"].as_str().unwrap();
    assert!(text.contains("  more  memory: 64 MiB -> 256 MiB"), "{text}");

    let kept = bed.get("/v1/plugins/radio/permissions").await.good().clone();
    assert_eq!(kept["requested"][0]["id"], "network");
    assert!(
        kept["requested"][0]["explanation"]
            .as_str()
            .unwrap()
            .ends_with('.')
    );
    let text = kept["text"].as_str().unwrap();
    assert!(text.contains("reach the internet and the home network"), "{text}");
}

#[tokio::test]
async fn an_installation_tells_what_it_does_to_whoever_listens() {
    let bed = Bed::new().await;
    let headers = [ZIP, ("accept", "text/event-stream")];
    let install = async || {
        Items::of(
            bed.response("POST", "/v1/plugins", &headers, Body::from(package("light", "")))
                .await,
        )
    };
    let mut items = install().await;
    let first = items.expect("progress").await;
    assert_eq!(first.data, json!({"kind": "stage", "stage": "unpacking"}));
    let last = loop {
        let item = items.next().await.unwrap();
        if item.event != "progress" {
            break item;
        }
    };
    assert_eq!(last.event, "installed", "{last:?}");
    assert_eq!(last.data["id"], "light");
    assert_eq!(items.expect("end").await.data["reason"], "no_more");
    assert!(items.next().await.is_none());

    let mut items = install().await;
    items.expect("progress").await;
    let refused = items.expect("refused").await;
    assert_eq!(refused.data["code"], "already_installed");
    assert_eq!(refused.data["success"], false);
}

#[tokio::test]
async fn what_is_no_package_is_refused_and_leaves_nothing() {
    let bed = Bed::new().await;
    let answer = bed
        .send("POST", "/v1/plugins", &[ZIP], Body::from("not a zip"))
        .await;
    assert_eq!(answer.refused(422), "invalid_input");
    let answer = bed.send("POST", "/v1/plugins", &[ZIP], Body::empty()).await;
    assert_eq!(answer.refused(422), "invalid_input");
    assert_eq!(staged(&bed), 0);
    assert!(
        !answer.text.contains(bed.state.path().to_str().unwrap()),
        "{}",
        answer.text
    );
}

#[tokio::test]
async fn a_package_over_the_limit_is_refused_whether_it_says_so_or_not() {
    let bed = Bed::new().await;
    let most = Limits::default().zip_bytes();
    let said = (most + 1).to_string();
    let headers = [ZIP, ("content-length", said.as_str())];
    let answer = bed.send("POST", "/v1/plugins", &headers, Body::empty()).await;
    assert_eq!(answer.refused(413), "body_too_large");
    assert_eq!(answer.json["details"]["most"], most);

    let piece = bytes::Bytes::from(vec![0; 1 << 20]);
    let pieces = (0..=most >> 20).map(move |_| Ok::<_, std::io::Error>(piece.clone()));
    let body = Body::from_stream(futures_util::stream::iter(pieces));
    let answer = bed.send("POST", "/v1/plugins", &[ZIP], body).await;
    assert_eq!(answer.refused(413), "body_too_large");
    assert_eq!(staged(&bed), 0);
}

#[tokio::test]
async fn no_more_than_two_packages_are_uploaded_at_a_time() {
    let bed = Bed::new().await;
    let (router, mut held) = (bed.router.clone(), Vec::new());
    for _ in 0..crate::management::state::UPLOADS {
        let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
        let begun = std::sync::Arc::new(tokio::sync::Notify::new());
        let told = std::sync::Arc::clone(&begun);
        let body = futures_util::stream::once(async move {
            told.notify_one();
            let _ = receiver.await;
            Ok::<_, std::io::Error>(bytes::Bytes::from_static(b"no zip"))
        });
        let request = Request::post("/api/v1/plugins").header(ZIP.0, ZIP.1);
        let call = router
            .clone()
            .oneshot(request.body(Body::from_stream(body)).unwrap());
        let call = tokio::spawn(call);
        begun.notified().await;
        held.push((sender, call));
    }
    let answer = bed
        .send("POST", "/v1/plugins", &[ZIP], Body::from(package("light", "")))
        .await;
    assert_eq!(answer.refused(429), "busy");
    assert!(answer.headers.contains_key(header::RETRY_AFTER));
    for (sender, call) in held {
        sender.send(()).unwrap();
        assert_eq!(call.await.unwrap().unwrap().status(), 422);
    }
    let answer = bed
        .send("POST", "/v1/plugins", &[ZIP], Body::from(package("light", "")))
        .await;
    assert_eq!(answer.status, 201, "{}", answer.text);
}

#[tokio::test]
async fn data_stays_unless_it_is_asked_for_and_others_that_need_a_plugin_keep_it() {
    let bed = Bed::new().await;
    let volumes = r#","volumes":["/data"]"#;
    let light = bed.installed_with("light", volumes).await;
    bed.installed_with("scene", r#","depends_on":["light"]"#).await;
    light.start().await.unwrap();

    let answer = bed.delete("/v1/plugins/light").await;
    assert_eq!(answer.refused(409), "dependency");
    assert!(answer.error().contains("scene"), "{}", answer.text);
    let answer = bed.delete("/v1/plugins/light?even_if_needed=1").await;
    assert_eq!(answer.refused(400), "invalid_parameter");
    let answer = bed.delete("/v1/plugins/light?even_if_needed=true").await;
    assert_eq!(*answer.good(), json!({"id": "light", "data_removed": false}));
    assert_eq!(bed.engine.volumes().len(), 1);
    assert_eq!(bed.get("/v1/plugins/light").await.refused(404), "not_installed");

    bed.installed_with("light", volumes).await;
    let answer = bed
        .delete("/v1/plugins/light?even_if_needed=true&remove_data=true")
        .await;
    assert_eq!(answer.good()["data_removed"], true);
    assert!(bed.engine.volumes().is_empty());
}
