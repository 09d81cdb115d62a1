//! The configuration that the framework holds: where it comes from, and who sees what of it.

use hap_manifest::wire::CommandRequest;
use serde_json::json;

use super::*;

use crate::api::NoStatus;
use crate::decode::Secret;
use crate::error::StartError;
use crate::server::serve::into_router;

/// Acts by the configuration that the framework holds, and has no lock of its own.
#[derive(Default)]
struct Heating {
    start_saw: Mutex<Option<u8>>,
    handed_in: Mutex<Vec<u8>>,
}

#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Limits {
    low: u8,
    high: u8,
    #[serde(skip_serializing)]
    token: Option<Secret<String>>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            low: 5,
            high: 30,
            token: None,
        }
    }
}

impl Plugin for Heating {
    type Config = Limits;
    type Command = CommandRequest;
    type Status = NoStatus;

    async fn start(&self, cx: &Context) -> Result<()> {
        *self.start_saw.lock().unwrap() = Some(cx.config::<Self>()?.low);
        Ok(())
    }

    async fn command(&self, cx: &Context, _: CommandRequest) -> Result<Reply> {
        Reply::json(&*cx.config::<Self>()?)
    }

    async fn configure(&self, cx: &Context, limits: Limits) -> Result<()> {
        // Still the old one.
        assert!(cx.config::<Self>().is_ok_and(|old| old.low < 100));
        if limits.low > limits.high {
            return Err(Fault::rejected("wrong_order", "low is above high"));
        }
        self.handed_in.lock().unwrap().push(limits.low);
        Ok(())
    }
}

struct Heated {
    heating: Arc<Heating>,
    router: Router,
}

impl Heated {
    async fn try_start(settings: Settings) -> Result<Self, StartError> {
        let heating = Arc::new(Heating::default());
        let router = into_router(Arc::clone(&heating), settings).await?;
        Ok(Self { heating, router })
    }

    async fn start(settings: Settings) -> Self {
        Self::try_start(settings).await.unwrap()
    }

    async fn send(&self, path: &str, body: &Value) -> (u16, Value) {
        ask(&self.router, post(path, &body.to_string())).await
    }

    async fn in_force(&self) -> Value {
        self.send("/command", &json!({"command": "tell"})).await.1["result"].clone()
    }

    fn handed_in(&self) -> Vec<u8> {
        self.heating.handed_in.lock().unwrap().clone()
    }
}

