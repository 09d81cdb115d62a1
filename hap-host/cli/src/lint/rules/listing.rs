//! What a catalogue and a form show.

use std::str::FromStr as _;

use hap_conformance::Inputs;
use hap_manifest::Manifest;
use serde_json::Value;

use super::people::placeholder;
use crate::lint::{
    finding::{Findings, Look, Rule},
    severity::Severity,
    shown::quoted,
    subject::Subject,
};

const INPUTS: &str = "conformance.json";

pub(crate) static RULES: &[Rule] = &[
    Rule {
        id: "HAP323",
        severity: Severity::Warning,
        title: "an image without a version",
        why: "Without a tag, or with `latest`, the manifest does not say which image it belongs to, and an update of the image is \
              none of the plugin.",
        fix: "write the version as the tag, best with the digest",
        bad: "{\"image\": \"example/bell\"}",
        good: "{\"image\": \"example/bell:1.0.0\"}",
        look: Look::Itself(image),
    },
    Rule {
        id: "HAP402",
        severity: Severity::Advice,
        title: "no license",
        why: "Without one nobody but you may copy or change the plugin, and some catalogues do not list it.",
        fix: "add `license` to the manifest with an SPDX expression",
        bad: "{\"id\": \"bell\"}",
        good: "{\"id\": \"bell\", \"license\": \"MIT OR Apache-2.0\"}",
        look: Look::Itself(no_license),
    },
    Rule {
        id: "HAP403",
        severity: Severity::Warning,
        title: "a license that is no SPDX expression",
        why: "Programs find plugins by their license, and people look it up by its id. Other names mean different texts to each.",
        fix: "write an id of spdx.org/licenses, several joined by AND and OR; LicenseRef- begins one of your own",
        bad: "{\"license\": \"Apache 2\"}",
        good: "{\"license\": \"Apache-2.0\"}",
        look: Look::Itself(license),
    },
    Rule {
        id: "HAP404",
        severity: Severity::Warning,
        title: "no description",
        why: "It is the line beside the name in each list. Without one nobody knows what the plugin is for.",
        fix: "say in a sentence what the plugin does",
        bad: "{\"name\": \"Bell\", \"description\": \"\"}",
        good: "{\"name\": \"Bell\", \"description\": \"Rings when somebody is at the door\"}",
        look: Look::Itself(description),
    },
    Rule {
        id: "HAP405",
        severity: Severity::Advice,
        title: "no author",
        why: "Who lets a program into their home wants to know whose it is, and whom to ask when it fails.",
        fix: "write a name, best with an address",
        bad: "{\"author\": \"\"}",
        good: "{\"author\": \"Example Home <hello@example.com>\"}",
        look: Look::Itself(author),
    },
    Rule {
        id: "HAP406",
        severity: Severity::Warning,
        title: "the version 0.0.0",
        why: "It stands for \"not published\". Ranges and updates compare versions, and below this one there is none.",
        fix: "write 0.1.0 for the first one",
        bad: "{\"version\": \"0.0.0\"}",
        good: "{\"version\": \"0.1.0\"}",
        look: Look::Itself(version),
    },
    Rule {
        id: "HAP407",
        severity: Severity::Advice,
        title: "neither category nor tags",
        why: "People look for a plugin by what it is about. Without these it is found by its name alone.",
        fix: "add `category` or `tags` to the manifest",
        bad: "{\"id\": \"bell\"}",
        good: "{\"id\": \"bell\", \"category\": \"safety\", \"tags\": [\"door\"]}",
        look: Look::Itself(found_by_nothing),
    },
    Rule {
        id: "HAP411",
        severity: Severity::Advice,
        title: "a setting without a description",
        why: "Forms show the description beside the field. Without it people guess what the name means.",
        fix: "add `description` to the property",
        bad: "{\"pin\": {\"type\": \"integer\"}}",
        good: "{\"pin\": {\"type\": \"integer\", \"description\": \"The GPIO pin of the button.\"}}",
        look: Look::Itself(setting_description),
    },
    Rule {
        id: "HAP412",
        severity: Severity::Advice,
        title: "a setting that is neither required nor has a default",
        why: "Nobody learns what the plugin does when it is left out, and a form has nothing to begin with.",
        fix: "add `default` to the property, or its name to `required`",
        bad: "{\"level\": {\"type\": \"integer\", \"description\": \"Brightness.\"}}",
        good: "{\"level\": {\"type\": \"integer\", \"description\": \"Brightness.\", \"default\": 50}}",
        look: Look::Itself(setting_default),
    },
    Rule {
        id: "HAP413",
        severity: Severity::Advice,
        title: "no conformance.json",
        why: "The conformance suite tries what it knows. Without examples of commands and settings the cases about them are left out, \
              unless the plugin tells them itself.",
        fix: "add conformance.json with `commands`, `event_commands` and `config`; docs/conformance.md has the form",
        bad: "manifest.json",
        good: "manifest.json  conformance.json: {\"commands\": [{\"command\": \"ring\"}]}",
        look: Look::Itself(no_inputs),
    },
    Rule {
        id: "HAP414",
        severity: Severity::Error,
        title: "a conformance.json that cannot be read",
        why: "The conformance suite refuses to start with it, and what it was to say is not tried.",
        fix: "correct it as the message says",
        bad: "{\"command\": [\"ring\"]}",
        good: "{\"commands\": [{\"command\": \"ring\"}]}",
        look: Look::Itself(inputs),
    },
    Rule {
        id: "HAP416",
        severity: Severity::Warning,
        title: "a text of a template",
        why: "A field still has what a template left to fill in. It is shown to everybody who looks for a plugin.",
        fix: "write your own text",
        bad: "{\"author\": \"Your Name\"}",
        good: "{\"author\": \"Example Home\"}",
        look: Look::Itself(template),
    },
];

