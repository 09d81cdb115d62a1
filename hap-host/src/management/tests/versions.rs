//! From one version of a plugin to another, and back.

use super::{install::package_of, *};
use crate::{engine::observed::Exit, model::run_policy::ProbationPolicy};

const UPDATE: &str = "/v1/plugins/light/update";
const BACK: &str = "/v1/plugins/light/roll-back";
const VOLUME: &str = r#","volumes":["/data"]"#;

fn version(version: &str, extra: &str) -> String {
    manifest_text("light", extra)
        .replace("1.0.0", version)
        .replace("plugin:1", &format!("plugin:{version}"))
}

/// A bed whose light runs in version 1.0.0, and where a version has to be healthy for so long.
async fn running(healthy_for: Duration, extra: &str) -> (Bed, PluginHandle) {
    let probation = ProbationPolicy::default()
        .healthy_for(healthy_for)
        .within(DEADLINE * 2);
    let bed = Bed::with(|builder| builder.probation_policy(probation)).await;
    let light = bed.installed_with("light", extra).await;
    light.start().await.unwrap();
    (bed, light)
}

async fn update(bed: &Bed, query: &str, manifest: &str) -> Answer {
    let path = format!("{UPDATE}{query}");
    bed.send("POST", &path, &[JSON], Body::from(manifest.to_owned()))
        .await
}

#[tokio::test]
async fn a_package_brings_a_plugin_to_another_version_and_its_data_back_with_the_old_one() {
    let (bed, light) = running(Duration::from_millis(50), VOLUME).await;
    let data = bed.engine.volumes().remove(0);
    bed.engine.write_volume(&data, "of 1.0.0");
    let package = package_of(&version("1.1.0", VOLUME));
    let answer = bed
        .send("POST", UPDATE, &[ZIP], Body::from(package.clone()))
        .await;
    assert_eq!(answer.refused(409), "publisher_changed");
    let accepted = format!("{UPDATE}?accept_publisher=unsigned");
    let answer = bed.send("POST", &accepted, &[ZIP], Body::from(package)).await;
    let outcome = &answer.good()["outcome"];
    assert_eq!(
        (
            &outcome["from"],
            &outcome["to"],
            &outcome["result"],
            &outcome["reason"]
        ),
        (
            &json!("1.0.0"),
            &json!("1.1.0"),
            &json!("committed"),
            &Value::Null
        )
    );
    assert_eq!(answer.json["state"]["phase"], "healthy");
    assert_eq!(answer.json["state"]["previous_version"], "1.0.0");
    assert_eq!(answer.json["state"]["last_update"], *outcome);
    let answer = bed.get("/v1/plugins/light").await;
    assert_eq!(answer.good()["manifest"]["version"], "1.1.0");
    assert_eq!(answer.json["state"]["update"], Value::Null);

    bed.engine.write_volume(&data, "of 1.1.0");
    let answer = bed.act(&format!("{BACK}?restore_data=true")).await;
    assert_eq!(answer.good()["outcome"]["to"], "1.0.0");
    assert_eq!(light.manifest().version().to_string(), "1.0.0");
    assert_eq!(bed.engine.read_volume(&data).unwrap(), "of 1.0.0");

    let answer = bed.delete("/v1/plugins/light/previous-version").await;
    assert_eq!(answer.good()["previous_version"], Value::Null);
    bed.delete("/v1/plugins/light/previous-version").await.good();
    assert_eq!(bed.act(BACK).await.refused(422), "invalid_input");
}

