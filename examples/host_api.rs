//! A host with the management API behind a token, on loopback.
//!
//! `cargo run -p hap-examples --example host_api` from the root of the repository. It needs a Docker engine; `HAP_TOKEN` and
//! `HAP_PORT` choose the token and the port. It packs the light, so that there is something to install, prints what to try, and keeps its state in a
//! folder of its own until Ctrl-C. Then it leaves nothing behind but the images that were built, and the data of plugins that
//! were removed without it before.
#![expect(clippy::print_stdout, reason = "it tells what to try")]

use std::{
    net::Ipv4Addr,
    path::{Path, PathBuf},
};

use axum::{
    Json, Router,
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
};
use hap_examples::{Failure, instance, light};
use hap_host::{ShutdownMode, Supervisor, engine::DockerEngine};
use hap_manifest::{
    ApiToken,
    package::{PackOptions, pack},
    wire::WireError,
};

const PORT: u16 = 8090;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let port = match std::env::var("HAP_PORT") {
        Ok(port) => port.parse()?,
        Err(_) => PORT,
    };
    let token = match std::env::var("HAP_TOKEN") {
        Ok(token) => ApiToken::parse(&token)?,
        Err(_) => random_token()?,
    };
    // First, so that a port that is taken costs nothing.
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let state = tempfile::tempdir()?;
    let engine = DockerEngine::connect().await?;
    let supervisor = Supervisor::builder(engine, state.path().join("state"))
        .instance(instance("host-api")?)
        .start()
        .await?;

    let api = supervisor
        .management_router()
        .layer(from_fn_with_state(token.clone(), only_with_token));
    let app = Router::new().nest("/api", api);
    tell(
        &listener.local_addr()?.to_string(),
        token.expose(),
        &packed_light(state.path()).await?,
    );

    let ending = supervisor.clone();
    let until_asked = async move {
        if let Err(error) = tokio::signal::ctrl_c().await {
            println!("Ctrl-C cannot be waited for, so it ends at once: {error}");
        }
        // Before the server waits for its last requests: streams end with the supervisor.
        for plugin in ending.plugins() {
            if let Err(error) = plugin.uninstall().remove_data(true).ignore_dependents(true).await {
                println!("{}", error.report());
            }
        }
        if let Err(error) = ending.shutdown(ShutdownMode::StopPlugins).await {
            println!("{}", error.report());
        }
    };
    axum::serve(listener, app)
        .with_graceful_shutdown(until_asked)
        .await?;
    Ok(())
}

/// Builds the light and packs it, as its author would.
async fn packed_light(folder: &Path) -> Result<PathBuf, Failure> {
    println!("Building the light (seconds; a minute if its dependencies are not built yet) ...");
    light::beside_dockerfile(light::build()).await?;
    let package = pack(&light::folder(), &PackOptions::new())?;
    let path = folder.join("light.zip");
    std::fs::write(&path, package.into_bytes())?;
    Ok(path)
}

fn random_token() -> Result<ApiToken, Failure> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| error.to_string())?;
    Ok(ApiToken::from_bytes(&bytes))
}

/// Stands for the application's own way to know its users.
async fn only_with_token(State(token): State<ApiToken>, request: Request, next: Next) -> Response {
    let sent = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    if sent.is_some_and(|sent| token.matches(sent)) {
        return next.run(request).await;
    }
    let refusal = WireError::new("send the token: `authorization: Bearer <token>`").with_code("unauthorized");
    let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
    (StatusCode::UNAUTHORIZED, challenge, Json(refusal)).into_response()
}

fn tell(address: &str, token: &str, package: &Path) {
    let package = package.display();
    println!(
        r#"The management API is at http://{address}/api/v1, for whoever has the token. Try:

  API=http://{address}/api/v1
  AUTH='authorization: Bearer {token}'
  JSON='content-type: application/json'

  curl -H "$AUTH" $API/health
  curl -H "$AUTH" -H 'content-type: application/zip' --data-binary @{package} $API/plugins
  curl -H "$AUTH" -H "$JSON" -X POST $API/plugins/light/start
  curl -H "$AUTH" -H "$JSON" -d '{{"command":"set_brightness","params":{{"level":40}}}}' $API/plugins/light/command
  curl -H "$AUTH" $API/plugins/light
  curl -H "$AUTH" -N $API/plugins/light/logs/stream
  curl -H "$AUTH" -N "$API/plugin-events?after=0"
  curl -H "$AUTH" -X DELETE "$API/plugins/light?remove_data=true"

docs/management-api.md has the rest. Ctrl-C removes every plugin of this host with its data, and ends."#
    );
}
