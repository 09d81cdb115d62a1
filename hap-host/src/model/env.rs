use std::{collections::BTreeMap, fmt};

use hap_manifest::{EnvName, ParseError};
use serde::{Serialize, Serializer};

use super::redact::REDACTED;
use crate::engine::spec::EnvVar;

/// Most variables of one plugin.
const MOST: usize = 256;
/// Longest value in bytes: a quarter of what Linux takes for one.
const MOST_BYTES: usize = 32 << 10;

/// Environment variables that the operator sets for one plugin, over those of its manifest.
///
/// Neither a manifest nor an operator sets those that the host gives every plugin, such as `PORT`.
/// At most 256, each of at most 32 KiB. A secret one is kept apart, and never shown again: not
/// here, in no log, no `Debug`, no label. Whoever may inspect containers on the engine sees it all
/// the same, as the plugin does.
///
/// ```
/// use hap_host::EnvOverrides;
///
/// let env = EnvOverrides::new()
///     .with("TZ", "Europe/Vienna")?
///     .with_secret("MQTT_PASSWORD", "hunter2")?;
/// assert_eq!(env.get("TZ"), Some("Europe/Vienna"));
/// assert_eq!(env.get("MQTT_PASSWORD"), None);
/// assert!(!format!("{env:?}").contains("hunter2"));
/// # Ok::<(), hap_host::Error>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct EnvOverrides(BTreeMap<EnvName, Value>);

#[derive(Clone, PartialEq, Eq)]
struct Value {
    text: String,
    secret: bool,
}

impl EnvOverrides {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same and this variable, in the place of one of its name.
    ///
    /// # Errors
    /// For a name that is none or the host's own, for a value that is too long or that no
    /// environment can hold, and for one too many.
    pub fn with(self, name: &str, value: impl Into<String>) -> Result<Self, ParseError> {
        self.put(name, value.into(), false)
    }

    /// As [`with`](Self::with), for a value that nobody shall see.
    ///
    /// # Errors
    /// As [`with`](Self::with).
    pub fn with_secret(self, name: &str, value: impl Into<String>) -> Result<Self, ParseError> {
        self.put(name, value.into(), true)
    }

    /// The same without this variable: the manifest's own holds again, if it has one.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.0.retain(|known, _| known.as_str() != name);
        self
    }

    /// The value of a variable that is no secret.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(known, _)| known.as_str() == name)?;
        (!value.secret).then_some(value.text.as_str())
    }

    /// All names, in order, and whether their values are secret.
    pub fn names(&self) -> impl Iterator<Item = (&EnvName, bool)> {
        self.0.iter().map(|(name, value)| (name, value.secret))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn put(mut self, name: &str, text: String, secret: bool) -> Result<Self, ParseError> {
        let name: EnvName = name.parse()?;
        let refuse =
            |rule: String, help: &str| Err(ParseError::of("environment variable", name.as_str(), rule, help));
        if name.is_reserved() {
            return refuse("it is the host's own".to_owned(), "choose another name");
        }
        if text.len() > MOST_BYTES {
            let rule = format!(
                "its value has {} bytes, and at most {MOST_BYTES} are kept",
                text.len()
            );
            return refuse(rule, "hand it over as a file");
        }
        if text.contains('\0') {
            let rule = "its value contains a zero byte, which no environment can hold";
            return refuse(rule.to_owned(), "take that byte out");
        }
        if self.0.len() >= MOST && !self.0.contains_key(&name) {
            let rule = format!("one plugin has {MOST} of them already, and no more are kept");
            return refuse(rule, "remove one that the plugin does not need");
        }
        self.0.insert(name, Value { text, secret });
        Ok(self)
    }

    /// The same with what was stored; whatever rules hold now held then.
    pub(crate) fn restored(mut self, name: &str, text: String, secret: bool) -> Result<Self, String> {
        let name: EnvName = name
            .parse()
            .map_err(|_| "the name of one of its environment variables is none".to_owned())?;
        self.0.insert(name, Value { text, secret });
        Ok(self)
    }

    /// Puts the earlier value in the place of each secret that stands there as it is shown. The
    /// name of one that had none is the error.
    pub(crate) fn keep_earlier(&mut self, earlier: &Self) -> Result<(), EnvName> {
        for (name, value) in &mut self.0 {
            if value.secret && value.text == REDACTED {
                match earlier.0.get(name) {
                    Some(known) if known.secret => value.text.clone_from(&known.text),
                    _ => return Err(name.clone()),
                }
            }
        }
        Ok(())
    }

    /// The same without its secrets.
    pub(crate) fn shown(&self) -> Self {
        let hide = |value: &Value| Value {
            text: if value.secret {
                REDACTED.to_owned()
            } else {
                value.text.clone()
            },
            secret: value.secret,
        };
        Self(
            self.0
                .iter()
                .map(|(name, value)| (name.clone(), hide(value)))
                .collect(),
        )
    }

    /// As variables of a container.
    pub(crate) fn vars(&self) -> impl Iterator<Item = EnvVar> {
        self.0.iter().map(|(name, value)| {
            if value.secret {
                EnvVar::secret(name.as_str(), value.text.as_str())
            } else {
                EnvVar::plain(name.as_str(), value.text.as_str())
            }
        })
    }

    /// Names and values of one kind, as they are.
    pub(crate) fn exposed(&self, secret: bool) -> impl Iterator<Item = (&str, &str)> {
        let of_kind = self.0.iter().filter(move |(_, value)| value.secret == secret);
        of_kind.map(|(name, value)| (name.as_str(), value.text.as_str()))
    }
}

