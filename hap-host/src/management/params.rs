//! What a request says in its query and its headers.

use std::time::SystemTime;
use std::{fmt::Display, ops::RangeInclusive, str::FromStr};

use axum::{
    extract::{FromRequestParts, Query},
    http::{HeaderMap, Uri, request::Parts},
};
use serde_json::json;

use hap_manifest::rfc3339;

use super::{
    error::{Refusal, quoted},
    state::Api,
};
use crate::error::Result;

/// The parameters of a query, in their order. Whether they are known was checked
/// before, by the route.
#[derive(Debug)]
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    pub(super) fn of(uri: &Uri) -> Result<Self, Refusal> {
        Query::try_from_uri(uri)
            .map(|Query(pairs)| Self(pairs))
            .map_err(|_| Refusal::bad("invalid_parameter", "the query is not well formed"))
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// Every value of a parameter that may be given more than once.
    pub(super) fn all<T: FromStr<Err: Display>>(&self, name: &str) -> Result<Vec<T>, Refusal> {
        let values = self.0.iter().filter(|(found, _)| found == name);
        values
            .map(|(_, value)| {
                value
                    .parse()
                    .map_err(|error: T::Err| invalid(name, &error.to_string()))
            })
            .collect()
    }

    pub(super) fn one<T: FromStr<Err: Display>>(&self, name: &str) -> Result<Option<T>, Refusal> {
        let mut all = self.all(name)?;
        let last = all.pop();
        if all.is_empty() {
            Ok(last)
        } else {
            Err(invalid(name, "it is given more than once"))
        }
    }

    /// `true` or `false`; absent is false.
    pub(super) fn flag(&self, name: &str) -> Result<bool, Refusal> {
        match self.one::<String>(name)?.as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => Err(invalid(
                name,
                &format!("it is true or false, and this is not: {}", quoted(other)),
            )),
        }
    }

    pub(super) fn number(&self, name: &str, range: RangeInclusive<u32>) -> Result<Option<u32>, Refusal> {
        let Some(text) = self.one::<String>(name)? else {
            return Ok(None);
        };
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.map(Some).ok_or_else(|| {
            let (least, most) = range.into_inner();
            let rule = format!(
                "it is a whole number from {least} to {most}, and this is not: {}",
                quoted(&text)
            );
            invalid(name, &rule)
        })
    }
}

impl FromRequestParts<Api> for Params {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Refusal> {
        Self::of(&parts.uri)
    }
}

/// A parameter that breaks its rule.
pub(super) fn invalid(name: &str, rule: &str) -> Refusal {
    Refusal::bad("invalid_parameter", format!("the parameter `{name}`: {rule}"))
        .with_details(json!({ "parameter": name }))
}

/// A parameter without which nothing is done.
pub(super) fn missing(name: &str) -> Refusal {
    invalid(name, "it has to be given here")
}

/// A header as text; what is no text is refused.
pub(super) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Refusal> {
    let Some(value) = headers.get(name) else {
        return Ok(None);
    };
    value
        .to_str()
        .map(Some)
        .map_err(|_| invalid(name, "the header is not plain ASCII"))
}

/// Lines of output that are answered at once, and how many unless the caller says otherwise.
pub(super) const TAIL: (u32, u32) = (1, 5_000);

/// The parameter `since`.
pub(super) fn since(params: &Params) -> Result<Option<SystemTime>, Refusal> {
    let Some(text) = params.one::<String>("since")? else {
        return Ok(None);
    };
    time_of(&text).map(Some).ok_or_else(|| {
        let rule = format!(
            "it is a time by RFC 3339 such as 2026-01-31T08:00:00Z (a + in it is written %2B), and this is not: {}",
            quoted(&text)
        );
        invalid("since", &rule)
    })
}

pub(super) fn time_of(text: &str) -> Option<SystemTime> {
    let time = rfc3339::parse(text).ok()?;
    // Before 1970 no container printed anything, and engines count from there.
    Some(time.max(SystemTime::UNIX_EPOCH))
}
