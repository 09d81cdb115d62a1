//! Files for people: README, list of changes, icon.

use hap_manifest::package::{CHANGELOG, README};

use crate::lint::{
    excerpt::Spot,
    finding::{Findings, Look, Rule},
    severity::Severity,
    shown::quoted,
    subject::Subject,
};

/// Fewer characters than this say nothing.
const SHORTEST_README: usize = 80;
const LARGEST_ICON: usize = 256 << 10;
const WIDEST_ICON: u32 = 1024;

pub(crate) static RULES: &[Rule] = &[
    Rule {
        id: "HAP401",
        severity: Severity::Warning,
        title: "a README that says nothing",
        why: "It is all that somebody reads before the plugin gets into their home. An empty one, or one with what a template left to \
              fill in, tells them to take another plugin.",
        fix: "write what the plugin does, what it needs and how it is set up",
        bad: "# bell\n\nTODO",
        good: "# bell\n\nRings when somebody is at the door. Needs a button at a GPIO pin; name the pin in the settings.",
        look: Look::Itself(readme),
    },
    Rule {
        id: "HAP408",
        severity: Severity::Warning,
        title: "an icon that is too large, or no picture",
        why: "Lists show many icons at once. Pages refuse what they do not know, and shrink what has more than 1024 pixels or 256 KiB.",
        fix: "make it a PNG or SVG of at most 1024 by 1024 pixels and 256 KiB",
        bad: "icon.png with 3 MB",
        good: "icon.svg with 4 KB",
        look: Look::Itself(icon),
    },
    Rule {
        id: "HAP409",
        severity: Severity::Warning,
        title: "an icon that is not there",
        why: "The manifest names a file that the package does not have, so the plugin is shown without an icon.",
        fix: "add the file, or correct `icon` in the manifest",
        bad: "{\"icon\": \"icon.svg\"}      (no such file)",
        good: "{\"icon\": \"icon.svg\"}      icon.svg",
        look: Look::Itself(no_icon),
    },
    Rule {
        id: "HAP410",
        severity: Severity::Warning,
        title: "a list of changes without this version",
        why: "Who is asked to update to this version looks for it there, and finds only older ones.",
        fix: "add a heading with the version of the manifest",
        bad: "## 1.0.0      with \"version\": \"1.1.0\"",
        good: "## 1.1.0      with \"version\": \"1.1.0\"",
        look: Look::Itself(changes),
    },
    Rule {
        id: "HAP415",
        severity: Severity::Advice,
        title: "a link of the README to a file that is not packed",
        why: "Where the README is shown with the package, the link leads nowhere.",
        fix: "pack the file, or write the whole address of the page",
        bad: "See [the guide](../docs/guide.md).",
        good: "See [the guide](https://example.com/guide).",
        look: Look::Itself(links),
    },
];

/// What templates leave to fill in.
const PLACEHOLDERS: [&str; 7] = [
    "TODO",
    "FIXME",
    "Lorem ipsum",
    "CHANGEME",
    "CHANGE ME",
    "<your ",
    "Your Name",
];

/// What a text has of a template.
pub(super) fn placeholder(text: &str) -> Option<&'static str> {
    PLACEHOLDERS.into_iter().find(|mark| text.contains(mark))
}

fn readme(subject: &Subject, findings: &mut Findings) {
    let Some(text) = subject.view.text(README) else {
        return;
    };
    let prose = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let count: usize = prose.map(|line| line.trim().chars().count()).sum();
    if count < SHORTEST_README {
        let message = format!("README.md has {count} characters besides its headings");
        findings.file(README, message);
    } else if let Some((mark, spot)) =
        placeholder(text).and_then(|mark| Some((mark, Spot::find(text, mark)?)))
    {
        findings.at(
            README,
            text,
            spot,
            format!("README.md has {} of a template", quoted(mark)),
        );
    }
}

fn named_icon(subject: &Subject) -> Option<&str> {
    let icon = subject.manifest.as_ref()?.listing().icon()?;
    (!icon.contains("://") && icon.contains('.')).then_some(icon)
}

fn no_icon(subject: &Subject, findings: &mut Findings) {
    if let Some(icon) = named_icon(subject).filter(|icon| !subject.view.files.contains_key(*icon)) {
        findings.pointer(subject, "/icon", format!("there is no file {}", quoted(icon)));
    }
}

fn icon(subject: &Subject, findings: &mut Findings) {
    let Some(name) = named_icon(subject) else { return };
    let Some(file) = subject.view.files.get(name) else {
        return;
    };
    if file.size > LARGEST_ICON {
        let message = format!(
            "the icon has {} KiB, at most {} are shown",
            file.size >> 10,
            LARGEST_ICON >> 10
        );
        findings.file(name, message);
        return;
    }
    let head = &file.head;
    let is_svg = std::str::from_utf8(head).is_ok_and(|text| text.contains("<svg"));
    let is_other =
        head.starts_with(&[0xff, 0xd8, 0xff]) || head.starts_with(b"GIF8") || head.starts_with(b"RIFF");
    if let Some((width, height)) = png(head) {
        if width > WIDEST_ICON || height > WIDEST_ICON || width == 0 || height == 0 {
            let message = format!(
                "the icon has {width} by {height} pixels, at most {WIDEST_ICON} by {WIDEST_ICON} are shown"
            );
            findings.file(name, message);
        }
    } else if !is_svg && !is_other {
        findings.file(
            name,
            format!("{} is neither PNG, SVG, JPEG, GIF nor WebP", quoted(name)),
        );
    }
}

/// The width and height of a PNG.
fn png(head: &[u8]) -> Option<(u32, u32)> {
    let rest = head.strip_prefix(b"\x89PNG\r\n\x1a\n")?.get(8..)?;
    let (width, rest) = rest.split_first_chunk::<4>()?;
    let (height, _) = rest.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*width), u32::from_be_bytes(*height)))
}

fn changes(subject: &Subject, findings: &mut Findings) {
    let (Some(text), Some(manifest)) = (subject.view.text(CHANGELOG), &subject.manifest) else {
        return;
    };
    let version = manifest.version().to_string();
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+');
    let names_it = text.lines().any(|line| {
        line.split(|c: char| !is_part(c))
            .any(|word| word.trim_start_matches('v').trim_end_matches('.') == version)
    });
    if !names_it {
        findings.file(
            CHANGELOG,
            format!("CHANGELOG.md does not name the version {version}"),
        );
    }
}

fn links(subject: &Subject, findings: &mut Findings) {
    let Some(text) = subject.view.text(README).filter(|_| !subject.view.is_partial) else {
        return;
    };
    for (index, line) in text.lines().enumerate() {
        for target in line
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split([')', ' ']).next())
        {
            let path = target.split(['#', '?']).next().unwrap_or_default();
            if path.is_empty() || path.contains(':') || path.starts_with("//") {
                continue;
            }
            let plain = path.trim_start_matches("./").trim_end_matches('/');
            if plain.starts_with("../") || plain.starts_with('/') || !subject.view.has(plain) {
                let spot = Spot::of_part(text, index + 1, target);
                findings.at(README, text, spot, format!("{} is not packed", quoted(path)));
            }
        }
    }
}
