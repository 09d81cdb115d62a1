//! The parts of a plugin's settings that its manifest calls secret.

use std::collections::BTreeMap;

use hap_manifest::Manifest;
use serde_json::Value;

use super::{redact::REDACTED, settings_schema::SettingsCheck};

/// Where in a plugin's settings its secrets are, as JSON pointers.
///
/// A manifest names a top-level key, or, with a slash in front, a pointer into the
/// settings. A key that begins with a slash itself is taken for both. What the schema marks
/// as secret is secret too.
#[derive(Debug, Clone, Default)]
pub(crate) struct SecretPlaces {
    named: Vec<String>,
    schema: SettingsCheck,
}

impl SecretPlaces {
    pub(crate) fn of(manifest: &Manifest) -> Self {
        Self {
            schema: SettingsCheck::of(manifest),
            ..Self::named(manifest.secrets())
        }
    }

    fn named(named: &[String]) -> Self {
        let mut places: Vec<String> = named
            .iter()
            .flat_map(|name| {
                let key = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
                let pointer = name.starts_with('/').then(|| name.clone());
                std::iter::once(key).chain(pointer)
            })
            .collect();
        // An outer place before those within it.
        places.sort_by_key(String::len);
        places.dedup();
        Self {
            named: places,
            schema: SettingsCheck::default(),
        }
    }

    /// The places in these settings, an outer one before those within it.
    fn within(&self, settings: &Value) -> Vec<String> {
        let mut places = self.named.clone();
        self.marked(settings, &mut String::new(), &mut places);
        places
    }

    fn marked(&self, value: &Value, pointer: &mut String, places: &mut Vec<String>) {
        if !pointer.is_empty() && self.schema.is_secret(pointer) {
            return places.push(pointer.clone());
        }
        let length = pointer.len();
        let mut descend = |token: &str, value: &Value| {
            pointer.push('/');
            pointer.push_str(&token.replace('~', "~0").replace('/', "~1"));
            self.marked(value, pointer, places);
            pointer.truncate(length);
        };
        match value {
            Value::Object(members) => members.iter().for_each(|(key, value)| descend(key, value)),
            Value::Array(items) => items
                .iter()
                .enumerate()
                .for_each(|(index, value)| descend(&index.to_string(), value)),
            _ => {}
        }
    }

    /// Moves the secrets out of the settings; `null` is left in their places.
    pub(crate) fn take(&self, settings: &mut Value) -> BTreeMap<String, Value> {
        let mut taken = BTreeMap::new();
        for place in self.within(settings) {
            if let Some(value) = settings.pointer_mut(&place).filter(|value| !value.is_null()) {
                let secret = value.take();
                taken.insert(place, secret);
            }
        }
        taken
    }

    /// The settings for readers: a secret that is set shows as `[REDACTED]`.
    pub(crate) fn redacted(&self, settings: &Value) -> Value {
        let mut shown = settings.clone();
        for place in self.within(settings) {
            if let Some(value) = shown.pointer_mut(&place).filter(|value| !value.is_null()) {
                *value = REDACTED.into();
            }
        }
        shown
    }

    /// Puts the earlier secrets where the new settings say `[REDACTED]`, so that settings
    /// which were read can be changed and written back. Returns the first place that has no
    /// earlier secret.
    pub(crate) fn keep_earlier(&self, settings: &mut Value, earlier: Option<&Value>) -> Result<(), String> {
        for place in self.within(settings) {
            let Some(value) = settings.pointer_mut(&place) else {
                continue;
            };
            if value.as_str() != Some(REDACTED) {
                continue;
            }
            match earlier
                .and_then(|earlier| earlier.pointer(&place))
                .filter(|value| !value.is_null())
            {
                Some(earlier) => *value = earlier.clone(),
                None => return Err(place),
            }
        }
        Ok(())
    }

    /// The secrets in the settings, as texts that may turn up elsewhere.
    pub(crate) fn texts(&self, settings: &Value) -> Vec<String> {
        let mut texts = Vec::new();
        let places = self.within(settings);
        for value in places.iter().filter_map(|place| settings.pointer(place)) {
            collect(value, &mut texts);
        }
        texts
    }
}

