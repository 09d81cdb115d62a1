//! What is packed: files, their names and sizes.

use hap_manifest::package::{CHANGELOG, MANIFEST, PackError, PackageError, README};

use crate::lint::{
    finding::{Findings, Look, Rule},
    severity::Severity,
    shown::quoted,
    subject::Subject,
    view::Refusal,
};

/// Most bytes of a package, and of files that surely become one.
const MOST_PACKED: usize = 50 << 20;

pub(crate) static RULES: &[Rule] = &[
    Rule {
        id: "HAP201",
        severity: Severity::Error,
        title: "no manifest.json",
        why: "A folder or a package is a plugin by its manifest. Without one no host knows what it is.",
        fix: "add manifest.json, or make a plugin with `hap new NAME`; pack the content of a folder, not the folder",
        bad: "bell/Dockerfile  bell/README.md",
        good: "bell/Dockerfile  bell/README.md  bell/manifest.json",
        look: Look::Itself(no_manifest),
    },
    Rule {
        id: "HAP202",
        severity: Severity::Error,
        title: "no README.md",
        why: "It is the page of the plugin wherever it is offered. No package is made without one.",
        fix: "write README.md: what the plugin does, what it needs, how it is set up",
        bad: "manifest.json  Dockerfile",
        good: "manifest.json  Dockerfile  README.md",
        look: Look::Itself(no_readme),
    },
    Rule {
        id: "HAP203",
        severity: Severity::Error,
        title: "no Dockerfile",
        why: "The host builds the image of a package from the file that the manifest names as `dockerfile`. No package is made \
              without it.",
        fix: "add the Dockerfile, or correct `dockerfile` in the manifest",
        bad: "manifest.json  README.md",
        good: "manifest.json  README.md  Dockerfile",
        look: Look::Itself(no_dockerfile),
    },
    Rule {
        id: "HAP204",
        severity: Severity::Advice,
        title: "no CHANGELOG.md",
        why: "Who is asked to update wants to know what for. The list of changes travels with the package.",
        fix: "add CHANGELOG.md with a heading for each version",
        bad: "manifest.json  Dockerfile  README.md",
        good: "manifest.json  Dockerfile  README.md  CHANGELOG.md",
        look: Look::Itself(no_changelog),
    },
    Rule {
        id: "HAP205",
        severity: Severity::Error,
        title: "a file name that a package cannot have",
        why: "A name has to mean the same file on Linux, macOS and Windows. One that does not is refused by every reader.",
        fix: "rename the file, or list it in .hapignore",
        bad: "sounds/what?.wav",
        good: "sounds/what.wav",
        look: Look::Itself(name),
    },
    Rule {
        id: "HAP206",
        severity: Severity::Error,
        title: "a symbolic link",
        why: "A link means another file on each machine, or none, and could lead out of the package. Packages hold files alone.",
        fix: "put the file in its place, or list the link in .hapignore",
        bad: "bell -> ../target/small/bell",
        good: "bell",
        look: Look::Itself(link),
    },
    Rule {
        id: "HAP207",
        severity: Severity::Error,
        title: "neither a file nor a folder",
        why: "A pipe, a socket or a device cannot be packed: it has no content of its own, and on another machine it is nothing.",
        fix: "remove it, or list it in .hapignore",
        bad: "bell.sock",
        good: "(listed in .hapignore)",
        look: Look::Itself(special),
    },
    Rule {
        id: "HAP208",
        severity: Severity::Error,
        title: "too many files",
        why: "Hosts bound what a package may cost. Most likely a folder is in it that belongs to the build.",
        fix: "list folders of the build and of tests in .hapignore",
        bad: "vendor/ with 5,000 files",
        good: ".hapignore with the line vendor/",
        look: Look::Itself(too_many),
    },
    Rule {
        id: "HAP209",
        severity: Severity::Error,
        title: "too many bytes",
        why: "Hosts bound what a package may cost, and small boxes are what most homes have.",
        fix: "list large files in .hapignore, or fetch them when the plugin starts",
        bad: "model.bin of 300 MB",
        good: ".hapignore with the line model.bin",
        look: Look::Itself(too_large),
    },
    Rule {
        id: "HAP210",
        severity: Severity::Error,
        title: "a package that no reader takes",
        why: "The file is damaged, or made in a way that two programs could understand in two ways. Hosts refuse it.",
        fix: "make it again with `hap package`",
        bad: "zip -r bell.zip bell/",
        good: "hap package bell",
        look: Look::Itself(refused),
    },
    Rule {
        id: "HAP211",
        severity: Severity::Error,
        title: "a .hapignore that cannot be read",
        why: "If a line means nothing, what it was to leave out would be packed and made public.",
        fix: "correct the line that the message names",
        bad: "logs\\*.txt",
        good: "logs/*.txt",
        look: Look::Itself(ignore_file),
    },
    Rule {
        id: "HAP212",
        severity: Severity::Warning,
        title: "more files than a package has room for, unless they shrink",
        why: "A package has at most 50 MiB. Files that are compressed already, such as programs and pictures, stay as they are.",
        fix: "list what the image does not need in .hapignore",
        bad: "recordings/ with 60 MB",
        good: ".hapignore with the line recordings/",
        look: Look::Itself(large),
    },
    Rule {
        id: "HAP213",
        severity: Severity::Error,
        title: "a file that cannot be read",
        why: "What cannot be read cannot be packed, and a package without it would be another plugin than the one that was tried.",
        fix: "give yourself the right to read it, or list it in .hapignore",
        bad: "-rw------- root secrets.bin",
        good: "(listed in .hapignore)",
        look: Look::Itself(unreadable),
    },
    Rule {
        id: "HAP214",
        severity: Severity::Error,
        title: "two names that differ only in case",
        why: "On Windows and macOS they are one file, so one of the two would be lost.",
        fix: "rename one of the two",
        bad: "Icon.png  icon.png",
        good: "icon.png  icon-small.png",
        look: Look::Itself(case),
    },
    Rule {
        id: "HAP215",
        severity: Severity::Advice,
        title: "a file of an editor or a build is packed",
        why: "Nobody who installs the plugin needs it, and it may tell what was not meant to be told.",
        fix: "list it in .hapignore",
        bad: ".vscode/settings.json  plugin.py~",
        good: ".hapignore with the lines .vscode/ and *~",
        look: Look::Itself(leftovers),
    },
];