fn of(subject: &Subject, look: impl FnOnce(&Manifest)) {
    if let Some(manifest) = &subject.manifest {
        look(manifest);
    }
}

fn image(subject: &Subject, findings: &mut Findings) {
    of(subject, |manifest| {
        let image = manifest.image().to_string();
        let name = image.rsplit('/').next().unwrap_or(&image);
        let tag = name.split_once(':').map(|(_, tag)| tag);
        if !image.contains('@') && matches!(tag, None | Some("latest")) {
            findings.pointer(
                subject,
                "/image",
                format!("the image {} has no version", quoted(&image)),
            );
        }
    });
}

fn no_license(subject: &Subject, findings: &mut Findings) {
    of(subject, |manifest| {
        if manifest.listing().license().is_none() {
            findings.file("manifest.json", "the manifest names no license");
        }
    });
}

fn license(subject: &Subject, findings: &mut Findings) {
    of(subject, |manifest| {
        let Some(license) = manifest.listing().license() else {
            return;
        };
        if let Err(word) = super::super::spdx::check(license) {
            let message = match word {
                "" => format!("the license {} is no SPDX expression", quoted(license)),
                word => format!("{} in the license is no SPDX id", quoted(word)),
            };
            findings.pointer(subject, "/license", message);
        }
    });
}

fn description(subject: &Subject, findings: &mut Findings) {
    of(subject, |manifest| {
        let text = manifest.description().trim();
        if text.is_empty() {
            findings.pointer(subject, "/description", "the description is empty");
        } else if text.eq_ignore_ascii_case(manifest.name()) || text == manifest.id().as_str() {
            findings.pointer(
                subject,
                "/description",
                "the description says no more than the name",
            );
        }
    });
}

fn author(subject: &Subject, findings: &mut Findings) {
    of(subject, |manifest| {
        if manifest.author().trim().is_empty() {
            findings.pointer(subject, "/author", "the author is empty");
        }
    });
}

fn version(subject: &Subject, findings: &mut Findings) {
    of(subject, |manifest| {
        let version = manifest.version();
        if (version.major, version.minor, version.patch) == (0, 0, 0) {
            findings.pointer(subject, "/version", format!("the version is {version}"));
        }
    });
}

fn found_by_nothing(subject: &Subject, findings: &mut Findings) {
    of(subject, |manifest| {
        if manifest.listing().category().is_none() && manifest.listing().tags().is_empty() {
            findings.file("manifest.json", "the manifest has neither `category` nor `tags`");
        }
    });
}

/// What a property says, itself or by what it refers to.
fn says(subject: &Subject, property: &Value, key: &str) -> bool {
    let schema = subject.manifest.as_ref().and_then(Manifest::config_schema);
    let referred = || {
        let pointer = property.get("$ref")?.as_str()?.strip_prefix('#')?;
        schema?.pointer(pointer)?.get(key)
    };
    property.get(key).or_else(referred).is_some()
}

fn setting_description(subject: &Subject, findings: &mut Findings) {
    for (pointer, name, property) in subject.settings() {
        if !says(subject, property, "description") {
            findings.pointer(
                subject,
                &pointer,
                format!("the setting {} has no description", quoted(name)),
            );
        }
    }
}

fn setting_default(subject: &Subject, findings: &mut Findings) {
    let schema = subject.manifest.as_ref().and_then(Manifest::config_schema);
    let required = schema.and_then(|schema| schema.get("required")?.as_array());
    let is_required = |name: &str| required.is_some_and(|names| names.iter().any(|other| other == name));
    let may_be_null = |property: &Value| {
        let kinds = property.get("type").and_then(Value::as_array);
        kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind == "null"))
    };
    for (pointer, name, property) in subject.settings() {
        let is_said = ["default", "const"]
            .iter()
            .any(|key| says(subject, property, key));
        if !is_said && !is_required(name) && !may_be_null(property) {
            let message = format!(
                "the setting {} is neither required nor has a default",
                quoted(name)
            );
            findings.pointer(subject, &pointer, message);
        }
    }
}

fn no_inputs(subject: &Subject, findings: &mut Findings) {
    if !subject.view.files.is_empty() && !subject.view.has(INPUTS) && !subject.view.leaves_out(INPUTS) {
        findings.whole("there is no conformance.json");
    }
}

fn inputs(subject: &Subject, findings: &mut Findings) {
    let Some(text) = subject.view.text(INPUTS) else {
        return;
    };
    let Err(error) = Inputs::from_str(text) else {
        return;
    };
    let error = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
    findings.file(INPUTS, error);
}

fn template(subject: &Subject, findings: &mut Findings) {
    of(subject, |manifest| {
        for (key, text) in [
            ("name", manifest.name()),
            ("description", manifest.description()),
            ("author", manifest.author()),
        ] {
            if let Some(mark) = placeholder(text) {
                let message = format!("the {key} has {} of a template", quoted(mark));
                findings.pointer(subject, &format!("/{key}"), message);
            }
        }
    });
}
