//! Secrets in places where everybody reads them. No finding shows one.

use std::sync::LazyLock;

use hap_manifest::Manifest;
use serde_json::Value;

use crate::lint::{
    dockerfile::pairs,
    finding::{Findings, Look, Rule},
    severity::Severity,
    shown::quoted,
    subject::Subject,
};

pub(crate) static RULES: &[Rule] = &[
    Rule {
        id: "HAP501",
        severity: Severity::Error,
        title: "a file that looks like a secret",
        why: "Whoever has the package has the file. What was published once stays known, also after the next version.",
        fix: "list it in .hapignore and change the secret if it was ever published; `hap package --allow-secret NAME` packs a file \
              that everybody may have",
        bad: ".env  id_ed25519  server.key",
        good: ".env.example",
        look: Look::Itself(file),
    },
    Rule {
        id: "HAP502",
        severity: Severity::Error,
        title: "a secret in the Dockerfile",
        why: "ENV and ARG are kept in the image, where everybody reads them who has it.",
        fix: "remove it: the host gives HAP_API_TOKEN and HAP_WEBHOOK_SECRET by itself, other secrets are settings",
        bad: "ENV HAP_API_TOKEN=...",
        good: "(the host sets it when the plugin starts)",
        look: Look::Itself(dockerfile),
    },
    Rule {
        id: "HAP503",
        severity: Severity::Error,
        title: "a secret among the variables of the manifest",
        why: "The manifest is public, and each home would have the same secret.",
        fix: "make it a setting in `config_schema` with \"writeOnly\": true",
        bad: "{\"env_vars\": {\"MQTT_PASSWORD\": \"...\"}}",
        good: "{\"config_schema\": {\"properties\": {\"mqtt_password\": {\"type\": \"string\", \"writeOnly\": true}}}}",
        look: Look::Itself(variables),
    },
    Rule {
        id: "HAP504",
        severity: Severity::Warning,
        title: "a setting that is a secret and is not said to be one",
        why: "The host hides what is said to be secret from logs, answers and pages. This one would be shown.",
        fix: "add \"writeOnly\": true to the property, or its name to `secrets`",
        bad: "{\"password\": {\"type\": \"string\"}}",
        good: "{\"password\": {\"type\": \"string\", \"writeOnly\": true}}",
        look: Look::Itself(setting),
    },
    Rule {
        id: "HAP506",
        severity: Severity::Warning,
        title: "a secret with a default",
        why: "Everybody knows the default, and most homes keep it.",
        fix: "remove `default`, and require the setting",
        bad: "{\"password\": {\"type\": \"string\", \"writeOnly\": true, \"default\": \"admin\"}}",
        good: "{\"password\": {\"type\": \"string\", \"writeOnly\": true}}",
        look: Look::Itself(default),
    },
];

/// Words by which a name says that its value is secret.
const WORDS: [&str; 12] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "api_key",
    "access_key",
    "private_key",
    "client_secret",
    "credentials",
    "pin_code",
];
/// Words by which it is only about one.
const ABOUT: [&str; 14] = [
    "_file",
    "_path",
    "_url",
    "_name",
    "_id",
    "_length",
    "_ttl",
    "_expiry",
    "_lifetime",
    "_type",
    "_dir",
    "_header",
    "_count",
    "_limit",
];

static RESERVED: LazyLock<[&str; 2]> = LazyLock::new(|| {
    use hap_manifest::env::{HAP_API_TOKEN, HAP_WEBHOOK_SECRET};
    [HAP_API_TOKEN, HAP_WEBHOOK_SECRET]
});

