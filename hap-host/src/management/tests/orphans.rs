//! What the engine keeps that belongs to no plugin.

use super::{install::package, *};
use crate::engine::{
    Engine as _,
    error::EngineErrorKind,
    fake::faults::FakeOperation,
    instance::InstanceName,
    spec::{ContainerSpec, ResourceLimits},
};

async fn stray(bed: &Bed) {
    let (limits, id) = (
        ResourceLimits::new(64 << 20, 1_000_000_000, 64),
        "lost".parse().unwrap(),
    );
    let instance = InstanceName::default();
    let mut spec = ContainerSpec::new(
        "hap.default.lost".to_owned(),
        id,
        instance,
        "image:1".to_owned(),
        limits,
        8000,
    );
    // It is this supervisor's own, from before its folder was restored.
    bed.supervisor.0.shared.ownership.seal(&mut spec);
    bed.engine.create(&spec).await.unwrap();
}

#[tokio::test]
async fn what_belongs_to_nobody_is_listed_and_swept_by_whoever_says_from_which_age_on() {
    let bed = Bed::new().await;
    bed.installed("light").await.start().await.unwrap();
    stray(&bed).await;
    let list = bed.get("/v1/orphans").await;
    let orphans = list.good()["orphans"].as_array().unwrap();
    assert_eq!(orphans.len(), 1, "{}", list.text);
    let orphan = &orphans[0];
    assert_eq!(
        (&orphan["kind"], &orphan["plugin"]),
        (&json!("container"), &json!("lost"))
    );
    assert_eq!(
        (&orphan["reason"], &orphan["fate"]),
        (&json!("not_installed"), &json!("young"))
    );

    let sweep = "/v1/orphans/sweep";
    for query in ["", "?minimum_age_s=-1", "?minimum_age_s=all"] {
        let answer = bed.act(&format!("{sweep}{query}")).await;
        assert_eq!(answer.refused(400), "invalid_parameter", "{query}");
        assert_eq!(answer.json["details"]["parameter"], "minimum_age_s");
    }
    let answer = bed.act(&format!("{sweep}?minimum_age_s=3600")).await;
    assert_eq!(answer.good()["removed"], json!([]));

    bed.engine
        .fail_next(FakeOperation::RemoveResource, EngineErrorKind::Failed);
    let answer = bed.act(&format!("{sweep}?minimum_age_s=0")).await;
    let failed = &answer.good()["failed"][0];
    assert_eq!(failed["orphan"]["plugin"], "lost");
    assert_eq!(failed["refusal"]["code"], "engine");

    let answer = bed.act(&format!("{sweep}?minimum_age_s=0")).await;
    assert_eq!(answer.good()["removed"][0]["plugin"], "lost");
    assert_eq!(bed.engine.containers().len(), 1);
    assert_eq!(bed.get("/v1/orphans").await.good()["orphans"], json!([]));
}

#[tokio::test]
async fn images_that_none_runs_are_removed_on_demand() {
    let bed = Bed::new().await;
    bed.send("POST", "/v1/plugins", &[ZIP], Body::from(package("light", "")))
        .await
        .good();
    let prune = "/v1/orphans/prune-images";
    assert_eq!(bed.act(prune).await.good()["removed"], json!([]));
    bed.delete("/v1/plugins/light").await.good();
    let answer = bed.act(prune).await;
    let removed = answer.good()["removed"].as_array().unwrap();
    assert_eq!(removed.len(), 1, "{}", answer.text);
    assert_eq!(removed[0]["kind"], "image");
    assert_eq!(answer.json["freed_bytes"], removed[0]["bytes"]);
}

#[tokio::test]
async fn data_of_a_plugin_that_is_gone_is_removed_only_by_its_name() {
    let bed = Bed::new().await;
    let light = bed.installed_with("light", r#","volumes":["/data"]"#).await;
    light.start().await.unwrap();
    let path = "/v1/orphans/data";
    for query in ["", "?plugin=Light!", "?plugin=light&plugin=lamp"] {
        let answer = bed.delete(&format!("{path}{query}")).await;
        assert_eq!(answer.refused(400), "invalid_parameter", "{query}");
    }
    let answer = bed.delete(&format!("{path}?plugin=light")).await;
    assert_eq!(answer.refused(409), "already_installed");
    bed.delete("/v1/plugins/light").await.good();
    assert_eq!(bed.engine.volumes().len(), 1);
    let answer = bed.delete(&format!("{path}?plugin=light")).await;
    assert_eq!(*answer.good(), json!({"plugin": "light"}));
    assert!(bed.engine.volumes().is_empty());
}

#[tokio::test]
async fn an_engine_that_does_not_answer_is_said() {
    let bed = Bed::new().await;
    bed.engine.set_unavailable(true);
    assert_eq!(bed.get("/v1/orphans").await.refused(503), "engine");
    let answer = bed.act("/v1/orphans/prune-images").await;
    assert_eq!(answer.refused(503), "engine");
}
