//! A host with the management API behind a token, on loopback.
//!
//! `cargo run -p hap-examples --example host_api` from the root of the repository. It needs a Docker engine; `HAP_TOKEN` and
//! `HAP_PORT` choose the token and the port. It answers at once and prints what to try; meanwhile it packs the light, so that there
//! is something to install. Its state is in a folder of its own until Ctrl-C. Then it leaves nothing behind but the images that
//! were built, and the data of plugins that were removed without it before.
#![expect(clippy::print_stdout, reason = "it tells what to try")]

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use axum::{
    Json,
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
};
use hap_examples::{Failure, Interrupt, host_api, instance, light, report};
use hap_host::{ShutdownMode, Supervisor, engine::DockerEngine};
use hap_manifest::{
    ApiToken,
    package::{PackOptions, pack},
    wire::WireError,
};

/// Longest wait for requests that are being answered when it ends.
const LAST_REQUESTS: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            println!("{}", report(&failure));
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Failure> {
    let port = host_api::port(std::env::var_os("HAP_PORT").as_deref())?;
    let token = host_api::token(std::env::var_os("HAP_TOKEN").as_deref())?;
    // First, so that a port that is taken costs nothing.
    let listener = host_api::listen(port).await?;
    let address = listener.local_addr()?.to_string();
    // From here on Ctrl-C is an orderly end: starting the supervisor makes networks.
    let interrupt = Interrupt::new()?;
    let state = tempfile::tempdir()?;
    let engine = DockerEngine::connect().await?;
    let supervisor = Supervisor::builder(engine, state.path().join("state"))
        .instance(instance("host-api")?)
        .start()
        .await?;

    let api = supervisor
        .management_router()
        .layer(from_fn_with_state(token.clone(), only_with_token));
    tell(&address, token.expose());

    let until_asked = async {
        interrupt.happened().await;
        println!("Ending: plugins are removed ...");
        // Before the server waits for its last requests: streams end with the supervisor.
        remove_all(&supervisor).await;
    };
    let (stop, stopping) = tokio::sync::oneshot::channel::<()>();
    let serving = axum::serve(listener, host_api::front(api)).with_graceful_shutdown(async {
        // A sender that is gone is an end as well.
        let _ = stopping.await;
    });
    let serving = tokio::spawn(serving.into_future());
    // It answers while the light is built, which takes minutes the first time.
    tokio::select! {
        () = until_asked => {}
        never = offer_light(state.path()) => match never {},
    }
    drop(stop);
    // A client that keeps a request open does not keep the program.
    match tokio::time::timeout(LAST_REQUESTS, serving).await {
        Ok(served) => Ok(served??),
        Err(_) => Ok(()),
    }
}

async fn remove_all(supervisor: &Supervisor) {
    for plugin in supervisor.plugins() {
        if let Err(error) = plugin.uninstall().remove_data(true).ignore_dependents(true).await {
            println!("{}", error.report());
        }
    }
    if let Err(error) = supervisor.shutdown(ShutdownMode::StopPlugins).await {
        println!("{}", error.report());
    }
}

/// Packs the light and says how to install it. Without it the host does everything else.
async fn offer_light(folder: &Path) -> std::convert::Infallible {
    match packed_light(folder).await {
        Ok(package) => tell_of_light(&package),
        Err(failure) => println!("The light cannot be packed: {}", report(&failure)),
    }
    std::future::pending().await
}

/// Builds the light and packs it, as its author would.
async fn packed_light(folder: &Path) -> Result<PathBuf, Failure> {
    println!("\nBuilding the light (seconds; minutes if its dependencies are not built yet) ...");
    light::beside_dockerfile(light::build()).await?;
    let package = pack(&light::folder(), &PackOptions::new())?;
    let path = folder.join("light.zip");
    std::fs::write(&path, package.into_bytes())?;
    Ok(path)
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

fn tell(address: &str, token: &str) {
    println!(
        r#"The management API is at http://{address}/api/v1, for whoever has the token. Try:

  API=http://{address}/api/v1
  AUTH='authorization: Bearer {token}'
  JSON='content-type: application/json'

  curl -H "$AUTH" $API/health
  curl -H "$AUTH" $API/plugins
  curl -H "$AUTH" -N "$API/plugin-events?after=0"

docs/management-api.md has the rest. Ctrl-C removes every plugin of this host with its data, and ends."#
    );
}

fn tell_of_light(package: &Path) {
    let package = package.display();
    println!(
        r#"The light is packed. Try:

  curl -H "$AUTH" -H 'content-type: application/zip' --data-binary @{package} $API/plugins
  curl -H "$AUTH" -H "$JSON" -X POST $API/plugins/light/start
  curl -H "$AUTH" -H "$JSON" -d '{{"command":"set_brightness","params":{{"level":40}}}}' $API/plugins/light/command
  curl -H "$AUTH" $API/plugins/light
  curl -H "$AUTH" -N $API/plugins/light/logs/stream
  curl -H "$AUTH" -X DELETE "$API/plugins/light?remove_data=true""#
    );
}