fn no_manifest(subject: &Subject, findings: &mut Findings) {
    let is_missing = |refusal: &Refusal| matches!(refusal, Refusal::Package(PackageError::Missing { names, .. }) if names.iter().any(|name| name == MANIFEST));
    let view = &subject.view;
    let is_folder = !view.is_package;
    if view.refusals.iter().any(is_missing) || is_folder && !view.files.contains_key(MANIFEST) {
        let text = match view.leaves_out(MANIFEST) {
            true => "manifest.json is there, but left out by .hapignore",
            false => "there is no manifest.json",
        };
        findings.whole(text);
    }
}

/// Whether the files are known, and not refused as a whole.
fn is_open(subject: &Subject) -> bool {
    !subject.view.files.is_empty()
}

fn no_readme(subject: &Subject, findings: &mut Findings) {
    if is_open(subject) && !subject.view.files.contains_key(README) {
        let text = match subject.view.leaves_out(README) {
            true => "README.md is there, but left out by .hapignore",
            false => "there is no README.md",
        };
        findings.whole(text);
    }
}

fn no_dockerfile(subject: &Subject, findings: &mut Findings) {
    let name = &subject.dockerfile_name;
    if is_open(subject) && !subject.view.files.contains_key(name) {
        let text = match subject.view.leaves_out(name) {
            true => format!("{} is there, but left out by .hapignore", quoted(name)),
            false => format!("there is no {}, from which the image is built", quoted(name)),
        };
        findings.whole(text);
    }
}

fn no_changelog(subject: &Subject, findings: &mut Findings) {
    if is_open(subject) && !subject.view.files.contains_key(CHANGELOG) {
        findings.whole("there is no CHANGELOG.md");
    }
}

fn each(subject: &Subject, mut look: impl FnMut(&PackError)) {
    for refusal in &subject.view.refusals {
        if let Refusal::Pack(refusal) = refusal {
            look(refusal);
        }
    }
}

fn name(subject: &Subject, findings: &mut Findings) {
    each(subject, |refusal| {
        if let PackError::Name { name, rule } = refusal {
            findings.file(name, format!("invalid name {}: {rule}", quoted(name)));
        }
    });
}

