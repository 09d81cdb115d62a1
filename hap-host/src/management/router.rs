//! The router that the table makes, and what holds for every route of it.

use axum::{
    Router,
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::{Next, from_fn, map_response},
    response::{IntoResponse as _, Response},
};
use serde_json::json;

use super::{
    body::{BYTES, JSON, ZIP, media, read_nothing},
    error::{Refusal, quoted},
    origin::protect,
    params::Params,
    role::Role,
    route::{Input, Output, Route},
    state::Api,
    table::ROUTES,
};
use crate::error::ErrorKind;

pub(super) fn build(api: Api) -> Router {
    let mut router = Router::new();
    for route in &ROUTES {
        let guarded = {
            let api = api.clone();
            from_fn(move |request: Request, next: Next| {
                let api = api.clone();
                async move { guard(route, &api, request, next).await }
            })
        };
        router = router.route(route.path, (route.serve)().route_layer(guarded));
    }
    router
        .method_not_allowed_fallback(no_such_method)
        .fallback(no_such_path)
        .layer(map_response(protect))
        .with_state(api)
}

/// Checks a request by what its route says, and puts a deadline around it.
async fn guard(route: &'static Route, api: &Api, request: Request, next: Next) -> Response {
    if api.supervisor.0.shared.cancel.is_cancelled() {
        return Refusal::shutting_down().into_response();
    }
    // A stream takes one of few places.
    let guarded = route.method != "GET" || matches!(route.output, Output::Events(_));
    if let Err(refusal) = api.options.check(&request, guarded) {
        return refusal.into_response();
    }
    if let Some(role) = request
        .extensions()
        .get::<Role>()
        .filter(|role| **role < route.role)
    {
        let (path, role) = (request.uri().path(), role.as_str());
        tracing::warn!(operation = route.operation, %path, role, "management call refused: it is not for this role");
        return forbidden_role(route, role).into_response();
    }
    let request = match check(route, request).await {
        Ok(request) => request,
        Err(refusal) => return refusal.into_response(),
    };
    let changes = route.method != "GET";
    let path = changes.then(|| request.uri().path().to_owned());
    let limit = route.limit.of(api);
    let answered = tokio::time::timeout(limit, next.run(request)).await;
    let response = answered.unwrap_or_else(|_| {
        let message = format!("no answer within {limit:?}; what was asked may still happen");
        let kind = ErrorKind::Timeout;
        Refusal::new(super::error::status(kind), kind.as_str(), message).into_response()
    });
    if let Some(path) = path {
        let status = response.status().as_u16();
        tracing::info!(operation = route.operation, %path, status, "management call");
    }
    response
}

/// Says which role a route is for; the request's body is not read.
fn forbidden_role(route: &Route, role: &str) -> Refusal {
    let needed = route.role.as_str();
    let message = format!(
        "{} {} is for the role {needed}, and this user has the role {role}: ask whoever runs this host",
        route.method, route.path
    );
    Refusal::new(StatusCode::FORBIDDEN, "forbidden_role", message)
        .with_details(json!({ "role": role, "needed": needed }))
        .closing()
}

async fn check(route: &Route, request: Request) -> Result<Request, Refusal> {
    let params = Params::of(request.uri())?;
    for name in params.names() {
        let known = || route.parameters.iter().filter(|parameter| !parameter.header);
        if !known().any(|parameter| parameter.name == name) {
            let known: Vec<_> = known().map(|parameter| parameter.name).collect();
            let takes = match known.as_slice() {
                [] => "none".to_owned(),
                names => names.join(", "),
            };
            let message = format!("there is no parameter {} here; it takes {takes}", quoted(name));
            let details = json!({ "parameter": name, "known": known });
            return Err(Refusal::bad("unknown_parameter", message).with_details(details));
        }
    }
    match route.input {
        Input::None => Ok(request),
        Input::Json(_) => check_media(request.headers(), &[JSON]).map(|()| request),
        Input::Package(_) => check_media(request.headers(), &[ZIP, BYTES, JSON]).map(|()| request),
        Input::Empty => {
            check_media(request.headers(), &[JSON])?;
            let (head, body) = request.into_parts();
            read_nothing(Request::from_parts(head.clone(), body)).await?;
            Ok(Request::from_parts(head, axum::body::Body::empty()))
        }
    }
}

/// A page of another site may send a form or plain text with its visitor's credentials, and nothing
/// else without asking.
fn check_media(headers: &HeaderMap, allowed: &[&str]) -> Result<(), Refusal> {
    let refuse = |message: String| {
        let refusal = Refusal::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            message,
        );
        refusal.with_details(json!({ "allowed": allowed })).closing()
    };
    let wanted = allowed.join(" or ");
    match media(headers).as_deref() {
        None => {
            let message = format!(
                "the header content-type is missing: it has to be {wanted}, also where the body is empty, so that no page elsewhere can send this"
            );
            return Err(refuse(message));
        }
        Some("multipart/form-data") => {
            let message =
                format!("the body is the content itself and no form: its content-type has to be {wanted}");
            return Err(refuse(message));
        }
        Some(found) if !allowed.contains(&found) => {
            return Err(refuse(format!(
                "the content-type is {} and has to be {wanted}",
                quoted(found)
            )));
        }
        Some(_) => {}
    }
    match headers.get(header::CONTENT_ENCODING) {
        Some(value) if value != "identity" => Err(refuse("the body must not be compressed".to_owned())),
        _ => Ok(()),
    }
}

async fn no_such_path(request: Request) -> Refusal {
    let message = format!(
        "there is no path {} in this API: GET /openapi.json describes those that are",
        quoted(request.uri().path())
    );
    Refusal::new(StatusCode::NOT_FOUND, "not_found", message)
}

async fn no_such_method(State(_): State<Api>, matched: Option<MatchedPath>, request: Request) -> Refusal {
    // Nested, the path that matched has the prefix before it.
    let here = |route: &&Route| {
        let matched = matched.as_ref().map(MatchedPath::as_str);
        matched.is_some_and(|path| path.ends_with(route.path))
    };
    let allowed: Vec<_> = ROUTES.iter().filter(here).map(|route| route.method).collect();
    let message = format!(
        "{} takes {}, not {}",
        quoted(request.uri().path()),
        allowed.join(", "),
        request.method()
    );
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
        .with_details(json!({ "allowed": allowed }))
}