/// Whether a name says that its value is secret. `maxTokens` is about numbers of tokens, and `token_url` about a place.
pub(super) fn names_secret(name: &str) -> bool {
    let mut snake = String::new();
    let mut was_lower = false;
    for c in name.chars() {
        if c.is_ascii_uppercase() && was_lower {
            snake.push('_');
        }
        was_lower = c.is_ascii_lowercase() || c.is_ascii_digit();
        snake.push(if c == '-' { '_' } else { c.to_ascii_lowercase() });
    }
    let is_about = ABOUT.iter().any(|end| snake.ends_with(end));
    let is_word = |word: &&str| {
        snake == **word || snake.ends_with(&format!("_{word}")) || snake.starts_with(&format!("{word}_"))
    };
    !is_about && WORDS.iter().any(is_word)
}

/// Whether a value is one, and does not name another place or nothing.
fn is_literal(value: &str) -> bool {
    let value = value.trim();
    let is_nothing = value.is_empty() || value.starts_with('$') || value.starts_with('<');
    !is_nothing
        && !matches!(
            value.to_ascii_lowercase().as_str(),
            "none" | "null" | "true" | "false" | "changeme"
        )
}

fn file(subject: &Subject, findings: &mut Findings) {
    for (name, file) in &subject.view.files {
        if let Some(reason) = file.secret {
            findings.file(name, format!("{} looks like a secret: {reason}", quoted(name)));
        }
    }
}

fn dockerfile(subject: &Subject, findings: &mut Findings) {
    let Some(file) = &subject.dockerfile else { return };
    for keyword in ["ENV", "ARG"] {
        for instruction in file.all(keyword) {
            for (name, value) in pairs(&instruction.rest) {
                if RESERVED.contains(&name.as_str()) || names_secret(&name) && is_literal(&value) {
                    let message = format!("{keyword} {} holds a secret", quoted(&name));
                    findings.at_hidden(&subject.dockerfile_name, instruction.line, message);
                }
            }
        }
    }
}

fn variables(subject: &Subject, findings: &mut Findings) {
    let variables = subject.manifest.iter().flat_map(Manifest::env_vars);
    for (name, value) in variables {
        if names_secret(name.as_str()) && is_literal(value) {
            let message = format!("the variable {name} holds a secret");
            findings.hidden_pointer(subject, &format!("/env_vars/{name}"), message);
        }
    }
}

fn is_marked(subject: &Subject, name: &str, property: &Value) -> bool {
    let listed = subject.manifest.iter().flat_map(Manifest::secrets);
    let is_listed = listed
        .into_iter()
        .any(|secret| secret.trim_start_matches('/') == name);
    let write_only = property.get("writeOnly") == Some(&Value::Bool(true));
    is_listed || write_only || property.get("format").is_some_and(|format| format == "password")
}

fn is_text(property: &Value) -> bool {
    match property.get("type") {
        Some(Value::String(kind)) => kind == "string",
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == "string"),
        _ => true,
    }
}

fn setting(subject: &Subject, findings: &mut Findings) {
    for (pointer, name, property) in subject.settings() {
        // What it refers to may say so: then the host knows.
        let refers = property.get("$ref").is_some();
        if names_secret(name) && is_text(property) && !refers && !is_marked(subject, name, property) {
            let message = format!("the setting {} is a secret by its name", quoted(name));
            findings.pointer(subject, &pointer, message);
        }
    }
}

fn default(subject: &Subject, findings: &mut Findings) {
    for (pointer, name, property) in subject.settings() {
        let default = property
            .get("default")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if is_marked(subject, name, property) && is_literal(default) {
            let message = format!("the secret {} has a default", quoted(name));
            findings.hidden_pointer(subject, &format!("{pointer}/default"), message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_told_from_names_about_them() {
        for name in [
            "password",
            "MQTT_PASSWORD",
            "apiKey",
            "api-key",
            "token",
            "hue_token",
            "clientSecret",
            "token_value",
        ] {
            assert!(names_secret(name), "{name}");
        }
        for name in [
            "username",
            "token_url",
            "passwordFile",
            "tokens",
            "keyboard",
            "secretary",
            "maxTokens",
            "password_length",
        ] {
            assert!(!names_secret(name), "{name}");
        }
    }
}
