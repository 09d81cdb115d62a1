//! What the Dockerfile says of the image.

use hap_manifest::package::Dockerfile as Judged;

use crate::lint::{
    dockerfile::{Instruction, Start},
    excerpt::Spot,
    finding::{Findings, Look, Rule},
    severity::Severity,
    shown::quoted,
    subject::Subject,
};

pub(crate) static RULES: &[Rule] = &[
    Rule {
        id: "HAP301",
        severity: Severity::Error,
        title: "a health check by a program that the image does not have",
        why: "An image FROM scratch has no shell, no curl and no wget. The check fails each time, and the engine calls a plugin that \
              works unhealthy.",
        fix: "call a program of the image in a list, such as CMD [\"/bell\", \"healthcheck\"], or leave HEALTHCHECK out: the host \
              asks the plugin itself",
        bad: "FROM scratch\nHEALTHCHECK CMD curl -f http://localhost:8000/health",
        good: "FROM scratch\nHEALTHCHECK CMD [\"/bell\", \"healthcheck\"]",
        look: Look::Itself(health_check),
    },
    Rule {
        id: "HAP302",
        severity: Severity::Warning,
        title: "the image wants to be root",
        why: "No host runs a plugin as root. One that needs it finds out in the middle of its work.",
        fix: "name a number that is not 0, such as USER 65534:65534",
        bad: "USER root",
        good: "USER 65534:65534",
        look: Look::Itself(root),
    },
    Rule {
        id: "HAP304",
        severity: Severity::Warning,
        title: "EXPOSE differs from `api_port`",
        why: "The host asks the plugin at the port of the manifest. One of the two is wrong, and if it is the manifest, the plugin \
              never becomes healthy.",
        fix: "write the same port in both, and listen where the variable PORT says",
        bad: "EXPOSE 8080      with \"api_port\": 8000",
        good: "EXPOSE 8000      with \"api_port\": 8000",
        look: Look::Itself(port),
    },
    Rule {
        id: "HAP305",
        severity: Severity::Warning,
        title: "the program is started by a shell",
        why: "Written as a text, ENTRYPOINT and CMD start a shell that starts the program. SIGTERM reaches the shell, which does not \
              pass it on, so each stop lasts until the plugin is killed. An image from scratch has no shell at all.",
        fix: "write a list: ENTRYPOINT [\"/bell\"]",
        bad: "ENTRYPOINT /bell --verbose",
        good: "ENTRYPOINT [\"/bell\", \"--verbose\"]",
        look: Look::Itself(shell),
    },
    Rule {
        id: "HAP306",
        severity: Severity::Error,
        title: "the image starts nothing",
        why: "An image FROM scratch has no program of its own. Without ENTRYPOINT or CMD the engine refuses to start it.",
        fix: "add ENTRYPOINT with the program",
        bad: "FROM scratch\nCOPY bell /bell",
        good: "FROM scratch\nCOPY bell /bell\nENTRYPOINT [\"/bell\"]",
        look: Look::Itself(nothing),
    },
    Rule {
        id: "HAP314",
        severity: Severity::Error,
        title: "ADD of an address",
        why: "The engine itself would fetch it, in the network of the host's machine. No host builds that, and what is fetched may be \
              another file tomorrow.",
        fix: "put the file into the package and COPY it, or fetch it with RUN",
        bad: "ADD https://example.com/tool /tool",
        good: "COPY tool /tool",
        look: Look::Itself(add),
    },
    Rule {
        id: "HAP315",
        severity: Severity::Warning,
        title: "a base image without a version",
        why: "Without a tag, or with `latest`, each build begins with another image. A plugin that was built and tried may be another \
              one on the next machine.",
        fix: "name a version, best with its digest",
        bad: "FROM python",
        good: "FROM python:3.13-slim",
        look: Look::Itself(base),
    },
    Rule {
        id: "HAP316",
        severity: Severity::Advice,
        title: "building it takes a permission",
        why: "A Dockerfile that runs programs or begins with another image needs the permission `build`. Who installs the plugin is \
              asked for it, and the build needs the network.",
        fix: "build the program before, and only COPY it into FROM scratch; or name an image in the manifest that is there already",
        bad: "FROM python:3.13-slim\nRUN pip install requests",
        good: "FROM scratch\nCOPY bell /bell",
        look: Look::Itself(build),
    },
    Rule {
        id: "HAP321",
        severity: Severity::Error,
        title: "a Dockerfile that no host builds",
        why: "Engines read Dockerfiles with parsers that differ. A line that they may understand in two ways is built by nobody's \
              permission.",
        fix: "write the line as the message says",
        bad: "RUN --mount=type=cache,target=/root pip install requests",
        good: "RUN pip install requests",
        look: Look::Itself(fault),
    },
    Rule {
        id: "HAP326",
        severity: Severity::Warning,
        title: "a signal to stop that a program cannot answer",
        why: "The host asks the plugin to stop by the signal of the image. SIGKILL ends it in the middle of what it does, and other \
              signals are not what frameworks wait for.",
        fix: "remove STOPSIGNAL: SIGTERM is the default",
        bad: "STOPSIGNAL SIGKILL",
        good: "(no STOPSIGNAL)",
        look: Look::Itself(signal),
    },
];

