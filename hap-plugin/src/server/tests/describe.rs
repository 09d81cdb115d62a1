use super::*;
use hap_manifest::wire::Describe;

use crate::api::{NoCommand, NoStatus};
use crate::config::NoConfig;

#[tokio::test]
async fn a_plugin_describes_its_types() {
    let lamp = Running::start(settings()).await;
    let answer = lamp.get("/describe").await;
    let describe: Describe = serde_json::from_str(&answer.text).unwrap();
    assert_eq!(
        (describe.plugin_id.as_str(), describe.version.as_str()),
        ("lamp", "1.2.3")
    );
    assert_eq!(describe.protocol, [1]);
    assert_eq!(describe.config["properties"]["level"]["type"], "integer");
    assert_eq!(describe.status["properties"]["level"]["type"], "integer");
    assert_eq!(describe.commands["oneOf"].as_array().unwrap().len(), 8);
}

#[tokio::test]
async fn status_has_its_shape() {
    let lamp = Running::start(settings()).await;
    let answer = lamp.get("/status").await;
    assert_eq!(
        answer.text,
        r#"{"plugin_id":"lamp","status":"running","data":{"level":0}}"#
    );
}

struct Silent;

impl Plugin for Silent {
    type Config = NoConfig;
    type Command = NoCommand;
    type Status = NoStatus;

    async fn command(&self, _: &Context, command: NoCommand) -> Result<Reply> {
        match command {}
    }
}

#[tokio::test]
async fn a_plugin_without_anything_says_so() {
    let router = crate::server::serve::into_router(Silent, settings())
        .await
        .unwrap();
    let ask = async |request: Request<Body>| {
        let response = router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, serde_json::from_slice::<Value>(&body).unwrap())
    };
    let get = |path: &str| Request::get(path).body(Body::empty()).unwrap();
    assert_eq!(ask(get("/status")).await.1["data"], serde_json::json!({}));
    let describe = ask(get("/describe")).await.1;
    assert_eq!(
        (&describe["config"], &describe["status"]),
        (&Value::Null, &Value::Null)
    );
    let (status, refusal) = ask(post("/config", r#"{"any":"thing"}"#)).await;
    assert_eq!(
        (status, &refusal["code"]),
        (404, &Value::from("config_not_supported"))
    );
    let (status, refusal) = ask(post("/command", r#"{"command":"ping"}"#)).await;
    assert_eq!(
        (status, &refusal["details"]["known"]),
        (404, &serde_json::json!([]))
    );
}
