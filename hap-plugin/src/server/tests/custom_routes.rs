//! Routes and layers of the author's own.

use axum::extract::Path;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::{any, get, post as on_post};
use hap_manifest::ApiToken;

use super::*;

use crate::server::serve::serve;

fn routes() -> Router {
    let page = async |cx: Context, Path(name): Path<String>| -> Result<String> {
        if name == "none" {
            return Err(Fault::rejected("no_page", "there is no such page"));
        }
        Ok(format!(
            "{name} of {} {}",
            cx.plugin_id(),
            cx.deadline().is_some()
        ))
    };
    Router::new()
        .route("/pages/{name}", get(page))
        .route("/health/details", get(async || "well"))
        .route("/upload", on_post(async |body: String| body.len().to_string()))
        .route("/slow", get(async || std::future::pending::<()>().await))
        .route("/broken", get(async || -> String { panic!("the page exploded") }))
}

async fn assemble(serve: crate::server::serve::Serve<Lamp>) -> Client {
    Client(serve.into_router().await.unwrap())
}

struct Client(Router);

impl Client {
    async fn send(&self, request: Request<Body>) -> Answer {
        Answer::of(self.0.clone().oneshot(request).await.unwrap()).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }
}

#[tokio::test(start_paused = true)]
async fn routes_of_ones_own_behave_as_the_api_does() {
    let lamp = serve(Lamp::default())
        .settings(settings().with_max_body(100))
        .routes(routes());
    let lamp = assemble(lamp).await;
    assert_eq!(lamp.get("/pages/first").await.text, "first of lamp true");
    assert_eq!(lamp.get("/health/details").await.text, "well");
    assert_eq!(
        lamp.get("/health").await.json["status"],
        "healthy",
        "the API is still there"
    );
    lamp.send(post("/command", r#"{"command":"ping"}"#))
        .await
        .check_ok("pong");
    lamp.get("/pages/none").await.check_refusal(422, "no_page");
    lamp.get("/pages").await.check_refusal(404, "not_found");
    lamp.get("/upload").await.check_refusal(405, "method_not_allowed");
    lamp.get("/slow").await.check_refusal(504, "timeout");
    let broken = lamp.get("/broken").await;
    broken.check_refusal(500, "panicked");
    assert!(broken.headers.contains_key("x-request-id"));
    assert!(!broken.text.contains("exploded"));
    assert_eq!(lamp.send(post("/upload", "12345")).await.text, "5");
    assert_eq!(lamp.send(post("/upload", &"x".repeat(101))).await.status, 413);
}

#[tokio::test]
async fn routes_of_ones_own_need_the_token_unless_they_are_opened() {
    let token = ApiToken::from_bytes(&[7; 32]);
    let lamp = serve(Lamp::default())
        .settings(settings().with_api_token(token.clone()))
        .routes(routes())
        .public_routes(Router::new().route("/open/{name}", get(async |Path(name): Path<String>| name)));
    let lamp = assemble(lamp).await;
    for path in ["/pages/first", "/nothing", "/describe"] {
        lamp.get(path).await.check_refusal(401, "unauthorized");
    }
    assert_eq!(lamp.get("/open/door").await.text, "door");
    assert_eq!(lamp.get("/health").await.status, 200);
    let request = Request::get("/pages/first").header("authorization", format!("Bearer {}", token.expose()));
    let answer = lamp.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.text, "first of lamp true");
}

#[tokio::test]
async fn the_paths_of_the_api_are_refused_at_start() {
    let page = || any(async || "mine");
    let rows: [(Router, Router, &[&str]); 8] = [
        (
            Router::new().route("/command", page()),
            Router::new(),
            &["/command"],
        ),
        (
            Router::new().route("/health", get(async || "x")),
            Router::new(),
            &["/health"],
        ),
        (
            Router::new().nest("/status", Router::new().route("/", page())),
            Router::new().route("/openapi.json", on_post(async || "x")),
            &["/status", "/openapi.json"],
        ),
        (
            Router::new().nest_service("/metrics", Router::new().route("/a", page())),
            Router::new(),
            &["/metrics"],
        ),
        // A pattern behind the API does not hide it, one before it would.
        (Router::new().route("/{*all}", page()), Router::new(), &[]),
        (
            Router::new(),
            Router::new().route("/{name}", page()),
            &["/{name}"],
        ),
        (
            Router::new().route("/commands", page()),
            Router::new().route("/healthy", page()),
            &[],
        ),
        (Router::new().fallback(async || "mine"), Router::new(), &[]),
    ];
    for (routes, open, refused) in rows {
        let lamp = serve(Lamp::default())
            .settings(settings())
            .routes(routes)
            .public_routes(open);
        match lamp.into_router().await {
            Ok(_) => assert!(refused.is_empty(), "{refused:?}"),
            Err(error) => {
                assert!(!refused.is_empty(), "{error}");
                assert!(
                    refused.iter().all(|path| error.to_string().contains(path)),
                    "{error}"
                );
                assert_eq!(error.exit_code(), 78);
            }
        }
    }
}

#[tokio::test]
async fn a_pattern_or_a_fallback_serves_what_the_api_does_not() {
    for routes in [
        Router::new().route("/{*all}", any(async || "mine")),
        Router::new().fallback(async || "mine"),
        Router::new()
            .route("/x", any(async || "mine"))
            .fallback(async || "mine"),
    ] {
        let lamp = assemble(serve(Lamp::default()).settings(settings()).routes(routes)).await;
        assert_eq!(lamp.get("/anything").await.text, "mine");
        assert_eq!(lamp.get("/status").await.json["status"], "running");
    }
}

#[tokio::test]
async fn a_layer_sees_what_has_shown_the_token() {
    async fn mark(request: Request<Body>, next: Next) -> Response {
        let mut response = next.run(request).await;
        response.headers_mut().append("x-mark", "1".parse().unwrap());
        response
    }
    let token = ApiToken::from_bytes(&[7; 32]);
    let lamp = serve(Lamp::default())
        .settings(settings().with_api_token(token.clone()))
        .routes(routes())
        .layer(from_fn(mark))
        .layer(from_fn(mark));
    let lamp = assemble(lamp).await;
    let marks = |answer: &Answer| answer.headers.get_all("x-mark").iter().count();
    assert_eq!(marks(&lamp.get("/health").await), 0);
    assert_eq!(marks(&lamp.get("/status").await), 0);
    for path in ["/status", "/pages/first", "/nothing"] {
        let request = Request::get(path).header("authorization", format!("Bearer {}", token.expose()));
        let answer = lamp.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(marks(&answer), 2, "{path}");
    }
}

#[tokio::test]
async fn routes_of_ones_own_are_refused_before_and_after_the_plugin_works() {
    let lamp = Running::assemble(settings()).await;
    let custom_routes = CustomRoutes {
        routes: Some(routes()),
        ..CustomRoutes::default()
    };
    let client = Client(dispatcher(&lamp.service, TokenCheck::new(None, false), custom_routes).into_router());
    client.get("/pages/first").await.check_refusal(503, "starting");
    lamp.service.start().await.unwrap();
    assert_eq!(client.get("/pages/first").await.status, 200);
    lamp.service.begin_stop();
    client.get("/pages/first").await.check_refusal(503, "stopping");
}

#[tokio::test]
async fn the_routes_may_be_part_of_another_server() {
    let token = || ApiToken::from_bytes(&[7; 32]);
    let lamp = Running::start(settings().with_api_token(token())).await;
    let nested = Router::new()
        .route("/own", get(async || "own"))
        .nest("/lamp", lamp.router.clone());
    let below = |path: &str, body: &str| {
        let mut request = post(path, body);
        let value = format!("Bearer {}", token().expose());
        request
            .headers_mut()
            .insert("authorization", value.parse().unwrap());
        request
    };
    let send = async |request| Answer::of(nested.clone().oneshot(request).await.unwrap()).await;
    send(below("/lamp/command", r#"{"command":"ping"}"#))
        .await
        .check_ok("pong");
    send(post("/lamp/command", r#"{"command":"ping"}"#))
        .await
        .check_refusal(401, "unauthorized");
    send(below("/lamp/nothing", ""))
        .await
        .check_refusal(404, "not_found");
    let health = send(Request::get("/lamp/health").body(Body::empty()).unwrap()).await;
    assert_eq!(health.status, 200);
    assert_eq!(
        send(Request::get("/own").body(Body::empty()).unwrap()).await.text,
        "own"
    );

    let merged = Router::new()
        .route("/own", get(async || "own"))
        .merge(lamp.router.clone());
    let crowded = lamp
        .router
        .clone()
        .route("/own", get(async || "own"))
        .route("/{page}", any(async || StatusCode::IM_A_TEAPOT))
        .fallback(async || StatusCode::IM_A_TEAPOT);
    for server in [merged, crowded] {
        for path in ["/own", "/health"] {
            let request = Request::get(path).body(Body::empty()).unwrap();
            let answer = server.clone().oneshot(request).await.unwrap();
            assert_eq!(answer.status(), 200, "{path}");
        }
        let command = server.oneshot(below("/command", r#"{"command":"ping"}"#)).await;
        Answer::of(command.unwrap()).await.check_ok("pong");
    }
}
