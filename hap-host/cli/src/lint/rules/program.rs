//! The program that the image starts.

use crate::{
    elf,
    lint::{
        dockerfile::{Instruction, absolute},
        excerpt::Spot,
        finding::{Findings, Look, Rule},
        severity::Severity,
        shown::quoted,
        subject::Subject,
        view::FileView,
    },
};

pub(crate) static RULES: &[Rule] = &[
    Rule {
        id: "HAP311",
        severity: Severity::Advice,
        title: "a program for another processor than this machine's",
        why: "It does not start here: the kernel says \"exec format error\". For a home with that processor it is right.",
        fix: "build it for this machine with `hap build`, or check it with --arch",
        bad: "bell (arm64) on a machine with amd64",
        good: "bell (amd64) on a machine with amd64",
        look: Look::Itself(processor),
    },
    Rule {
        id: "HAP312",
        severity: Severity::Error,
        title: "a program whose loader the image does not have",
        why: "It is linked dynamically, and an image FROM scratch has neither the loader nor the libraries. The kernel says \"no such \
              file\", although the program is there.",
        fix: "link it statically: `hap build` does, or build with -C target-feature=+crt-static",
        bad: "FROM scratch\nCOPY bell /bell      (needs /lib64/ld-linux-x86-64.so.2)",
        good: "FROM scratch\nCOPY bell /bell      (static)",
        look: Look::Itself(loader),
    },
    Rule {
        id: "HAP313",
        severity: Severity::Error,
        title: "the program is not executable",
        why: "The permission travels with the file into the package and into the image. Without it the container ends with \
              \"permission denied\".",
        fix: "chmod +x the file, or write COPY --chmod=755",
        bad: "-rw-r--r-- bell",
        good: "-rwxr-xr-x bell",
        look: Look::Itself(executable),
    },
    Rule {
        id: "HAP319",
        severity: Severity::Error,
        title: "a script with line ends of Windows",
        why: "The kernel takes the carriage return for a part of the interpreter's name and finds none. The container ends with \"no \
              such file\", although the script is there.",
        fix: "save the file with line ends of Unix, and set `* text=auto eol=lf` in .gitattributes",
        bad: "#!/bin/sh\\r\\n",
        good: "#!/bin/sh\\n",
        look: Look::Itself(line_ends),
    },
    Rule {
        id: "HAP320",
        severity: Severity::Error,
        title: "a script whose interpreter the image does not have",
        why: "An image FROM scratch has no shell, no Python and no Node. The script cannot be started.",
        fix: "begin with an image that has the interpreter, or COPY it into the image",
        bad: "FROM scratch\nCOPY plugin.py /plugin.py      (#!/usr/bin/env python3)",
        good: "FROM python:3.13-slim\nCOPY plugin.py /plugin.py",
        look: Look::Itself(interpreter),
    },
    Rule {
        id: "HAP322",
        severity: Severity::Error,
        title: "the image does not have the program that it starts",
        why: "An image FROM scratch has what is copied into it and nothing else. The container ends before it begins.",
        fix: "COPY the program to the path that ENTRYPOINT names",
        bad: "FROM scratch\nCOPY bell /bin/bell\nENTRYPOINT [\"/bell\"]",
        good: "FROM scratch\nCOPY bell /bell\nENTRYPOINT [\"/bell\"]",
        look: Look::Itself(missing),
    },
    Rule {
        id: "HAP330",
        severity: Severity::Warning,
        title: "a variable makes the plugin listen to itself alone",
        why: "At 127.0.0.1 nobody outside of the container reaches it, the host included. The plugin would never become healthy.",
        fix: "remove the variable, or write 0.0.0.0",
        bad: "ENV HAP_BIND=127.0.0.1",
        good: "ENV HAP_BIND=0.0.0.0",
        look: Look::Itself(bound),
    },
    Rule {
        id: "HAP331",
        severity: Severity::Warning,
        title: "the program listens to itself alone",
        why: "At 127.0.0.1 or localhost nobody outside of the container reaches it, the host included. The plugin would never become \
              healthy.",
        fix: "listen on 0.0.0.0, at the port of the variable PORT",
        bad: "app.run(host=\"127.0.0.1\", port=8000)",
        good: "app.run(host=\"0.0.0.0\", port=int(os.environ[\"PORT\"]))",
        look: Look::Itself(listens),
    },
];