#[tokio::test]
async fn what_stands_against_a_version_is_said_before_anything_stops() {
    let (bed, light) = running(Duration::from_millis(50), "").await;
    bed.installed_with("scene", r#","depends_on":[{"id":"light","version":"^1"}]"#)
        .await;
    let before = light.state().container;
    let raw = version("1.1.0", r#","capabilities":["NET_RAW"]"#);
    let rows: [(&str, &str, u16, &str); 5] = [
        ("", &version("0.9.0", ""), 422, "invalid_input"),
        (
            "?allow_downgrade=true",
            &manifest_text("lamp", ""),
            422,
            "invalid_input",
        ),
        ("?grant=network", &raw, 403, "not_permitted"),
        ("", &version("2.0.0", ""), 409, "dependency"),
        (
            "?allow_downgrade=1",
            &version("0.9.0", ""),
            400,
            "invalid_parameter",
        ),
    ];
    for (query, manifest, status, code) in rows {
        let answer = update(&bed, query, manifest).await;
        assert_eq!(answer.refused(status), code, "{query} {manifest}");
        if status == 403 {
            let refusal = &answer.json["details"]["refusals"][0];
            assert_eq!(refusal["grantable"], "capability:NET_RAW");
        }
    }
    let answer = bed.post(UPDATE, &json!({"id": "Light!"})).await;
    assert_eq!(answer.refused(422), "invalid_manifest");
    assert_eq!(light.state().container, before);

    let outbound = version("2.0.1", r#","network_access":true"#);
    let accepted = [
        ("?grant=capability:NET_RAW", &raw),
        ("?even_if_dependants_break=true", &version("2.0.0", "")),
        (
            "?even_if_dependants_break=true&grant_all=true&without_snapshot=true",
            &outbound,
        ),
        ("?allow_downgrade=true", &version("1.5.0", "")),
    ];
    for (query, manifest) in accepted {
        let answer = update(&bed, query, manifest).await;
        assert_eq!(answer.good()["outcome"]["result"], "committed", "{query}");
    }
    assert_eq!(light.manifest().version().to_string(), "1.5.0");
}

#[tokio::test]
async fn a_version_that_fails_is_refused_with_the_diagnosis_and_the_old_one_is_back() {
    let (bed, light) = running(Duration::from_millis(50), "").await;
    let broken = "plugin:1.1.0".parse().unwrap();
    bed.engine.crash_image_at_start(&broken, Some(Exit::code(78)));
    let answer = update(&bed, "", &version("1.1.0", "")).await;
    assert_eq!(answer.refused(502), "failed");
    assert_eq!(answer.json["details"]["failure"]["cause"], "configuration");
    let answer = bed.get("/v1/plugins/light").await;
    let last = &answer.good()["state"]["last_update"];
    assert_eq!(last["result"], "rolled_back");
    assert!(last["reason"].as_str().unwrap().contains("78"), "{last}");
    assert_eq!(light.manifest().version().to_string(), "1.0.0");
}

#[tokio::test]
async fn an_update_on_probation_is_shown_keeps_others_out_and_can_be_taken_back() {
    let (bed, light) = running(DEADLINE, "").await;
    let (router, body) = (bed.router.clone(), version("1.1.0", ""));
    let request = Request::post(format!("/api{UPDATE}")).header(JSON.0, JSON.1);
    let call = tokio::spawn(router.oneshot(request.body(Body::from(body)).unwrap()));
    let watched = light.wait_for(|state| {
        let stage = state.update.as_ref().map(|update| update.stage);
        stage == Some(crate::model::update::UpdateStage::Probation) && state.phase == Phase::Healthy
    });
    tokio::time::timeout(DEADLINE, watched).await.unwrap().unwrap();
    let answer = bed.get("/v1/plugins/light").await;
    let told = &answer.good()["state"]["update"];
    assert_eq!(
        (&told["stage"], &told["to"]),
        (&json!("probation"), &json!("1.1.0"))
    );
    let answer = bed.get("/v1/plugins/light/activity").await;
    assert_eq!(answer.good()["calls"][0]["name"], "update");
    assert_eq!(update(&bed, "", &version("1.2.0", "")).await.refused(429), "busy");

    let answer = bed.act(BACK).await;
    assert_eq!(answer.good()["outcome"]["result"], "rolled_back");
    let answer = Answer::of(call.await.unwrap().unwrap()).await;
    assert_eq!(answer.refused(502), "failed");
    // Nothing failed: somebody did not want it.
    assert_eq!(answer.json["details"], Value::Null, "{}", answer.text);
}

#[tokio::test]
async fn an_update_tells_what_it_does_to_whoever_listens() {
    let (bed, _light) = running(Duration::from_millis(50), "").await;
    let headers = [ZIP, ("accept", "text/event-stream")];
    let update = async |version: String| {
        let body = Body::from(package_of(&version));
        let path = format!("{UPDATE}?accept_publisher=unsigned");
        Items::of(bed.response("POST", &path, &headers, body).await)
    };
    let mut items = update(version("1.1.0", "")).await;
    items.expect("progress").await;
    let last = loop {
        let item = items.next().await.unwrap();
        if item.event != "progress" {
            break item;
        }
    };
    assert_eq!(last.event, "updated", "{last:?}");
    assert_eq!(last.data["outcome"]["to"], "1.1.0");
    items.expect("end").await;

    let mut items = update(version("1.0.0", "")).await;
    items.expect("progress").await;
    assert_eq!(items.expect("refused").await.data["code"], "invalid_input");
}