/// Puts secrets back where [`SecretPlaces::take`] found them. Returns the place that is not there.
pub(crate) fn put_back(settings: &mut Value, secrets: BTreeMap<String, Value>) -> Result<(), String> {
    for (place, secret) in secrets {
        match settings.pointer_mut(&place) {
            Some(value) => *value = secret,
            None => return Err(place),
        }
    }
    Ok(())
}

/// The scalars of a value. Truth values are none: each is everywhere.
fn collect(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) => texts.push(text.clone()),
        Value::Number(number) => texts.push(number.to_string()),
        Value::Array(items) => items.iter().for_each(|item| collect(item, texts)),
        Value::Object(members) => members.values().for_each(|member| collect(member, texts)),
        Value::Null | Value::Bool(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn places(names: &[&str]) -> SecretPlaces {
        SecretPlaces::named(&names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn keys_and_pointers_name_secrets() {
        let places = places(&["password", "a/b", "/mqtt/users/0/pin", "absent"]);
        let settings = json!({
            "password": "hunter2", "a/b": {"deep": ["secret1"]}, "level": 3,
            "mqtt": {"users": [{"pin": 4711, "name": "x"}]},
        });
        assert_eq!(
            places.redacted(&settings),
            json!({
                "password": "[REDACTED]", "a/b": "[REDACTED]", "level": 3,
                "mqtt": {"users": [{"pin": "[REDACTED]", "name": "x"}]},
            })
        );
        assert_eq!(places.texts(&settings), ["secret1", "hunter2", "4711"]);
        let mut public = settings.clone();
        let secrets = places.take(&mut public);
        assert_eq!(public["password"], Value::Null);
        assert!(!public.to_string().contains("secret1"));
        put_back(&mut public, secrets).unwrap();
        assert_eq!(public, settings);
    }

    #[test]
    fn what_was_read_can_be_written_back() {
        let places = places(&["password"]);
        let earlier = json!({"password": "hunter2", "level": 1});
        let mut changed = json!({"password": "[REDACTED]", "level": 2});
        places.keep_earlier(&mut changed, Some(&earlier)).unwrap();
        assert_eq!(changed, json!({"password": "hunter2", "level": 2}));

        let mut first = json!({"password": "[REDACTED]"});
        assert_eq!(places.keep_earlier(&mut first, None), Err("/password".to_owned()));
        let mut ordinary = json!({"note": "[REDACTED]"});
        places.keep_earlier(&mut ordinary, None).unwrap();
    }

    #[cfg(feature = "config-schema")]
    #[test]
    fn what_the_schema_marks_is_secret_wherever_it_is() {
        let manifest = Manifest::from_json(
            &json!({
                "id": "light", "name": "Light", "version": "1.0.0", "description": "d", "author": "a", "image": "light:1",
                "config_schema": {
                    "properties": {
                        "brokers": {"items": {"properties": {"pin": {"type": "string", "writeOnly": true}}}},
                        "level": {"type": "integer"}
                    }
                }
            })
            .to_string(),
        )
        .unwrap()
        .manifest;
        let places = SecretPlaces::of(&manifest);
        let settings = json!({"brokers": [{"pin": "hunter2"}, {"pin": "secret2"}], "level": 3});
        assert_eq!(
            places.redacted(&settings),
            json!({"brokers": [{"pin": "[REDACTED]"}, {"pin": "[REDACTED]"}], "level": 3})
        );
        assert_eq!(places.texts(&settings), ["hunter2", "secret2"]);
    }

    fn settings() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[a-z/~]{0,6}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map("[ab/~0]{0,3}", inner, 0..4)
                    .prop_map(|members| members.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_taken_apart_comes_together_again(
            settings in settings(),
            names in proptest::collection::vec("[ab/~0]{1,5}", 0..6),
        ) {
            let places = SecretPlaces::named(&names);
            let mut public = settings.clone();
            let secrets = places.take(&mut public);
            for place in secrets.keys() {
                prop_assert_eq!(public.pointer(place), Some(&Value::Null));
            }
            put_back(&mut public, secrets).unwrap();
            prop_assert_eq!(public, settings);
        }
    }
}