pub(super) fn at(
    subject: &Subject,
    findings: &mut Findings,
    instruction: &Instruction,
    part: &str,
    message: String,
) {
    let text = subject.dockerfile_text();
    let spot = Spot::of_part(text, instruction.line, part);
    findings.at(&subject.dockerfile_name, text, spot, message);
}

fn health_check(subject: &Subject, findings: &mut Findings) {
    let Some(file) = subject.dockerfile.as_ref().filter(|file| file.is_scratch()) else {
        return;
    };
    let Some(instruction) = file.of_image("HEALTHCHECK").next_back() else {
        return;
    };
    let has_shell = super::program::provides(subject, "/bin/sh");
    let program = match instruction.health() {
        Some(Start::Shell(_)) if !has_shell => "a shell".to_owned(),
        Some(Start::Exec(words)) => {
            let program = words.first().cloned().unwrap_or_default();
            let base = program.rsplit('/').next().unwrap_or_default();
            let is_tool = matches!(base, "curl" | "wget" | "sh" | "bash" | "nc");
            let path = if program.contains('/') {
                program.clone()
            } else {
                format!("/bin/{program}")
            };
            if !is_tool || super::program::provides(subject, &path) {
                return;
            }
            quoted(&program)
        }
        _ => return,
    };
    let message = format!("HEALTHCHECK calls {program}, and an image FROM scratch has none");
    at(subject, findings, instruction, &instruction.rest, message);
}

fn root(subject: &Subject, findings: &mut Findings) {
    let Some(file) = &subject.dockerfile else { return };
    if let Some(user) = file.of_image("USER").next_back() {
        let name = user.rest.split(':').next().unwrap_or_default().trim();
        if matches!(name, "root" | "0") {
            at(
                subject,
                findings,
                user,
                &user.rest,
                format!("USER {} is root", quoted(&user.rest)),
            );
        }
    }
}

fn port(subject: &Subject, findings: &mut Findings) {
    let (Some(file), Some(manifest)) = (&subject.dockerfile, &subject.manifest) else {
        return;
    };
    let port = manifest.api_port().to_string();
    let exposed: Vec<_> = file.of_image("EXPOSE").collect();
    let words = |instruction: &&Instruction| -> Vec<String> {
        let words = instruction.rest.split_ascii_whitespace();
        words
            .map(|word| word.trim_end_matches("/tcp").to_owned())
            .collect()
    };
    let is_it = |instruction: &&Instruction| {
        words(instruction)
            .iter()
            .any(|word| *word == port || word.contains(['$', '-']))
    };
    if let Some(first) = exposed.first().filter(|_| !exposed.iter().any(is_it)) {
        let message = format!(
            "EXPOSE {} is not the api_port of the manifest, {port}",
            quoted(&first.rest)
        );
        at(subject, findings, first, &first.rest, message);
    }
}

