//! [`Listing`] and [`Price`]: what a marketplace shows of a plugin.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Number;

use crate::IssueCode;
use crate::ParseError;
use crate::collect::Collector;
use crate::error::quoted;
use crate::fields::{Entry, Fields, mismatch};
use crate::json::Node;
use crate::report::Issue;

/// The marketplace part of a manifest: `price`, `category`, `tags`, `homepage`, `license` and `icon`.
///
/// All of it is text for people; nothing here changes how the plugin runs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Listing {
    /// What the plugin costs.
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<Price>,
    /// The shelf it belongs on.
    #[serde(skip_serializing_if = "Option::is_none")]
    category: Option<String>,
    /// Words to find it by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
    /// Address of its page.
    #[serde(skip_serializing_if = "Option::is_none")]
    homepage: Option<String>,
    /// Its license, best as an SPDX expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    license: Option<String>,
    /// Name, path or address of its icon.
    #[serde(skip_serializing_if = "Option::is_none")]
    icon: Option<String>,
}

/// What a plugin costs: a number that is not negative, or words such as `free`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Price {
    /// A number, in the marketplace's currency.
    Amount(#[schemars(range(min = 0))] Number),
    /// Words.
    Text(String),
}

impl Listing {
    /// What the plugin costs.
    #[must_use]
    pub const fn price(&self) -> Option<&Price> {
        self.price.as_ref()
    }

    /// The shelf it belongs on.
    #[must_use]
    pub fn category(&self) -> Option<&str> {
        self.category.as_deref()
    }

    /// Words to find it by.
    #[must_use]
    pub fn tags(&self) -> &[String] {
        &self.tags
    }

    /// Address of its page. Show it as a link only after looking at its scheme.
    #[must_use]
    pub fn homepage(&self) -> Option<&str> {
        self.homepage.as_deref()
    }

    /// Its license, best as an SPDX expression.
    #[must_use]
    pub fn license(&self) -> Option<&str> {
        self.license.as_deref()
    }

    /// Name, path or address of its icon.
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
            homepage: fields.text("homepage", |text| line("homepage", text)),
            license: fields.text("license", |text| line("license", text)),
            icon: fields.text("icon", |text| Ok(text.to_owned())),
        }
    }
}

fn price(value: Node<'_>, collector: &mut Collector) -> Option<Price> {
    if let Some(text) = value.text() {
        return Some(Price::Text(text.into_owned()));
    }
    let issue = match value.number() {
        Some(number) if number.as_f64().is_some_and(|amount| amount >= 0.0) => {
            return Some(Price::Amount(number));
        }
        Some(number) => Issue::refused(value, &ParseError::new("price", number, "it is negative")),
        None => Issue::new(
            value,
            IssueCode::WrongType,
            mismatch("a number or a string", value),
        ),
    };
    collector.push(issue);
    None
}

/// A text that is shown in one line.
pub(crate) fn line(what: &'static str, text: &str) -> Result<String, ParseError> {
    if text.trim().is_empty() {
        return Err(ParseError::new(what, quoted(text), "it is empty"));
    }
    if text.chars().any(char::is_control) {
        return Err(ParseError::new(
            what,
            quoted(text),
            "it has a line break or another control character",
        ));
    }
    let length = text.chars().count();
    if length > 255 {
        let rule = format!("it has {length} characters, at most 255 are allowed");
        return Err(ParseError::new(what, quoted(text), rule));
    }
    Ok(text.to_owned())
}
