use std::fmt::Write as _;

use super::finding::Rule;

/// What a person asks who does not know a rule.
pub(crate) fn explain(rule: &Rule) -> String {
    format!(
        "{} {}: {}\n\n{}\n\nFix: {}\n\nBad:\n{}\n\nGood:\n{}",
        rule.id,
        rule.severity,
        rule.title,
        rule.why,
        rule.fix,
        indented(rule.bad),
        indented(rule.good),
    )
}

fn indented(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(|line| format!("    {line}")).collect();
    lines.join("\n")
}

/// All rules as a page.
#[cfg_attr(not(test), expect(dead_code, reason = "a test writes the page"))]
pub(crate) fn page(rules: &[&Rule]) -> String {
    let mut out = String::from(
        "# Rules of `hap check`\n\n\
         Made from the rules themselves; `hap check --explain ID` prints the same. Ids are stable: `HAP1` is about the\n\
         manifest, `HAP2` about what is packed, `HAP3` about the image, `HAP4` about what people see, `HAP5` about secrets and `HAP9`\n\
         about the check itself. Errors always fail a check, other findings with `--deny`. `--allow ID`, or a line `ID reason`\n\
         in the file `.hapcheck`, lets one pass.\n\n\
         | id | severity | rule |\n|---|---|---|\n",
    );
    for rule in rules {
        let anchor = rule.id.to_ascii_lowercase();
        // A string takes everything.
        let _ = writeln!(
            out,
            "| [{}](#{anchor}) | {} | {} |",
            rule.id, rule.severity, rule.title
        );
    }
    for rule in rules {
        let _ = write!(
            out,
            "\n## {}\n\n{}: {}.\n\n{}\n\nFix: {}\n\n```text\n{}\n```\n\nbecomes\n\n```text\n{}\n```\n",
            rule.id,
            rule.severity,
            rule.title,
            rule.why,
            rule.fix,
            rule.bad.trim_end(),
            rule.good.trim_end(),
        );
    }
    out
}