fn link(subject: &Subject, findings: &mut Findings) {
    each(subject, |refusal| {
        if let PackError::Link { name } = refusal {
            findings.file(name, format!("{} is a symbolic link", quoted(name)));
        }
    });
}

fn special(subject: &Subject, findings: &mut Findings) {
    each(subject, |refusal| {
        if let PackError::Special { name } = refusal {
            findings.file(name, format!("{} is a pipe, a socket or a device", quoted(name)));
        }
    });
}

fn too_many(subject: &Subject, findings: &mut Findings) {
    each(subject, |refusal| {
        if let PackError::TooManyEntries { limit } = refusal {
            let largest = crowded(subject);
            let most = largest.map_or_else(String::new, |(folder, count)| {
                format!("; {} alone has {count}", quoted(folder))
            });
            findings.whole(format!(
                "there are more than {limit} files, the most that is allowed{most}"
            ));
        }
    });
}

/// The folder at the top with the most files.
fn crowded(subject: &Subject) -> Option<(&str, usize)> {
    let mut counts = std::collections::BTreeMap::new();
    let folders = subject
        .view
        .files
        .keys()
        .filter_map(|name| Some(name.split_once('/')?.0));
    for folder in folders {
        *counts.entry(folder).or_insert(0) += 1;
    }
    counts.into_iter().max_by_key(|(_, count)| *count)
}

fn too_large(subject: &Subject, findings: &mut Findings) {
    each(subject, |refusal| {
        if let PackError::TooLarge { name, limit } = refusal {
            let message = format!(
                "{} brings the files to more than {limit} bytes, the most that is allowed",
                quoted(name)
            );
            findings.file(name, message);
        }
    });
}

fn refused(subject: &Subject, findings: &mut Findings) {
    for refusal in &subject.view.refusals {
        if let Refusal::Package(refusal) = refusal
            && !matches!(refusal, PackageError::Missing { .. })
        {
            findings.whole(refusal.to_string());
        }
    }
}

fn ignore_file(subject: &Subject, findings: &mut Findings) {
    each(subject, |refusal| {
        if matches!(refusal, PackError::Ignore { .. } | PackError::IgnoreFile { .. }) {
            findings.file(".hapignore", refusal.to_string());
        }
    });
}

fn large(subject: &Subject, findings: &mut Findings) {
    let files = &subject.view.files;
    let all: usize = files.values().map(|file| file.size).sum();
    let largest = files.iter().max_by_key(|(_, file)| file.size);
    if let Some((name, file)) = largest.filter(|_| all > MOST_PACKED && !subject.view.is_package) {
        let message = format!(
            "the files have {} MiB, a package at most {}; the largest is {} with {} MiB",
            all >> 20,
            MOST_PACKED >> 20,
            quoted(name),
            file.size >> 20
        );
        findings.file(name, message);
    }
}

fn unreadable(subject: &Subject, findings: &mut Findings) {
    each(subject, |refusal| {
        if let PackError::Read { path, source } = refusal {
            findings.whole(format!("{} cannot be read: {source}", path.display()));
        }
    });
}

fn case(subject: &Subject, findings: &mut Findings) {
    each(subject, |refusal| {
        if let PackError::Refused {
            source: PackageError::CaseClash { name, other },
        } = refusal
        {
            findings.file(
                name,
                format!("{} and {} differ only in case", quoted(name), quoted(other)),
            );
        }
    });
}

fn leftovers(subject: &Subject, findings: &mut Findings) {
    const FOLDERS: [&str; 9] = [
        ".idea",
        ".vscode",
        ".pytest_cache",
        ".mypy_cache",
        ".ruff_cache",
        ".tox",
        ".github",
        "venv",
        "dist",
    ];
    const ENDS: [&str; 7] = ["~", ".swp", ".swo", ".orig", ".rej", ".bak", ".log"];
    let mut told = std::collections::BTreeSet::new();
    for name in subject.view.files.keys() {
        let folder = name.split('/').rev().skip(1).find(|part| FOLDERS.contains(part));
        if let Some(folder) = folder {
            if told.insert(folder.to_owned()) {
                findings.file(name, format!("the folder {} is packed", quoted(folder)));
            }
        } else if ENDS.iter().any(|end| name.ends_with(end)) {
            findings.file(name, format!("{} is packed", quoted(name)));
        }
    }
}
