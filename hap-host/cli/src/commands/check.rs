use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use crate::{
    elf::this_arch,
    failure::{Exit, Failure},
    lint::{self, Finding, RULES, Rule, Severity, Subject, View, arch_of, explain},
    terminal::Console,
};

/// Finds what is wrong with a plugin, all at once
///
/// Errors fail the check. Warnings and advice do with `--deny`. A line `ID reason` in the file .hapcheck lets a finding pass.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
    hap check
    hap check ./bell --deny warnings
    hap check bell-1.0.0.zip --allow HAP316
    hap check --explain HAP305
    hap check --rules")]
pub(crate) struct Check {
    /// The plugin's folder, its manifest.json or a package
    #[arg(default_value = ".")]
    path: PathBuf,

    /// What fails the check besides errors: warnings, advice (and warnings), or ids of rules
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    deny: Vec<String>,

    /// Ids of rules whose findings are left out
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    allow: Vec<String>,

    /// The processor that the plugin is to run on, such as arm64 [default: this machine's]
    #[arg(long)]
    arch: Option<String>,

    /// Explains a rule: why it matters, how it is kept, an example
    #[arg(long, value_name = "ID", conflicts_with_all = ["rules", "deny", "allow"])]
    explain: Option<String>,

    /// Lists all rules
    #[arg(long, conflicts_with_all = ["deny", "allow"])]
    rules: bool,
}

/// Which findings fail a check.
#[derive(Debug)]
struct Denied {
    from: Severity,
    ids: Vec<&'static str>,
}

impl Check {
    pub(crate) async fn run(self, console: &Console) -> Result<Exit, Failure> {
        if self.rules {
            return Ok(list(console));
        }
        if let Some(id) = &self.explain {
            let rule = named(id)?;
            console.result("check", &about(rule), explain(rule));
            return Ok(Exit::Done);
        }
        let denied = Denied::read(&self.deny)?;
        let allowed = self.allow.iter().map(|id| Ok(named(id)?.id.to_owned()));
        let allowed = allowed.collect::<Result<Vec<_>, Failure>>()?;
        let arch = self.arch.unwrap_or_else(|| this_arch().to_owned());
        let found = look(self.path, arch, allowed).await?.found;
        let mut counts = Counts::default();
        let mut text = String::new();
        for finding in &found {
            counts.add(finding, denied.is_denied(finding));
            text.push_str(&finding.render());
            text.push('\n');
        }
        let findings: Vec<_> = found
            .iter()
            .map(|finding| finding.to_json(denied.is_denied(finding)))
            .collect();
        let result = json!({
            "findings": findings,
            "errors": counts.errors,
            "warnings": counts.warnings,
            "advice": counts.advice,
            "denied": counts.denied,
        });
        console.result("check", &result, format_args!("{text}{}", counts.sentence()));
        Ok(if counts.denied == 0 {
            Exit::Done
        } else {
            Exit::Failed
        })
    }
}

/// What a look at a plugin brings.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) found: Vec<Finding>,
    /// The processor of its programs.
    pub(super) arch: Option<String>,
    /// Files and folders that are there and would not be packed.
    pub(super) left_out: Vec<String>,
}

/// Looks at a folder or a package with all rules.
///
/// On a thread of its own: it reads files, and Ctrl-C is to be heard meanwhile.
pub(super) async fn look(path: PathBuf, arch: String, allowed: Vec<String>) -> Result<Seen, Failure> {
    tokio::task::spawn_blocking(move || {
        let subject = Subject::new(view(&path)?, &arch);
        let found = lint::check(&subject, &RULES);
        Ok(Seen {
            found: lint::apply(&subject, found, &allowed),
            arch: arch_of(&subject.view),
            left_out: subject.view.left_out,
        })
    })
    .await
    .map_err(|error| Failure::new(Exit::Failed, "not_checked", error.to_string()))?
}

fn view(path: &Path) -> Result<View, Failure> {
    let missing = |error: std::io::Error| {
        let message = format!("{}: {error}", path.display());
        Failure::new(Exit::NotFound, "no_such_file", message)
            .help("name the folder of a plugin or a package; `hap new NAME` makes a plugin")
    };
    // By what it leads to: a link to a folder is that folder.
    let path = std::fs::canonicalize(path).map_err(missing)?;
    if path.is_dir() {
        return View::of_folder(&path);
    }
    match (path.file_name(), path.parent()) {
        (Some(name), Some(folder)) if name == lint::MANIFEST => View::of_folder(folder),
        _ => View::of_package(&path),
    }
}

fn named(id: &str) -> Result<&'static Rule, Failure> {
    lint::rule(&id.to_ascii_uppercase()).ok_or_else(|| {
        let message = format!("{id:?} is no rule");
        Failure::new(Exit::Usage, "no_such_rule", message).help("`hap check --rules` lists them")
    })
}

fn about(rule: &Rule) -> serde_json::Value {
    json!({
        "id": rule.id,
        "severity": rule.severity.to_string(),
        "title": rule.title,
        "why": rule.why,
        "fix": rule.fix,
        "bad": rule.bad,
        "good": rule.good,
    })
}

fn list(console: &Console) -> Exit {
    let result: Vec<_> = RULES.iter().map(|rule| about(rule)).collect();
    let lines = RULES
        .iter()
        .map(|rule| format!("{}  {:<8} {}", rule.id, rule.severity, rule.title));
    let text: Vec<_> = lines.collect();
    console.result("check", &json!({"rules": result}), text.join("\n"));
    Exit::Done
}

impl Denied {
    fn read(words: &[String]) -> Result<Self, Failure> {
        let mut denied = Self {
            from: Severity::Error,
            ids: Vec::new(),
        };
        for word in words {
            match word.as_str() {
                "errors" => {}
                "warnings" => denied.from = denied.from.min(Severity::Warning),
                "advice" => denied.from = Severity::Advice,
                id => denied.ids.push(named(id)?.id),
            }
        }
        Ok(denied)
    }

    fn is_denied(&self, finding: &Finding) -> bool {
        finding.severity >= self.from || self.ids.contains(&finding.rule.id)
    }
}

/// How many findings there are of each kind.
#[derive(Debug, Default)]
struct Counts {
    errors: usize,
    warnings: usize,
    advice: usize,
    denied: usize,
}

impl Counts {
    fn add(&mut self, finding: &Finding, is_denied: bool) {
        match finding.severity {
            Severity::Error => self.errors += 1,
            Severity::Warning => self.warnings += 1,
            Severity::Advice => self.advice += 1,
        }
        self.denied += usize::from(is_denied);
    }

    fn sentence(&self) -> String {
        let many = |count: usize, one: &str, more: &str| match count {
            0 => None,
            1 => Some(format!("1 {one}")),
            count => Some(format!("{count} {more}")),
        };
        let parts: Vec<_> = [
            many(self.errors, "error", "errors"),
            many(self.warnings, "warning", "warnings"),
            many(self.advice, "piece of advice", "pieces of advice"),
        ]
        .into_iter()
        .flatten()
        .collect();
        match parts.is_empty() {
            true => "nothing found".to_owned(),
            false => format!("{}; `hap check --explain ID` says why", parts.join(", ")),
        }
    }
}
