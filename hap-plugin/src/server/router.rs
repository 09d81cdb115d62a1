//! The routes, and the refusals of what is none.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Extension, Request, State};
use axum::response::Response;
use axum::routing::{get, post};
use hap_manifest::ApiToken;

use crate::api::Plugin;
use crate::error::Result;
use crate::server::auth::Gate;
use crate::server::custom_routes::{Additions, adopt, adopt_before};
use crate::server::dispatch::Door;
use crate::server::endpoints::{COMMAND, no_such_path, wrong_method};
use crate::server::service::Service;
use crate::server::{command, config, describe, status};
use crate::telemetry::Origin;

/// From the outside in: the [`Door`], where each request shows its token; the author's layers; the plugin's API; the
/// author's other routes. Where the author has open routes, which answer everybody, the token is asked for behind them.
pub(crate) fn door<P: Plugin>(
    service: &Arc<Service<P>>,
    token: Option<ApiToken>,
    additions: Additions,
) -> Door<P> {
    let Additions {
        routes,
        open_routes,
        layers,
    } = additions;
    let api = Router::new()
        .route(COMMAND, post(answer_command::<P>))
        .route("/status", get(status::answer::<P>))
        .route("/config", post(config::answer::<P>))
        .route("/describe", get(describe::describe::<P>))
        .route("/metrics", get(describe::metrics::<P>))
        .route("/openapi.json", get(describe::openapi::<P>))
        .method_not_allowed_fallback(wrong_method)
        .with_state(Arc::clone(service));
    let api = match routes {
        Some(routes) => api.fallback_service(adopt(service, routes)),
        None => api.fallback(no_such_path),
    };
    let has_layers = !layers.is_empty();
    let api = layers.into_iter().fold(api, |api, layer| layer(api));
    let gate = Gate::new(token);
    let open_routes = adopt_before(service, open_routes);
    let is_plain = !has_layers && open_routes.is_none();
    let (gate, router) = match open_routes {
        Some(open_routes) => (Gate::OPEN, open_routes.fallback_service(api.layer(gate))),
        None => (gate, api),
    };
    Door {
        service: Arc::clone(service),
        gate,
        is_plain,
        router,
    }
}

async fn answer_command<P: Plugin>(
    State(service): State<Arc<Service<P>>>,
    Extension(origin): Extension<Arc<Origin>>,
    request: Request,
) -> Result<Response> {
    command::answer(&service, origin, request).await
}
