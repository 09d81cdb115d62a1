//! [`Listing`] and [`Price`]: what a marketplace shows of a plugin.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Number;

use super::fields::{Entry, Fields};
use super::schema;
use crate::diagnostics::collector::Collector;
use crate::diagnostics::issue_code::IssueCode;
use crate::diagnostics::report::Issue;
use crate::diagnostics::text::mismatch;
use crate::json::node::Node;
use crate::value::error::{ParseError, quoted};
use crate::value::schema::{Homepage, Line, MAX_LINE, in_line as schema_in_line};
use crate::value::text::{in_line, line, one_line};

/// The marketplace part of a manifest: `price`, `category`, `tags`, `homepage`, `license` and
/// `icon`.
///
/// All of it is text for people; nothing here changes how the plugin runs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Listing {
    /// What the plugin costs: a number in the marketplace's currency, or words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = 9.99, example = &"free")]
    price: Option<Price>,
    /// The shelf of the marketplace it belongs on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Line>", example = &"lighting")]
    category: Option<String>,
    /// Words to find it by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<Line>", transform = schema::bounded, example = schema::words("light garden"))]
    tags: Vec<String>,
    /// Address of its page, by http or https.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Homepage>", example = &"https://light.example.com")]
    homepage: Option<String>,
    /// Its license, best as an SPDX expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Line>", example = &"MIT OR Apache-2.0")]
    license: Option<String>,
    /// Name, path or address of its icon.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(transform = schema_in_line, example = &"icon.svg")]
    icon: Option<String>,
}

/// What a plugin costs: a number that is not negative, or words such as `free`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(example = 9.99, example = &"free")]
#[non_exhaustive]
pub enum Price {
    /// A number, in the marketplace's currency.
    Amount(#[schemars(range(min = 0))] Number),
    /// Words.
    Text(#[schemars(length(max = MAX_LINE), transform = schema_in_line)] String),
}

impl Listing {
    /// Returns what the plugin costs.
    #[must_use]
    pub const fn price(&self) -> Option<&Price> {
        self.price.as_ref()
    }

    /// Returns the shelf it belongs on.
    #[must_use]
    pub fn category(&self) -> Option<&str> {
        self.category.as_deref()
    }

    /// Returns words to find it by.
    #[must_use]
    pub fn tags(&self) -> &[String] {
        &self.tags
    }

    /// Returns the address of its page. Where it has a scheme, that is http or https.
    #[must_use]
    pub fn homepage(&self) -> Option<&str> {
        self.homepage.as_deref()
    }

    /// Returns its license, best as an SPDX expression.
    #[must_use]
    pub fn license(&self) -> Option<&str> {
        self.license.as_deref()
    }

    /// Returns the name, path or address of its icon.
    #[must_use]
    pub fn icon(&self) -> Option<&str> {
        self.icon.as_deref()
    }

    pub(crate) fn read(fields: &mut Fields<'_, '_>) -> Self {
        Self {
            price: fields
                .take("price")
                .and_then(|value| price(value, fields.collector())),
            category: fields.text("category", |text| line("category", text)),
            tags: Entry::values(fields.texts("tags", |text| line("tag", text))),
            homepage: fields.text("homepage", homepage),
            license: fields.text("license", |text| line("license", text)),
            icon: fields.text("icon", icon),
        }
    }
}

fn price(value: Node<'_>, collector: &mut Collector) -> Option<Price> {
    if let Some(text) = value.text() {
        return match one_line("price", &text) {
            Ok(text) => Some(Price::Text(text)),
            Err(error) => {
                collector.push(Issue::refused(value, &error));
                None
            }
        };
    }
    let issue = match value.number() {
        Some(number) if number.as_f64().is_some_and(|amount| amount >= 0.0) => {
            return Some(Price::Amount(number));
        }
        Some(number) => {
            let error = ParseError::new("price", number, "it is negative");
            Issue::refused(value, &error.with_help("write 0 for a plugin that costs nothing"))
        }
        None => Issue::new(
            value,
            IssueCode::WrongType,
            mismatch("a number or a string", value),
        )
        .with_help("write for example 9.99 or \"free\""),
    };
    collector.push(issue);
    None
}

/// A name, path or address, or the picture itself as a `data:` address, which may be long.
fn icon(text: &str) -> Result<String, ParseError> {
    in_line("icon", text)?;
    Ok(text.to_owned())
}

/// Accepts only an address that leads to a page: a listing shows it as a link, and `javascript:` is
/// an address too.
fn homepage(text: &str) -> Result<String, ParseError> {
    let text = line("homepage", text)?;
    let scheme = text.split(['/', '?', '#']).next().unwrap_or_default();
    let web = ["http:", "https:"].into_iter().any(|web| {
        scheme.eq_ignore_ascii_case(web) && text.get(web.len()..).is_some_and(|rest| rest.starts_with("//"))
    });
    if scheme.contains(':') && !web {
        let rule = "it is no address of a page: it begins with something else than http:// or https://";
        return Err(ParseError::new("homepage", quoted(&text), rule)
            .with_help("write for example \"https://light.example.com\""));
    }
    Ok(text)
}
