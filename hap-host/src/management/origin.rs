//! Who may ask: no page of another site, and no name that an attacker made lead here.

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::Response,
};
use serde_json::json;

use super::error::{Refusal, quoted};

/// What a browser says of the page that a request is from. Pages cannot set it.
const FETCH_SITE: &str = "sec-fetch-site";

/// Options of the management API's router: under which names it is served, and to which pages.
///
/// By default it answers to `localhost`, names below it and IP addresses, and to pages that it has
/// in common with the embedder's server only. Names are checked because an attacker's name may be
/// made to lead to any address: the browser then takes the attacker's page for one of this server.
#[derive(Debug, Clone, Default)]
pub struct ManagementOptions {
    hosts: Vec<String>,
    any_host: bool,
    origins: Vec<String>,
}

impl ManagementOptions {
    /// Answers to this name too, such as `home.example.com`: the one that the server, or a proxy
    /// before it, is reached by. Without a port; case does not matter.
    #[must_use]
    pub fn allow_host(mut self, name: impl Into<String>) -> Self {
        self.hosts.push(name_of(&name.into()).to_ascii_lowercase());
        self
    }

    /// Answers to every name: for a server whose names are checked by what is before it, or that
    /// asks each caller for a secret which no browser sends by itself.
    #[must_use]
    pub const fn allow_any_host(mut self) -> Self {
        self.any_host = true;
        self
    }

    /// Lets pages of this origin change things, such as `https://ui.example.com`: a user interface
    /// on another host or port. It needs a CORS layer as well.
    #[must_use]
    pub fn allow_origin(mut self, origin: impl Into<String>) -> Self {
        let origin = origin.into();
        self.origins
            .push(origin.trim_end_matches('/').to_ascii_lowercase());
        self
    }

    /// Checks a request. `guarded`: it changes something or takes up room, so no page elsewhere may
    /// send it.
    pub(super) fn check(&self, request: &Request, guarded: bool) -> Result<(), Refusal> {
        let headers = request.headers();
        let named = named(request.uri(), headers);
        if let Some(host) = named.iter().find(|host| !self.answers_to(host)) {
            return Err(unknown_host(host));
        }
        if !guarded {
            return Ok(());
        }
        let origin = text(headers, header::ORIGIN.as_str());
        if origin.is_some_and(|origin| self.origins.contains(&origin.to_ascii_lowercase())) {
            return Ok(());
        }
        // A browser that sends this knows better than anything that can be compared here: a proxy
        // may have replaced the name.
        let is_own = match (text(headers, FETCH_SITE), origin) {
            (Some(site), _) => matches!(site, "same-origin" | "none"),
            (None, Some(origin)) => named.first().is_some_and(|host| is_same(origin, host)),
            // No browser.
            (None, None) => true,
        };
        if is_own { Ok(()) } else { Err(cross_site(origin)) }
    }

    fn answers_to(&self, host: &str) -> bool {
        let name = name_of(host);
        if self.any_host || is_address(name) {
            return true;
        }
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        name == "localhost" || name.ends_with(".localhost") || self.hosts.contains(&name)
    }
}

/// The names that a request says it is for. A program that says none is no browser.
fn named<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Vec<&'a str> {
    let uri = uri.authority().map(|authority| authority.as_str());
    let hosts = headers.get_all(header::HOST).iter();
    // What is no text is no name that is answered to.
    let hosts = hosts.map(|host| host.to_str().unwrap_or("?"));
    uri.into_iter().chain(hosts).collect()
}

/// A header's text: empty where it is there and none, which fits nothing.
fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    let is_one = values.next().is_none();
    Some(first.to_str().ok().filter(|_| is_one).unwrap_or_default())
}

/// A host without its port.
fn name_of(host: &str) -> &str {
    match host.rsplit_once(':') {
        // An IPv6 address is in brackets.
        Some((name, port)) if !port.contains(']') => name,
        _ => host,
    }
}

/// Whether a name is an IP address, which nobody can make lead elsewhere.
fn is_address(name: &str) -> bool {
    match name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
        Some(name) => name.parse::<std::net::Ipv6Addr>().is_ok(),
        None => name.parse::<std::net::Ipv4Addr>().is_ok(),
    }
}

/// Whether an origin is that of the host that it asks.
fn is_same(origin: &str, host: &str) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else {
        return false;
    };
    let usual = if scheme == "https" { ":443" } else { ":80" };
    let without = |authority: &str| {
        authority
            .strip_suffix(usual)
            .unwrap_or(authority)
            .to_ascii_lowercase()
    };
    !authority.is_empty() && without(authority) == without(host)
}

fn unknown_host(host: &str) -> Refusal {
    let message = format!(
        "this API does not answer to the name {}: use an IP address or localhost, or let the application that serves it allow the name (`allow_host`)",
        quoted(host)
    );
    Refusal::new(StatusCode::MISDIRECTED_REQUEST, "unknown_host", message).closing()
}

fn cross_site(origin: Option<&str>) -> Refusal {
    let origin = origin.unwrap_or("of another site");
    let message = format!(
        "a page {} may not ask for this: let the application that serves this API allow its origin (`allow_origin`)",
        quoted(origin)
    );
    Refusal::new(StatusCode::FORBIDDEN, "cross_site", message)
        .with_details(json!({ "origin": quoted(origin) }))
        .closing()
}

/// Adds to an answer what keeps a browser from guessing its type, keeping it, or showing it in a
/// frame.
pub(super) async fn protect(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ),
        (header::X_FRAME_OPTIONS, "DENY"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
