//! What the Dockerfile copies.

use hap_manifest::package::glob::fits;

use crate::lint::{
    dockerfile::{Copy, Instruction, absolute},
    excerpt::Spot,
    finding::{Findings, Look, Rule},
    severity::Severity,
    shown::quoted,
    subject::Subject,
};

pub(crate) static RULES: &[Rule] = &[
    Rule {
        id: "HAP307",
        severity: Severity::Error,
        title: "COPY of a file that is not there",
        why: "The build ends at this line, on each machine that installs the plugin.",
        fix: "add the file, or correct its name",
        bad: "COPY plugn.py /plugin.py",
        good: "COPY plugin.py /plugin.py",
        look: Look::Itself(not_there),
    },
    Rule {
        id: "HAP308",
        severity: Severity::Error,
        title: "COPY of a file that .dockerignore leaves out",
        why: "The file is there, and the build does not see it. The message of the engine says that it does not exist.",
        fix: "take it back in .dockerignore with a line such as !bell",
        bad: ".dockerignore: *      Dockerfile: COPY bell /bell",
        good: ".dockerignore: * and !bell      Dockerfile: COPY bell /bell",
        look: Look::Itself(ignored),
    },
    Rule {
        id: "HAP309",
        severity: Severity::Advice,
        title: "the program is not built yet",
        why: "The Dockerfile copies a program that a build of the Rust project makes. Until then neither an image nor a package can \
              be made.",
        fix: "run `hap build` first: it builds the program as a static binary and puts it there",
        bad: "Cargo.toml  Dockerfile: COPY bell /bell      (no file bell)",
        good: "Cargo.toml  Dockerfile: COPY bell /bell      bell",
        look: Look::Itself(not_built),
    },
    Rule {
        id: "HAP310",
        severity: Severity::Error,
        title: "COPY of a file that no package has",
        why: "The file is in the folder, and .hapignore or a default keeps it out of the package. The image can be built here and \
              nowhere else.",
        fix: "take the file back in .hapignore with a line such as !target/, or copy it to another place before",
        bad: "COPY target/release/bell /bell",
        good: "COPY bell /bell",
        look: Look::Itself(left_out),
    },
    Rule {
        id: "HAP317",
        severity: Severity::Warning,
        title: "the folder of a volume belongs to root",
        why: "A fresh volume takes over the owner of the folder that it is mounted on. The image runs as another user, so the plugin \
              cannot write its data when the image is run by hand or by an older host.",
        fix: "write COPY --chown with the number of USER",
        bad: "COPY data /data\nUSER 65534:65534",
        good: "COPY --chown=65534:65534 data /data\nUSER 65534:65534",
        look: Look::Itself(owner),
    },
];

/// What becomes of one source of a COPY.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    Copied,
    Ignored,
    LeftOut,
    NotBuilt,
    NotThere,
}

fn plain(source: &str) -> &str {
    source.trim_start_matches("./").trim_matches('/')
}

fn fate(subject: &Subject, source: &str) -> Fate {
    let path = plain(source);
    if source.contains('$') || source.contains("://") || matches!(path, "" | ".") {
        return Fate::Copied;
    }
    if path.contains(['*', '?', '[']) {
        return by_pattern(subject, path);
    }
    let seen = |name: &str| !subject.build_ignores(name);
    if subject.view.files.contains_key(path) {
        return if seen(path) { Fate::Copied } else { Fate::Ignored };
    }
    let mut below = subject.view.below(path).peekable();
    if below.peek().is_some() {
        return match below.any(|(name, _)| seen(name)) {
            true => Fate::Copied,
            false => Fate::Ignored,
        };
    }
    if subject.view.is_partial {
        return Fate::Copied;
    }
    if subject.view.leaves_out(path) {
        return Fate::LeftOut;
    }
    // A name without an ending, or the place where Cargo builds to, is most likely the program.
    let is_program = !path.rsplit('/').next().unwrap_or(path).contains('.');
    if subject.is_rust() && is_program {
        return Fate::NotBuilt;
    }
    Fate::NotThere
}

fn by_pattern(subject: &Subject, pattern: &str) -> Fate {
    if pattern.contains('[') {
        return Fate::Copied;
    }
    let parts: Vec<Box<str>> = pattern.split('/').map(Into::into).collect();
    if subject.view.is_partial {
        return Fate::Copied;
    }
    let mut fate = Fate::NotThere;
    for name in subject.view.files.keys() {
        let path: Vec<_> = name.split('/').collect();
        let is_it = (1..=path.len()).any(|end| path.get(..end).is_some_and(|head| fits(&parts, head)));
        if is_it && !subject.build_ignores(name) {
            return Fate::Copied;
        }
        if is_it {
            fate = Fate::Ignored;
        }
    }
    fate
}

/// Tells each source that has this fate.
fn each(subject: &Subject, findings: &mut Findings, fate_of: &Fate, say: impl Fn(&str) -> String) {
    let Some(file) = &subject.dockerfile else { return };
    let text = subject.dockerfile_text();
    for instruction in file.all("COPY").chain(file.all("ADD")) {
        let Some(copy) = instruction.copy().filter(|copy| !copy.is_from) else {
            continue;
        };
        for source in &copy.sources {
            if fate(subject, source) == *fate_of {
                let spot = Spot::of_part(text, instruction.line, source);
                findings.at(&subject.dockerfile_name, text, spot, say(source));
            }
        }
    }
}

fn not_there(subject: &Subject, findings: &mut Findings) {
    each(subject, findings, &Fate::NotThere, |source| {
        format!("{} is not there, and COPY wants it", quoted(source))
    });
}

fn ignored(subject: &Subject, findings: &mut Findings) {
    each(subject, findings, &Fate::Ignored, |source| {
        format!(".dockerignore leaves {} out, and COPY wants it", quoted(source))
    });
}

fn not_built(subject: &Subject, findings: &mut Findings) {
    each(subject, findings, &Fate::NotBuilt, |source| {
        format!("the program {} is not built yet", quoted(source))
    });
}

fn left_out(subject: &Subject, findings: &mut Findings) {
    each(subject, findings, &Fate::LeftOut, |source| {
        format!("{} is left out of the package, and COPY wants it", quoted(source))
    });
}

fn owner(subject: &Subject, findings: &mut Findings) {
    let (Some(file), Some(manifest)) = (&subject.dockerfile, &subject.manifest) else {
        return;
    };
    let user = file.of_image("USER").next_back();
    let is_root = |user: &Instruction| user.rest.starts_with("root") || user.rest.starts_with('0');
    if user.is_none_or(is_root) {
        return;
    }
    let workdir = file.workdir();
    let text = subject.dockerfile_text();
    let copies = file.of_image("COPY").filter_map(Instruction::copy);
    for copy in copies.filter(|copy| copy.owner.is_none()) {
        let Copy { line, target, .. } = &copy;
        let path = absolute(&workdir, target);
        if manifest.volumes().iter().any(|volume| volume.as_str() == path) {
            let message = format!("the folder of the volume {path} is copied as root's");
            findings.at(
                &subject.dockerfile_name,
                text,
                Spot::of_line(text, *line),
                message,
            );
        }
    }
}
