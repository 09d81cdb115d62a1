//! A secret is in no output, whoever would put it there.

use hap_manifest::ApiToken;
use serde_json::json;
use tracing::Instrument as _;

use super::*;

use crate::decode::Secret;
use crate::server::serve::into_router;
use crate::telemetry::Capture;

const PASSWORD: &str = "hunter2-\"the\"-password";
const PIN: u32 = 27_182_818;

/// Tells its secrets wherever it can, by mistake.
struct Talkative;

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Config {
    host: String,
    login: Login,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
struct Login {
    password: Secret<String>,
    #[serde(default)]
    #[expect(dead_code, reason = "only shown, by Debug")]
    pin: Option<Secret<u32>>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(tag = "command", content = "params", rename_all = "snake_case")]
enum Talk {
    Fail,
    Refuse,
    Log,
    Unlock {
        #[expect(dead_code, reason = "only read")]
        pin: Secret<u32>,
    },
}

#[derive(Serialize, JsonSchema)]
struct Shown {
    host: String,
}

impl Plugin for Talkative {
    type Config = Config;
    type Command = Talk;
    type Status = Shown;

    fn health(&self) -> Health {
        Health::degraded(format!("cannot log in as {PASSWORD}"))
    }

    async fn command(&self, cx: &Context, command: Talk) -> Result<Reply> {
        let config = cx.config::<Self>()?;
        match command {
            Talk::Fail => Err(Fault::internal(format!("cannot log in with {PASSWORD}"))),
            Talk::Refuse => {
                let refused = Fault::rejected("login", format!("{PASSWORD} was refused"));
                Err(refused.with_details(json!({"tried": [PASSWORD]})))
            }
            Talk::Log => {
                tracing::info!(
                    ?config,
                    password = PASSWORD,
                    "logged in with {PASSWORD} and {PIN}"
                );
                tracing::info!(settings = ?cx.settings(), "and so on");
                async { tracing::info!("within a span") }
                    .instrument(tracing::info_span!("login", with = PASSWORD))
                    .await;
                Ok(Reply::text("logged"))
            }
            Talk::Unlock { .. } => Ok(Reply::text("open")),
        }
    }

    async fn status(&self, cx: &Context) -> Result<Shown> {
        let host = cx.config::<Self>()?.host.clone();
        Ok(Shown { host })
    }

    async fn configure(&self, _: &Context, config: Config) -> Result<()> {
        tracing::info!("trying {:?}: {}", config, config.login.password.expose());
        match config.host.as_str() {
            "nowhere" => {
                let password = config.login.password.expose();
                Err(Fault::rejected("login", format!("{password} was refused")).with_cause(password.clone()))
            }
            _ => Ok(()),
        }
    }
}

#[tokio::test]
async fn a_secret_is_in_no_answer_and_in_no_line_of_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let token = ApiToken::from_bytes(&[9; 32]);
    let settings = settings()
        .with_data_dir(dir.path())
        .with_api_token(token.clone())
        .with_config(&json!({"login": {"password": "from-the-environment"}}));
    let capture = Capture::default();
    let subscriber = capture.subscriber(&settings.redactor);
    let mut outputs = Vec::new();
    // Tasks of the plugin run on this thread too.
    let _log = tracing::subscriber::set_default(subscriber);
    let statuses = {
        let router = into_router(Talkative, settings).await.unwrap();
        let mut statuses = Vec::new();
        let config = |config: Value| post("/config", &config.to_string());
        let good = json!({"host": "here", "login": {"password": PASSWORD, "pin": PIN}});
        for request in [
            config(json!({"host": "nowhere", "login": {"password": PASSWORD}})),
            config(json!({"host": 5, "login": {"password": PASSWORD}})),
            config(json!({"login": {"password": [PASSWORD]}})),
            config(json!({"login": {"password": PIN}})),
            config(json!({"login": {"pin": PASSWORD, "password": ""}})),
            config(json!({"login": PASSWORD})),
            config(json!({"login": PIN})),
            config(json!({"other": 1, "login": {"password": PASSWORD}})),
            config(good),
            post("/command", r#"{"command":"fail"}"#),
            post("/command", r#"{"command":"refuse"}"#),
            post("/command", r#"{"command":"log"}"#),
            post(
                "/command",
                &json!({"command": "unlock", "params": {"pin": PASSWORD}}).to_string(),
            ),
            post(
                "/command",
                &json!({"command": "unlock", "params": {"pin": [PIN]}}).to_string(),
            ),
            post(
                "/command",
                &json!({"command": "unlock", "params": PIN}).to_string(),
            ),
            Request::get("/status").body(Body::empty()).unwrap(),
            Request::get("/health").body(Body::empty()).unwrap(),
            Request::get("/describe").body(Body::empty()).unwrap(),
            Request::get("/openapi.json").body(Body::empty()).unwrap(),
            Request::get("/metrics").body(Body::empty()).unwrap(),
        ] {
            let mut request = request;
            let bearer = format!("Bearer {}", token.expose());
            request
                .headers_mut()
                .insert("authorization", bearer.parse().unwrap());
            let answer = Answer::of(router.clone().oneshot(request).await.unwrap()).await;
            statuses.push(answer.status.as_u16());
            outputs.push(answer.text);
        }
        statuses
    };
    assert_eq!(
        statuses,
        [
            422, 422, 422, 422, 422, 422, 422, 422, 200, 500, 422, 200, 422, 422, 422, 200, 200, 200, 200,
            200
        ]
    );
    let log = capture.text();
    assert!(log.contains("logged in with *** and ***"), "{log}");
    assert!(
        log.contains("Secret(***)") && log.contains("within a span"),
        "{log}"
    );
    outputs.push(log);
    for output in outputs {
        for secret in ["hunter2", "27182818", "from-the-environment", token.expose()] {
            assert!(!output.contains(secret), "{secret} in {output}");
        }
    }
    // It is where it has to be, for its owner only.
    let saved = std::fs::read_to_string(dir.path().join("config.json")).unwrap();
    assert!(saved.contains("hunter2"));
}
