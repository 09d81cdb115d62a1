//! What the example host with the management API takes from a person, and what it tells one.

use std::{ffi::OsStr, io, net::Ipv4Addr};

use axum::{Router, extract::Request, http::StatusCode, routing::get};
use hap_manifest::ApiToken;
use tokio::net::TcpListener;

use crate::Failure;

const PORT: u16 = 8090;

/// A line of shell that makes a token.
const MAKE_TOKEN: &str = "HAP_TOKEN=hap_$(head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=')";

/// Reads the port that a person chose. Unset and empty mean 8090.
///
/// # Errors
/// Whatever is no port, with what one is.
pub fn port(chosen: Option<&OsStr>) -> Result<u16, Failure> {
    let Some(chosen) = chosen.filter(|chosen| !chosen.is_empty()) else {
        return Ok(PORT);
    };
    let read = chosen.to_str().and_then(|chosen| chosen.parse().ok());
    read.ok_or_else(|| {
        format!("HAP_PORT={chosen:?}: write a whole number from 1 to 65535, or 0 for any port that is free")
            .into()
    })
}

/// Reads the token that a person chose, or makes one where it is unset or empty.
///
/// # Errors
/// Whatever is no token, with what one is and how to make it. The text itself is not repeated.
pub fn token(chosen: Option<&OsStr>) -> Result<ApiToken, Failure> {
    match chosen.filter(|chosen| !chosen.is_empty()) {
        None => random_token(),
        Some(chosen) => ApiToken::parse(chosen.to_str().unwrap_or_default()).map_err(|error| {
            format!("HAP_TOKEN: {error}\nLeave it unset and one is made, or make one: {MAKE_TOKEN}").into()
        }),
    }
}

fn random_token() -> Result<ApiToken, Failure> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| format!("no random numbers for a token: {error}"))?;
    Ok(ApiToken::from_bytes(&bytes))
}

/// Listens on loopback.
///
/// # Errors
/// A port that is taken or needs other rights, with how to choose another.
pub async fn listen(port: u16) -> Result<TcpListener, Failure> {
    let refused = |error: io::Error| {
        let why = match error.kind() {
            io::ErrorKind::AddrInUse => "another program listens there".to_owned(),
            io::ErrorKind::PermissionDenied => "this user may not listen there".to_owned(),
            _ => error.to_string(),
        };
        let other = "choose another port, such as HAP_PORT=8091, or HAP_PORT=0 for any that is free";
        format!("cannot listen on {}:{port}: {why}; {other}", Ipv4Addr::LOCALHOST)
    };
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .map_err(refused)?)
}

/// Puts the management API under `/api`, and says everywhere else where it is.
pub fn front(api: Router) -> Router {
    Router::new()
        .route("/", get(async || WHERE))
        .nest("/api", api)
        .fallback(async |request: Request| {
            let path = request.uri().path().to_owned();
            (
                StatusCode::NOT_FOUND,
                format!("There is nothing at {path}. {WHERE}"),
            )
        })
}

const WHERE: &str = "This is an example host of plugins. Its management API is at /api/v1, for whoever sends \
`authorization: Bearer <token>`; the program prints the token when it starts. /api/openapi.json describes it.\n";
