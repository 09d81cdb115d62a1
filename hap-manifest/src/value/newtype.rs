//! What all validated texts have in common: conversions, serde and schema.

/// Implements the shared traits of a newtype over `Box<str>`, whose rule is
/// `fn parse(&str) -> Result<Self, ParseError>`.
macro_rules! text_newtype {
    (
        $name:ident, max: $max:expr, pattern: $pattern:expr, $(except: $except:expr,)?
        about: $about:expr, examples: $examples:expr $(,)?
    ) => {
        impl $name {
            /// Returns the validated text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        crate::value::newtype::text_traits!(
            $name, max: $max, pattern: $pattern, $(except: $except,)? about: $about, examples: $examples,
        );

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

/// Implements the traits of anything that is written as a text in JSON and has `parse` and
/// `Display`. The schema takes what has the pattern `pattern` and not that of `except`.
macro_rules! text_traits {
    (
        $name:ident, max: $max:expr, pattern: $pattern:expr, $(except: $except:expr,)?
        about: $about:expr, examples: $examples:expr $(,)?
    ) => {
        impl std::str::FromStr for $name {
            type Err = crate::value::error::ParseError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::parse(text)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = crate::value::error::ParseError;

            fn try_from(text: &str) -> Result<Self, Self::Error> {
                Self::parse(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = crate::value::error::ParseError;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::parse(&text)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn schema_id() -> std::borrow::Cow<'static, str> {
                concat!(module_path!(), "::", stringify!($name)).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string",
                    "minLength": 1,
                    "maxLength": $max,
                    "pattern": $pattern,
                    $("not": { "pattern": $except },)?
                    "description": $about,
                    "examples": $examples,
                })
            }
        }
    };
}

/// Drops a format such as `uint32`, which JSON Schema does not know.
pub(crate) fn without_format(schema: &mut schemars::Schema) {
    schema.remove("format");
}

pub(crate) use {text_newtype, text_traits};
