//! The routes, and the refusals of what is none.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Extension, Request, State};
use axum::response::Response;
use axum::routing::{get, post};

use crate::api::Plugin;
use crate::error::Result;
use crate::server::auth::TokenCheck;
use crate::server::custom_routes::{CustomRoutes, adopt, adopt_before};
use crate::server::dispatch::Dispatcher;
use crate::server::endpoints::{COMMAND, no_such_path, wrong_method};
use crate::server::service::Service;
use crate::server::{command, config, describe, status};
use crate::telemetry::RequestContext;

/// From the outside in: the [`Dispatcher`], where each request shows its token; the author's
/// layers; the plugin's API; the author's other routes. Where the author has open routes, which
/// answer everybody, the token is asked for behind them.
pub(crate) fn dispatcher<P: Plugin>(
    service: &Arc<Service<P>>,
    token_check: TokenCheck,
    custom_routes: CustomRoutes,
) -> Dispatcher<P> {
    let CustomRoutes {
        routes,
        public_routes,
        layers,
    } = custom_routes;
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
    let public_routes = adopt_before(service, public_routes);
    let is_plain = !has_layers && public_routes.is_none();
    let (token_check, router) = match public_routes {
        Some(public_routes) => (
            TokenCheck::OPEN,
            public_routes.fallback_service(api.layer(token_check)),
        ),
        None => (token_check, api),
    };
    Dispatcher {
        service: Arc::clone(service),
        token_check,
        is_plain,
        router,
    }
}

async fn answer_command<P: Plugin>(
    State(service): State<Arc<Service<P>>>,
    Extension(request_context): Extension<Arc<RequestContext>>,
    request: Request,
) -> Result<Response> {
    command::answer(&service, request_context, request).await
}