async fn ask(router: &Router, request: Request<Body>) -> (u16, Value) {
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

#[tokio::test]
async fn each_layer_goes_over_the_one_before() {
    let dir = tempfile::tempdir().unwrap();
    let alone = Heated::start(settings()).await;
    assert_eq!(alone.in_force().await, json!({"low": 5, "high": 30}));
    assert!(alone.handed_in().is_empty(), "defaults are not handed in");

    let environment = || {
        Settings::from_vars([
            ("HAP_CONFIG", r#"{"low": 7, "high": 20}"#),
            ("HAP_CONFIG_HIGH", "21"),
        ])
        .unwrap()
        .with_data_dir(dir.path())
    };
    let heated = Heated::start(environment()).await;
    assert_eq!(heated.in_force().await, json!({"low": 7, "high": 21}));
    assert_eq!(heated.handed_in(), [7]);
    assert_eq!(*heated.heating.start_saw.lock().unwrap(), Some(7));
    // A key that the request leaves out keeps what the environment says.
    assert_eq!(heated.send("/config", &json!({"low": 9})).await.0, 200);
    assert_eq!(heated.in_force().await, json!({"low": 9, "high": 21}));
    drop(heated);

    let heated = Heated::start(environment()).await;
    assert_eq!(heated.in_force().await, json!({"low": 9, "high": 21}));
    assert_eq!(*heated.heating.start_saw.lock().unwrap(), Some(9));
    assert_eq!(heated.handed_in(), [9]);
    assert_eq!(
        std::fs::read_to_string(dir.path().join("config.json")).unwrap(),
        r#"{"low":9}"#
    );
}

#[tokio::test]
async fn a_refused_change_leaves_the_old_one_in_force() {
    let heated = Heated::start(settings().with_config(&json!({"low": 7}))).await;
    for (refused, code) in [
        (json!({"low": 40}), "wrong_order"),
        (json!({"low": "x"}), "invalid_config"),
        (json!({"lo": 1}), "invalid_config"),
        (json!([]), "invalid_config"),
    ] {
        let (status, refusal) = heated.send("/config", &refused).await;
        assert_eq!((status, &refusal["code"]), (422, &Value::from(code)), "{refusal}");
    }
    assert_eq!(heated.in_force().await, json!({"low": 7, "high": 30}));
}

#[tokio::test]
async fn wrong_settings_of_the_environment_are_told_together_by_their_variables() {
    let vars = [
        ("HAP_CONFIG", r#"{"low": 700}"#),
        ("HAP_CONFIG_HIGH", "warm"),
        ("HAP_CONFIG_HIHG", "1"),
        ("HAP_DATA_DIR", "/proc/none"),
    ];
    let error = Heated::try_start(Settings::from_vars(vars).unwrap())
        .await
        .err()
        .unwrap();
    let problems = error.problems();
    assert_eq!(problems.len(), 4, "{error}");
    assert!(
        problems[0].starts_with("HAP_CONFIG_HIGH: it is not a whole number"),
        "{error}"
    );
    assert!(
        problems[1].starts_with("HAP_CONFIG_HIHG: there is no such setting"),
        "{error}"
    );
    assert!(problems[2].starts_with("HAP_CONFIG: at `low`"), "{error}");
    assert!(problems[3].starts_with("HAP_DATA_DIR"), "{error}");
    assert_eq!(error.exit_code(), 78);
}

#[tokio::test]
async fn what_the_environment_says_has_to_please_the_plugin() {
    let vars = [("HAP_CONFIG_LOW", "40")];
    let error = Heated::try_start(Settings::from_vars(vars).unwrap())
        .await
        .err()
        .unwrap();
    assert_eq!(
        error.problems(),
        ["HAP_CONFIG_LOW: the plugin refuses this configuration: low is above high"]
    );
    assert_eq!(error.exit_code(), 78);
}

#[tokio::test]
async fn a_saved_configuration_that_the_plugin_no_longer_takes_gives_way_to_the_environment() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("config.json"), r#"{"low": 40}"#).unwrap();
    let settings = settings()
        .with_data_dir(dir.path())
        .with_config(&json!({"high": 25}));
    let heated = Heated::start(settings).await;
    assert_eq!(heated.in_force().await, json!({"low": 5, "high": 25}));
    let (_, health) = ask(
        &heated.router,
        Request::get("/health").body(Body::empty()).unwrap(),
    )
    .await;
    assert_eq!(health["status"], "degraded");
    assert!(
        health["message"].as_str().unwrap().contains("low is above high"),
        "{health}"
    );
}

/// Needs a configuration, and takes a break in the middle of each command.
struct Needy;

#[derive(Deserialize, JsonSchema)]
struct Pair {
    left: u32,
    right: u32,
}

impl Plugin for Needy {
    type Config = Pair;
    type Command = CommandRequest;
    type Status = NoStatus;

    async fn command(&self, cx: &Context, _: CommandRequest) -> Result<Reply> {
        let left = cx.config::<Self>()?.left;
        tokio::time::sleep(Duration::from_millis(u64::from(left % 7))).await;
        let right = cx.config::<Self>()?.right;
        Reply::json(json!([left, right]))
    }
}

#[tokio::test]
async fn a_command_that_needs_a_configuration_asks_for_it() {
    let router = into_router(Needy, settings()).await.unwrap();
    let (status, refusal) = ask(&router, post("/command", r#"{"command":"x"}"#)).await;
    assert_eq!(
        (status, &refusal["code"]),
        (409, &Value::from("not_configured")),
        "{refusal}"
    );
    assert_eq!(
        ask(&router, post("/config", r#"{"left":1,"right":1}"#)).await.0,
        200
    );
    assert_eq!(ask(&router, post("/command", r#"{"command":"x"}"#)).await.0, 200);
}

/// A plugin whose settings are not known in advance.
struct Anything;

impl Plugin for Anything {
    type Config = Value;
    type Command = CommandRequest;
    type Status = NoStatus;

    async fn command(&self, cx: &Context, command: CommandRequest) -> Result<Reply> {
        let config = cx.config::<Self>()?;
        Ok(config.get(&command.command).cloned().unwrap_or_default().into())
    }
}

#[tokio::test]
async fn a_plugin_may_take_any_configuration() {
    let vars = [("HAP_CONFIG_ROOMS", r#"["hall"]"#), ("HAP_CONFIG_NAME", "lamp")];
    let router = into_router(Anything, Settings::from_vars(vars).unwrap())
        .await
        .unwrap();
    let config = json!({"level": {"hall": 40}, "name": "light"});
    assert_eq!(ask(&router, post("/config", &config.to_string())).await.0, 200);
    for (key, value) in [
        ("rooms", json!(["hall"])),
        ("name", json!("light")),
        ("level", json!({"hall": 40})),
    ] {
        let (_, answer) = ask(&router, post("/command", &json!({"command": key}).to_string())).await;
        assert_eq!(answer["result"], value, "{answer}");
    }
}
