//! [`CustomRoutes`]: what an author adds to the plugin's server.

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use http::{Method, StatusCode, header};
use tokio::time::Instant;
use tower::ServiceExt as _;

use crate::api::Plugin;
use crate::error::{Fault, Result, StartError};
use crate::server::bounded::bounded;
use crate::server::endpoints::{ENDPOINTS, no_such_path, wrong_method};
use crate::server::service::Service;
use crate::telemetry::{RequestContext, printable};

type Layering = Box<dyn FnOnce(Router) -> Router + Send + Sync>;

/// Routes and layers beside the plugin's own.
#[derive(Default)]
pub(crate) struct CustomRoutes {
    /// Behind the token. `None` rather than an empty router, since one may consist of a fallback
    /// alone.
    pub(crate) routes: Option<Router>,
    /// Open to everybody.
    pub(crate) public_routes: Router,
    /// Around everything behind the token, the last one outermost.
    pub(crate) layers: Vec<Layering>,
}

impl CustomRoutes {
    /// Refuses routes on the paths of the plugin's API, where they would never be reached, or reach
    /// too much.
    pub(crate) async fn check(&self) -> Result<(), StartError> {
        let mut problems = Vec::new();
        for (_, path) in ENDPOINTS {
            // Behind the token the API goes first, so that a pattern may cover its paths.
            if let Some(routes) = &self.routes
                && let Some(pattern) = claimed(routes, path).await
                && !pattern.contains('{')
            {
                problems.push(clash("routes", &pattern, path));
            }
            if let Some(pattern) = claimed(&self.public_routes, path).await {
                problems.push(clash("public_routes", &pattern, path));
            }
        }
        StartError::unless_empty(problems, ())
    }
}

fn clash(call: &str, pattern: &str, path: &str) -> String {
    format!(
        "`{call}` has a route {pattern:?}, but {path} belongs to the plugin's API; give the route another path"
    )
}

/// The pattern of the route that takes requests for a path, found without running any of the
/// author's code.
async fn claimed(router: &Router, path: &str) -> Option<String> {
    #[derive(Clone)]
    struct Claim(String);

    async fn claim(matched: Option<MatchedPath>, request: Request, _: Next) -> Response {
        let pattern = matched.map_or_else(
            || request.uri().path().to_owned(),
            |matched| matched.as_str().to_owned(),
        );
        let mut response = StatusCode::NO_CONTENT.into_response();
        response.extensions_mut().insert(Claim(pattern));
        response
    }

    if !router.has_routes() {
        return None;
    }
    // Around the routes alone, so it says whether one of them fits.
    let probe = router
        .clone()
        .route_layer(from_fn(claim))
        .fallback(StatusCode::NOT_FOUND);
    let methods = [
        Method::GET,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
    ];
    for method in methods {
        let mut request = Request::<Body>::default();
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().ok()?;
        let response = probe.clone().oneshot(request).await.ok()?;
        if let Some(Claim(pattern)) = response.extensions().get() {
            return Some(pattern.clone());
        }
    }
    None
}

/// Makes an author's routes behave as the plugin's own do: not before it is ready, within the
/// deadline, refusals in one shape.
pub(super) fn adopt<P: Plugin>(service: &Arc<Service<P>>, routes: Router) -> Router {
    routes
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(Arc::clone(service), pass::<P>))
        .layer(DefaultBodyLimit::max(service.limits.body_bytes))
}

/// The same for routes that have others behind them; `None` where there are none.
pub(super) fn adopt_before<P: Plugin>(service: &Arc<Service<P>>, routes: Router) -> Option<Router> {
    routes.has_routes().then(|| {
        routes
            .method_not_allowed_fallback(wrong_method)
            .route_layer(from_fn_with_state(Arc::clone(service), pass::<P>))
            .route_layer(DefaultBodyLimit::max(service.limits.body_bytes))
    })
}

async fn pass<P: Plugin>(
    State(service): State<Arc<Service<P>>>,
    mut request: Request,
    next: Next,
) -> Result<Response> {
    // Before the check: a stop that begins now waits for this request.
    let _token = service.tasks.token();
    service.lifecycle.check_ready()?;
    let Some(request_context) = request.extensions().get::<Arc<RequestContext>>().map(Arc::clone) else {
        return Err(Fault::internal("a request has not passed the token check"));
    };
    let begun = Instant::now();
    let deadline = request_context.deadline(begun, service.limits.command_timeout);
    request
        .extensions_mut()
        .insert(service.cx.of_request(request_context, deadline));
    let uri = request.uri().clone();
    let ended = bounded(
        &|| format!("the route {}", printable(uri.path())),
        begun..deadline,
        &service.kill,
        async { Ok(next.run(request).await) },
    )
    .await;
    let response = ended.into_result()?;
    // What axum answers where nothing fits has no body.
    let empty = response.body().size_hint().exact() == Some(0);
    Ok(
        if empty
            && response.status() == StatusCode::NOT_FOUND
            && !response.headers().contains_key(header::CONTENT_TYPE)
        {
            no_such_path().await.into_response()
        } else {
            response
        },
    )
}

impl fmt::Debug for CustomRoutes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CustomRoutes")
            .field("routes", &self.routes)
            .field("public_routes", &self.public_routes)
            .field("layers", &self.layers.len())
            .finish()
    }
}
