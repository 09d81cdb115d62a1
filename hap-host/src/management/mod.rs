//! The management API: what a [`Supervisor`] and its [`PluginHandle`](crate::PluginHandle)s
//! offer, over HTTP.
//!
//! `table.rs` lists every route once. The router, the OpenAPI document and the checks of each
//! request are made of it. `error.rs` is the one place where a failure gets its HTTP status. What
//! goes over the wire are the types in `view/` and those of [`hap_manifest::wire`], so that a
//! change within the supervisor changes no byte of it.

mod body;
mod calls;
mod error;
mod lifecycle;
mod observe;
mod openapi;
pub(crate) mod origin;
mod orphans;
mod overrides;
mod params;
mod permissions;
mod plugins;
pub(crate) mod role;
mod route;
mod router;
mod schemas;
mod sse;
mod state;
mod streams;
mod table;
#[cfg(test)]
mod tests;
mod upload;
mod versions;
pub(crate) mod view;

use std::sync::Arc;

use tokio::sync::Semaphore;

use self::{
    origin::ManagementOptions,
    sse::Streams,
    state::{Api, UPLOADS},
};
use crate::supervisor::Supervisor;

#[cfg_attr(docsrs, doc(cfg(feature = "management")))]
impl Supervisor {
    /// The management API's routes: list, install, start, stop, command, configure and watch
    /// plugins over HTTP. To be mounted in a server of the embedder's, behind the embedder's own
    /// authentication.
    ///
    /// **It authenticates nobody.** Whoever reaches these routes installs programs on this machine,
    /// reads what plugins print and removes their data. So put a check around them, and never serve
    /// them where plugins reach them: not beside [`events_router`](Self::events_router), not on the
    /// gateways of the plugins' networks, not on all interfaces.
    ///
    /// A check that knows what its users may do puts the [`Role`](crate::Role) of each into the extensions of the
    /// request; what that role may not do is then refused with 403 `forbidden_role`. A request without
    /// one may do everything.
    ///
    /// A web page elsewhere cannot use a signed-in user's browser against them: whatever changes
    /// something takes only the content types `application/json` and `application/zip`, or the
    /// methods `PUT` and `DELETE`, none of which a browser sends to another site without asking it
    /// first, and nothing that says it is from such a page. They answer to `localhost` and IP
    /// addresses only: a server with a name uses
    /// [`management_router_with`](Self::management_router_with).
    ///
    /// All paths begin with `/v1`, but that of the OpenAPI document, which is `/openapi.json`.
    /// Every refusal has the shape of [`WireError`](hap_manifest::wire::WireError), with a field
    /// `refused_by` that tells the `host`'s from a `plugin`'s. `docs/management-api.md` has the
    /// routes, the codes and examples.
    ///
    /// The router is one more clone of the supervisor. Streams end, and all other calls are
    /// refused, once the supervisor [shuts down](Self::shutdown): do that before you wait for the
    /// server to finish its last requests.
    ///
    /// ```
    /// use axum::{
    ///     Router,
    ///     extract::Request,
    ///     http::{StatusCode, header},
    ///     middleware::{Next, from_fn},
    ///     response::{IntoResponse, Response},
    /// };
    ///
    /// /// Stands for the embedder's own way to know its users.
    /// async fn only_the_operator(request: Request, next: Next) -> Response {
    ///     let token = request.headers().get(header::AUTHORIZATION);
    ///     if token.is_some_and(|token| token == "Bearer of-the-operator") {
    ///         next.run(request).await
    ///     } else {
    ///         StatusCode::UNAUTHORIZED.into_response()
    ///     }
    /// }
    ///
    /// fn app(supervisor: &hap_host::Supervisor) -> Router {
    ///     let api = supervisor.management_router().layer(from_fn(only_the_operator));
    ///     Router::new().nest("/api", api)
    /// }
    /// ```
    pub fn management_router(&self) -> axum::Router {
        self.management_router_with(ManagementOptions::default())
    }

    /// The routes of [`management_router`](Self::management_router), for a server that is reached
    /// by names, or that has its user interface elsewhere.
    ///
    /// ```
    /// use hap_host::ManagementOptions;
    ///
    /// fn api(supervisor: &hap_host::Supervisor) -> axum::Router {
    ///     let options = ManagementOptions::default().allow_host("home.example.com");
    ///     supervisor.management_router_with(options)
    /// }
    /// ```
    pub fn management_router_with(&self, options: ManagementOptions) -> axum::Router {
        router::build(Api {
            options: Arc::new(options),
            supervisor: self.clone(),
            streams: Streams::new(self),
            uploads: Arc::new(Semaphore::new(UPLOADS)),
            document: openapi::text().into(),
        })
    }
}