fn shell(subject: &Subject, findings: &mut Findings) {
    if let Some((instruction, Start::Shell(text))) = subject.start() {
        let starts_itself = text.trim_start().starts_with("exec ");
        let is_scratch = subject
            .dockerfile
            .as_ref()
            .is_some_and(super::super::dockerfile::Dockerfile::is_scratch);
        if !starts_itself || is_scratch {
            let message = format!("{} {} is started by a shell", instruction.keyword, quoted(&text));
            at(subject, findings, instruction, &text, message);
        }
    }
}

fn nothing(subject: &Subject, findings: &mut Findings) {
    let Some(file) = subject.dockerfile.as_ref().filter(|file| file.is_scratch()) else {
        return;
    };
    if file
        .of_image("ENTRYPOINT")
        .chain(file.of_image("CMD"))
        .next()
        .is_none()
    {
        let message = "there is neither ENTRYPOINT nor CMD, and scratch has none";
        findings.file(&subject.dockerfile_name, message);
    }
}

fn add(subject: &Subject, findings: &mut Findings) {
    let Some(file) = &subject.dockerfile else { return };
    for instruction in file.all("ADD") {
        let copy = instruction.copy();
        let sources = copy.iter().flat_map(|copy| &copy.sources);
        for source in sources.filter(|source| source.contains("://") || source.starts_with("git@")) {
            at(
                subject,
                findings,
                instruction,
                source,
                format!("ADD fetches {}", quoted(source)),
            );
        }
    }
}

fn base(subject: &Subject, findings: &mut Findings) {
    let Some(file) = &subject.dockerfile else { return };
    let text = subject.dockerfile_text();
    for stage in &file.stages {
        let image = stage.base.as_str();
        if image == "scratch" || image.contains(['$', '@']) || file.is_stage(image) {
            continue;
        }
        let name = image.rsplit('/').next().unwrap_or(image);
        let tag = name.split_once(':').map(|(_, tag)| tag);
        if matches!(tag, None | Some("latest")) {
            let spot = Spot::of_part(text, stage.line, image);
            let message = format!("the base image {} has no version", quoted(image));
            findings.at(&subject.dockerfile_name, text, spot, message);
        }
    }
}

fn judged(subject: &Subject) -> Option<Judged> {
    subject.dockerfile.as_ref()?;
    Some(Judged::read(subject.dockerfile_text().as_bytes()))
}

fn build(subject: &Subject, findings: &mut Findings) {
    let Some(judged) = judged(subject).filter(|judged| judged.fault().is_none()) else {
        return;
    };
    let Some(step) = judged.steps().first() else {
        return;
    };
    let text = subject.dockerfile_text();
    let message = format!(
        "building it takes the permission `build`: {} does more than copy files",
        quoted(step.text())
    );
    findings.at(
        &subject.dockerfile_name,
        text,
        Spot::of_line(text, step.line()),
        message,
    );
}

fn fault(subject: &Subject, findings: &mut Findings) {
    let Some(judged) = judged(subject) else { return };
    let Some(fault) = judged.fault() else { return };
    let text = subject.dockerfile_text();
    let line = text.lines().nth(fault.line() - 1).unwrap_or_default();
    // An address is told of by the rule about it.
    if line.trim_start().to_ascii_uppercase().starts_with("ADD ") && line.contains("://") {
        return;
    }
    let spot = Spot::of_line(text, fault.line());
    findings.at(&subject.dockerfile_name, text, spot, fault.rule());
}

fn signal(subject: &Subject, findings: &mut Findings) {
    let Some(file) = &subject.dockerfile else { return };
    if let Some(signal) = file.of_image("STOPSIGNAL").next_back() {
        let name = signal.rest.trim().to_ascii_uppercase();
        let name = name.strip_prefix("SIG").unwrap_or(&name);
        if !matches!(name, "TERM" | "15" | "INT" | "2") {
            at(
                subject,
                findings,
                signal,
                &signal.rest,
                format!("STOPSIGNAL is {}", quoted(&signal.rest)),
            );
        }
    }
}
