use hap_manifest::{Issue, IssueCode, document};
use serde_json::{Value, json};

use super::{
    excerpt::{self, Spot},
    severity::Severity,
    shown::shown,
    subject::Subject,
};

/// A rule: what it is about, and how a plugin is held to it.
#[derive(Debug)]
pub(crate) struct Rule {
    /// Stable: scripts and allow lists name it.
    pub(crate) id: &'static str,
    pub(crate) severity: Severity,
    pub(crate) title: &'static str,
    /// Why it matters.
    pub(crate) why: &'static str,
    /// How it is mended.
    pub(crate) fix: &'static str,
    pub(crate) bad: &'static str,
    pub(crate) good: &'static str,
    pub(crate) look: Look,
}

/// How findings of a rule are found.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Look {
    /// Reading the manifest strictly finds them, with this code.
    Issue(IssueCode),
    /// The rule looks itself.
    Itself(fn(&Subject, &mut Findings)),
    /// Whoever runs the rules finds them.
    Run,
}

/// What a rule found.
#[derive(Debug, Clone)]
pub(crate) struct Finding {
    pub(crate) rule: &'static Rule,
    pub(crate) severity: Severity,
    /// The file, by its name in the plugin's folder.
    pub(crate) file: Option<String>,
    pub(crate) spot: Option<(usize, usize)>,
    pub(crate) message: String,
    pub(crate) fix: String,
    excerpt: Option<String>,
}

/// Collects what one rule finds.
#[derive(Debug)]
pub(crate) struct Findings {
    rule: &'static Rule,
    found: Vec<Finding>,
}

/// Most findings of one rule. A folder of a thousand such files is said with fewer.
const MOST_OF_A_RULE: usize = 50;

impl Findings {
    pub(crate) const fn of(rule: &'static Rule) -> Self {
        Self {
            rule,
            found: Vec::new(),
        }
    }

    pub(crate) fn into_found(self) -> Vec<Finding> {
        self.found
    }

    /// About the plugin as a whole.
    pub(crate) fn whole(&mut self, message: impl Into<String>) -> &mut Self {
        self.push(None, None, &message.into(), None)
    }

    /// About a file.
    pub(crate) fn file(&mut self, file: &str, message: impl Into<String>) -> &mut Self {
        self.push(Some(file), None, &message.into(), None)
    }

    /// About a place in a file, which is shown.
    pub(crate) fn at(&mut self, file: &str, text: &str, spot: Spot, message: impl Into<String>) -> &mut Self {
        let excerpt = excerpt::draw(text, spot);
        self.push(
            Some(file),
            Some((spot.line, spot.column)),
            &message.into(),
            Some(excerpt),
        )
    }

    /// About a line that holds a secret: nobody is shown it.
    pub(crate) fn at_hidden(&mut self, file: &str, line: usize, message: impl Into<String>) -> &mut Self {
        self.push(Some(file), Some((line, 1)), &message.into(), None)
    }

    /// About a value of the manifest.
    pub(crate) fn pointer(
        &mut self,
        subject: &Subject,
        pointer: &str,
        message: impl Into<String>,
    ) -> &mut Self {
        self.in_json(super::MANIFEST, subject.manifest_text(), pointer, message, true)
    }

    /// About a value of the manifest that nobody is shown.
    pub(crate) fn hidden_pointer(
        &mut self,
        subject: &Subject,
        pointer: &str,
        message: impl Into<String>,
    ) -> &mut Self {
        self.in_json(super::MANIFEST, subject.manifest_text(), pointer, message, false)
    }

    fn in_json(
        &mut self,
        file: &str,
        text: &str,
        pointer: &str,
        message: impl Into<String>,
        is_shown: bool,
    ) -> &mut Self {
        // The reader of documents knows where a pointer leads.
        let located = document::read_with::<Value>(text.as_bytes(), |_, rules| rules.refuse(pointer, "", ""));
        let issue = located.err().and_then(|error| error.issues().first().cloned());
        let excerpt = issue
            .as_ref()
            .filter(|_| is_shown)
            .and_then(|issue| drawn(issue, text));
        self.push(
            Some(file),
            issue.as_ref().and_then(place),
            &message.into(),
            excerpt,
        )
    }

    /// An issue that another reader found.
    pub(crate) fn issue(&mut self, file: &str, text: &str, issue: &Issue, severity: Severity) {
        let pointer = match issue.pointer() {
            "" => String::new(),
            pointer => format!(" ({pointer})"),
        };
        let message = format!("{}{pointer}", issue.message());
        self.push(Some(file), place(issue), &message, drawn(issue, text))
            .severity(severity);
        if let Some(help) = issue.help() {
            self.fix(help);
        }
    }

    /// How the last one is mended, where that is better said than by the rule.
    pub(crate) fn fix(&mut self, fix: impl Into<String>) -> &mut Self {
        if let Some(last) = self.found.last_mut() {
            last.fix = shown(&fix.into());
        }
        self
    }

    fn severity(&mut self, severity: Severity) -> &mut Self {
        if let Some(last) = self.found.last_mut() {
            last.severity = severity;
        }
        self
    }

    fn push(
        &mut self,
        file: Option<&str>,
        spot: Option<(usize, usize)>,
        message: &str,
        excerpt: Option<String>,
    ) -> &mut Self {
        if self.found.len() < MOST_OF_A_RULE {
            self.found.push(Finding {
                rule: self.rule,
                severity: self.rule.severity,
                file: file.map(str::to_owned),
                spot,
                message: shown(message),
                fix: self.rule.fix.to_owned(),
                excerpt,
            });
        }
        self
    }
}

fn place(issue: &Issue) -> Option<(usize, usize)> {
    let number = |number: Option<u32>| usize::try_from(number?).ok();
    Some((number(issue.line())?, number(issue.column())?))
}

/// The lines of an issue that show where it is.
fn drawn(issue: &Issue, text: &str) -> Option<String> {
    issue.line()?;
    let rendered = issue.render(text);
    let lines: Vec<_> = rendered.lines().skip(2).take(3).collect();
    Some(lines.join("\n"))
}

impl Finding {
    /// The finding for people, in lines.
    pub(crate) fn render(&self) -> String {
        let mut out = format!("{}[{}]: {}\n", self.severity, self.rule.id, self.message);
        if let Some(file) = &self.file {
            let file = shown(file);
            match self.spot {
                Some((line, column)) => out.push_str(&format!(" --> {file}:{line}:{column}\n")),
                None => out.push_str(&format!(" --> {file}\n")),
            }
        }
        if let Some(excerpt) = &self.excerpt {
            out.push_str(excerpt);
            out.push('\n');
        }
        out.push_str(&format!("  = fix: {}\n", self.fix));
        out
    }

    pub(crate) fn to_json(&self, is_denied: bool) -> Value {
        json!({
            "id": self.rule.id,
            "severity": self.severity.to_string(),
            "denied": is_denied,
            "file": self.file,
            "line": self.spot.map(|(line, _)| line),
            "column": self.spot.map(|(_, column)| column),
            "message": self.message,
            "fix": self.fix,
        })
    }
}