/// Whether the image has a file at this path, or may have it from another stage or image.
pub(super) fn provides(subject: &Subject, path: &str) -> bool {
    let Some(file) = &subject.dockerfile else {
        return true;
    };
    if !file.is_scratch() || subject.image_files().contains_key(path) {
        return true;
    }
    let workdir = file.workdir();
    let copies = file.of_image("COPY").chain(file.of_image("ADD"));
    copies.filter_map(Instruction::copy).any(|copy| {
        let target = absolute(&workdir, &copy.target);
        let rest = path.strip_prefix(target.trim_end_matches('/'));
        let may_be = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        // What is not there yet is the business of another rule.
        let is_unknown = copy.is_from
            || copy.sources.iter().any(|source| {
                let source = source.trim_start_matches("./").trim_matches('/');
                !subject.view.has(source) || source.contains(['*', '?', '$'])
            });
        may_be && is_unknown
    })
}

/// The programs that are copied into the image, each with its name and how it is copied.
fn programs(subject: &Subject) -> Vec<(String, String, bool)> {
    let start = subject.program();
    let files = subject.image_files().into_iter();
    files
        .map(|(path, file)| {
            let is_start = start.as_deref() == Some(path.as_str());
            (path, file.source, is_start)
        })
        .collect()
}

fn file<'a>(subject: &'a Subject, name: &str) -> Option<&'a FileView> {
    subject.view.files.get(name)
}

fn processor(subject: &Subject, findings: &mut Findings) {
    for (_, name, _) in programs(subject) {
        let elf = file(subject, &name).and_then(|file| elf::read(&file.head));
        if let Some(elf) = elf.filter(|elf| elf.arch != subject.arch) {
            let message = format!(
                "{} is for {}, and this is {}",
                quoted(&name),
                elf.arch,
                subject.arch
            );
            findings.file(&name, message);
        }
    }
}

fn loader(subject: &Subject, findings: &mut Findings) {
    for (path, name, is_start) in programs(subject) {
        let Some(elf) = file(subject, &name).and_then(|file| elf::read(&file.head)) else {
            continue;
        };
        let Some(loader) = elf.loader else { continue };
        // A library names a loader too, and needs none by itself.
        let is_library = path.rsplit('/').next().unwrap_or_default().contains(".so");
        if (is_start || !is_library) && !provides(subject, &loader) {
            let message = format!(
                "{} needs {}, which the image does not have",
                quoted(&name),
                quoted(&loader)
            );
            findings.file(&name, message);
        }
    }
}

fn executable(subject: &Subject, findings: &mut Findings) {
    let Some(start) = subject.program() else { return };
    let files = subject.image_files();
    let Some(started) = files.get(&start) else { return };
    let is_set = started.copy.mode.as_deref().is_some_and(|mode| {
        mode.contains('x') || mode.chars().any(|digit| matches!(digit, '1' | '3' | '5' | '7'))
    });
    if file(subject, &started.source).is_some_and(|file| !file.executable) && !is_set {
        let message = format!("{} is started, and not executable", quoted(&started.source));
        findings.file(&started.source, message);
    }
}

/// Scripts that are in the image and begin by naming an interpreter.
fn scripts(subject: &Subject) -> Vec<(String, String)> {
    let programs = programs(subject).into_iter();
    programs
        .filter_map(|(_, name, is_start)| {
            let file = file(subject, &name)?;
            let line = file.interpreter().filter(|_| is_start || file.executable)?;
            let line = line.to_owned();
            Some((name, line))
        })
        .collect()
}

fn line_ends(subject: &Subject, findings: &mut Findings) {
    for (name, line) in scripts(subject) {
        if line.ends_with('\r') {
            findings.file(
                &name,
                format!("the first line of {} ends with a carriage return", quoted(&name)),
            );
        }
    }
}

fn interpreter(subject: &Subject, findings: &mut Findings) {
    for (name, line) in scripts(subject) {
        let mut words = line.split_ascii_whitespace();
        let program = words.next().unwrap_or_default();
        if program.starts_with('/') && !provides(subject, program) {
            let message = format!(
                "{} is a script for {}, which the image does not have",
                quoted(&name),
                quoted(program)
            );
            let text = subject.view.text(&name).unwrap_or_default();
            findings.at(&name, text, Spot::of_line(text, 1), message);
        }
    }
}