impl Serialize for EnvOverrides {
    /// As an object; a secret shows as `[REDACTED]`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| {
            let text = if value.secret { REDACTED } else { &value.text };
            (name.as_str(), text)
        }))
    }
}

impl fmt::Debug for EnvOverrides {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.vars()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_plugin_may_have_is_refused_with_the_rule() {
        let rows = [
            ("PORT", "1".to_owned(), "host's own"),
            ("HAP_API_TOKEN", "hunter2".to_owned(), "host's own"),
            ("2ND", "x".to_owned(), "must not begin with a digit"),
            ("A", "x".repeat(MOST_BYTES + 1), "at most 32768"),
            ("A", "a\0b".to_owned(), "zero byte"),
        ];
        for (name, value, rule) in rows {
            let error = EnvOverrides::new().with_secret(name, value).unwrap_err();
            assert!(error.to_string().contains(rule), "{error}");
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
        let full = (0..MOST).try_fold(EnvOverrides::new(), |env, n| env.with(&format!("N{n}"), ""));
        let full = full.unwrap().with("N7", "another value").unwrap();
        assert!(full.with("ONE_MORE", "").is_err());
    }

    #[test]
    fn secrets_show_nowhere_and_come_back_where_they_stood() {
        let known = EnvOverrides::new()
            .with("TZ", "UTC")
            .unwrap()
            .with_secret("KEY", "hunter2")
            .unwrap();
        let shown = known.shown();
        let told = format!("{known:?} {shown:?} {}", serde_json::to_string(&known).unwrap());
        assert!(!told.contains("hunter2") && told.contains("UTC"), "{told}");
        assert_eq!(known.get("KEY"), None);

        let mut again = shown.clone().with("TZ", "CET").unwrap();
        again.keep_earlier(&known).unwrap();
        assert_eq!(again.exposed(true).collect::<Vec<_>>(), [("KEY", "hunter2")]);
        assert_eq!(again.get("TZ"), Some("CET"));
        let unknown = shown.clone().keep_earlier(&EnvOverrides::new()).unwrap_err();
        assert_eq!(unknown.as_str(), "KEY");
        // What was not secret is not taken for one that was.
        let open = EnvOverrides::new().with("KEY", "seen").unwrap();
        shown.clone().keep_earlier(&open).unwrap_err();
    }
}
