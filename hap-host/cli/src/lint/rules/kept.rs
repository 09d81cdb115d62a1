//! Where the image says that data lies.

use super::dockerfile::at;
use crate::lint::{
    finding::{Findings, Look, Rule},
    severity::Severity,
    shown::quoted,
    subject::Subject,
};

pub(crate) static RULES: &[Rule] = &[
    Rule {
        id: "HAP318",
        severity: Severity::Warning,
        title: "HAP_DATA_DIR without a volume",
        why: "The image says that data lies there, and the manifest keeps nothing there. All that is written is gone with the next \
              restart.",
        fix: "add the folder to `volumes` in the manifest",
        bad: "ENV HAP_DATA_DIR=/data      with \"volumes\": []",
        good: "ENV HAP_DATA_DIR=/data      with \"volumes\": [\"/data\"]",
        look: Look::Itself(data_dir),
    },
    Rule {
        id: "HAP324",
        severity: Severity::Warning,
        title: "a VOLUME that the manifest does not name",
        why: "The host covers it with a small memory file system, or refuses the image. Nothing that is written there is kept.",
        fix: "add the folder to `volumes` in the manifest, or remove VOLUME",
        bad: "VOLUME /var/lib/bell      with \"volumes\": []",
        good: "VOLUME /var/lib/bell      with \"volumes\": [\"/var/lib/bell\"]",
        look: Look::Itself(volume),
    },
];

fn is_kept(subject: &Subject, path: &str) -> bool {
    let Some(manifest) = &subject.manifest else {
        return true;
    };
    let path = path.trim_end_matches('/');
    let covers = |outer: &str| {
        let rest = path.strip_prefix(outer.trim_end_matches('/'));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    manifest
        .volumes()
        .iter()
        .chain(manifest.tmpfs())
        .any(|volume| covers(volume.as_str()))
}

fn data_dir(subject: &Subject, findings: &mut Findings) {
    let Some(file) = &subject.dockerfile else { return };
    for instruction in file.of_image("ENV") {
        for (name, value) in crate::lint::dockerfile::pairs(&instruction.rest) {
            if name == "HAP_DATA_DIR" && !is_kept(subject, &value) {
                let message = format!(
                    "HAP_DATA_DIR is {}, and no volume of the manifest holds it",
                    quoted(&value)
                );
                at(subject, findings, instruction, &value, message);
            }
        }
    }
}

fn volume(subject: &Subject, findings: &mut Findings) {
    let Some(file) = &subject.dockerfile else { return };
    for instruction in file.of_image("VOLUME") {
        let listed = serde_json::from_str::<Vec<String>>(&instruction.rest);
        let words = || {
            instruction
                .rest
                .split_ascii_whitespace()
                .map(str::to_owned)
                .collect()
        };
        for path in listed.unwrap_or_else(|_| words()) {
            if !is_kept(subject, &path) {
                let message = format!("VOLUME {} is no volume of the manifest", quoted(&path));
                at(subject, findings, instruction, &path, message);
            }
        }
    }
}