fn missing(subject: &Subject, findings: &mut Findings) {
    let Some((instruction, start)) = subject.start() else {
        return;
    };
    let is_scratch = subject
        .dockerfile
        .as_ref()
        .is_some_and(crate::lint::dockerfile::Dockerfile::is_scratch);
    // A shell that is not there is the business of another rule.
    if !is_scratch || matches!(start, crate::lint::dockerfile::Start::Shell(_)) {
        return;
    }
    let name = start.program();
    let is_there = match subject.program() {
        Some(path) => provides(subject, &path),
        None => ["/bin", "/usr/bin", "/usr/local/bin"]
            .iter()
            .any(|folder| provides(subject, &format!("{folder}/{name}"))),
    };
    if !is_there && !name.contains('$') {
        let text = subject.dockerfile_text();
        let message = format!("nothing is copied to {}, which the image starts", quoted(name));
        let spot = Spot::of_part(text, instruction.line, name);
        findings.at(&subject.dockerfile_name, text, spot, message);
    }
}

fn is_loopback(value: &str) -> bool {
    let host = value.rsplit_once(':').map_or(value, |(host, _)| host);
    matches!(host.trim_matches(['[', ']']), "127.0.0.1" | "localhost" | "::1") || value == "::1"
}

fn names_address(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let parts = || name.split('_');
    parts().any(|part| matches!(part, "BIND" | "LISTEN"))
        || matches!(name.as_str(), "HOST" | "FLASK_RUN_HOST" | "UVICORN_HOST")
}

fn bound(subject: &Subject, findings: &mut Findings) {
    let env = subject
        .dockerfile
        .iter()
        .flat_map(crate::lint::dockerfile::Dockerfile::env);
    let text = subject.dockerfile_text();
    for (line, name, value) in env {
        if names_address(&name) && is_loopback(&value) {
            let message = format!("{} is {}", name, quoted(&value));
            findings.at(
                &subject.dockerfile_name,
                text,
                Spot::of_part(text, line, &value),
                message,
            );
        }
    }
    let variables = subject.manifest.iter().flat_map(hap_manifest::Manifest::env_vars);
    for (name, value) in variables {
        if names_address(name.as_str()) && is_loopback(value) {
            findings.pointer(
                subject,
                &format!("/env_vars/{name}"),
                format!("{name} is {}", quoted(value)),
            );
        }
    }
}

/// What programs in some languages write who listen to themselves alone.
const LISTENING: [&str; 12] = [
    "host=\"127.0.0.1\"",
    "host='127.0.0.1'",
    "host=\"localhost\"",
    "host='localhost'",
    "HTTPServer((\"127.0.0.1\"",
    "HTTPServer(('127.0.0.1'",
    "HTTPServer((\"localhost\"",
    "HTTPServer(('localhost'",
    "--host 127.0.0.1",
    "--bind 127.0.0.1",
    "nc -l 127.0.0.1",
    "httpd -f -p 127.0.0.1",
];

fn listens(subject: &Subject, findings: &mut Findings) {
    let is_source = |name: &str| {
        let end = name.rsplit('.').next().unwrap_or_default();
        matches!(end, "py" | "js" | "mjs" | "cjs" | "ts" | "sh")
    };
    let is_test = |name: &str| {
        name.split('/')
            .any(|part| matches!(part, "test" | "tests" | "docs" | "examples") || part.starts_with("test_"))
    };
    let names = subject
        .view
        .files
        .keys()
        .filter(|name| is_source(name) && !is_test(name));
    for name in names {
        let Some(text) = subject.view.text(name) else {
            continue;
        };
        for (index, line) in text.lines().enumerate() {
            let code = line.trim_start();
            if code.starts_with('#') || code.starts_with("//") {
                continue;
            }
            let node = || {
                let is_call = code.contains(".listen(") && !code.contains("PORT, \"0.0.0.0\"");
                ["\"127.0.0.1\"", "'127.0.0.1'", "\"localhost\"", "'localhost'"]
                    .into_iter()
                    .find(|host| is_call && code.contains(host))
            };
            if let Some(part) = LISTENING
                .into_iter()
                .find(|part| code.contains(part))
                .or_else(node)
            {
                let spot = Spot::of_part(text, index + 1, part);
                findings.at(name, text, spot, "it listens to itself alone".to_owned());
            }
        }
    }
}
