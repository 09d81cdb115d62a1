//! Who asks: the caller's name and role, from the token or from the socket.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Extension, Json, Router,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse as _, Response},
};
use hap_host::Role;
use serde_json::json;
use tracing::{Instrument as _, info_span};

use super::users::Users;

/// How long whoever sends a wrong token waits. A guess has no chance either way; this keeps guesses from taking up the host.
const PAUSE: Duration = Duration::from_millis(300);

/// The other end of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) enum Peer {
    /// A process of this user, on the Unix socket.
    User(Option<u32>),
    /// An address.
    Address(IpAddr),
}

/// Lets those in who have a token.
pub(super) fn with_token(router: Router, users: Arc<Users>) -> Router {
    let door = Arc::new(Door {
        users,
        refused: AtomicU64::new(0),
    });
    router.layer(from_fn_with_state(door, by_token))
}

/// Lets everybody in, as an administrator: the socket's permissions decide who reaches it.
pub(super) fn of_socket(router: Router) -> Router {
    router.layer(from_fn(by_socket))
}

#[derive(Debug)]
struct Door {
    users: Arc<Users>,
    /// Wrong tokens so far.
    refused: AtomicU64,
}

async fn by_token(
    State(door): State<Arc<Door>>,
    Extension(peer): Extension<Peer>,
    mut request: Request,
    next: Next,
) -> Response {
    let user = token(request.headers()).and_then(|token| door.users.find(token));
    let known = user.and_then(|user| Some((user.role()?, user.name)));
    let Some((role, name)) = known else {
        return door.refuse(peer).await;
    };
    request.headers_mut().remove(header::AUTHORIZATION);
    request.extensions_mut().insert(role);
    next.run(request)
        .instrument(info_span!("caller", user = %name))
        .await
}

async fn by_socket(Extension(peer): Extension<Peer>, mut request: Request, next: Next) -> Response {
    let user = match peer {
        Peer::User(Some(id)) => format!("uid:{id}"),
        Peer::User(None) | Peer::Address(_) => "local".to_owned(),
    };
    request.extensions_mut().insert(Role::Admin);
    next.run(request).instrument(info_span!("caller", %user)).await
}

impl Door {
    /// Always the same, so that it tells nothing.
    async fn refuse(&self, peer: Peer) -> Response {
        let count = self.refused.fetch_add(1, Ordering::Relaxed) + 1;
        // The first, and then fewer and fewer: whoever guesses does not fill the log.
        if count.is_power_of_two() {
            let address = match peer {
                Peer::Address(address) => address.to_string(),
                Peer::User(_) => "local".to_owned(),
            };
            tracing::warn!(%address, count, "a call without the token of a user was refused");
        }
        tokio::time::sleep(PAUSE).await;
        let body = json!({
            "success": false,
            "error": "send the token of a user of this host: `authorization: Bearer <token>`",
            "code": "unauthorized",
            "refused_by": "host",
        });
        let headers = [
            (header::WWW_AUTHENTICATE, "Bearer"),
            (header::CONNECTION, "close"),
        ];
        (StatusCode::UNAUTHORIZED, headers, Json(body)).into_response()
    }
}

/// The one token that a request has.
fn token(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (first, more) = (values.next()?, values.next());
    let (scheme, token) = first.to_str().ok()?.split_once(' ')?;
    (more.is_none() && scheme.eq_ignore_ascii_case("bearer")).then_some(token.trim())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_token_is_read_from_one_header_of_one_scheme() {
        let read = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::AUTHORIZATION, HeaderValue::from_static(value));
            }
            token(&headers).map(str::to_owned)
        };
        assert_eq!(read(&["Bearer hap_a"]).as_deref(), Some("hap_a"));
        assert_eq!(read(&["bearer  hap_a "]).as_deref(), Some("hap_a"));
        for wrong in [
            &[][..],
            &["hap_a"],
            &["Basic hap_a"],
            &["Bearer hap_a", "Bearer hap_b"],
        ] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
    }
}
