use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{
    finding::{Finding, Findings, Look, Rule},
    rules::BROKEN_RULE,
    subject::Subject,
};

/// Holds a plugin to all these rules. A rule that breaks is a finding, and the others go on.
pub(crate) fn check(subject: &Subject, rules: &[&'static Rule]) -> Vec<Finding> {
    let mut found = Vec::new();
    for rule in rules {
        let look = || {
            let mut findings = Findings::of(rule);
            match rule.look {
                Look::Itself(look) => look(subject, &mut findings),
                Look::Issue(code) => {
                    let issues = subject.issues.iter().filter(|(issue, _)| issue.code() == code);
                    for (issue, severity) in issues {
                        findings.issue(super::MANIFEST, subject.manifest_text(), issue, *severity);
                    }
                }
                Look::Run => {}
            }
            findings
        };
        // What a rule had found is lost with it, and nothing else is shared.
        let findings = catch_unwind(AssertUnwindSafe(look)).unwrap_or_else(|_| {
            let mut findings = Findings::of(&BROKEN_RULE);
            findings.whole(format!("the rule {} broke; the others went on", rule.id));
            findings
        });
        found.extend(findings.into_found());
    }
    sort(&mut found);
    found
}

/// In the order of files and lines. What is about the plugin as a whole comes first.
pub(crate) fn sort(found: &mut [Finding]) {
    found.sort_by(|a, b| {
        let key = |finding: &Finding| (finding.file.clone(), finding.spot, finding.rule.id);
        key(a).cmp(&key(b))
    });
}
