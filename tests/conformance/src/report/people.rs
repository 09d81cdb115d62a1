use std::fmt::{self, Formatter};

use super::{CaseReport, Report, told};
use crate::{level::Weight, outcome::Outcome};

impl fmt::Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write(self, f)
    }
}

/// Failures first, each with what was sent, what came, the sentence and the fix; then a line for the rest.
fn write(report: &Report, f: &mut Formatter<'_>) -> fmt::Result {
    for case in report.failures(Weight::Required) {
        failure(case, "FAIL", f)?;
    }
    for case in report.stale() {
        writeln!(f, "STALE {}", case.id)?;
        let reason = case.expected.as_deref().unwrap_or_default();
        writeln!(f, "  it passes, and is expected to fail: {reason}")?;
        writeln!(f, "  fix       take it off the list of expected failures\n")?;
    }
    for weight in [Weight::Recommended, Weight::Optional] {
        for case in report.failures(weight) {
            failure(
                case,
                if weight == Weight::Recommended {
                    "advice"
                } else {
                    "note"
                },
                f,
            )?;
        }
    }
    for case in report
        .cases
        .iter()
        .filter(|case| case.expected.is_some() && case.outcome == Outcome::Fail)
    {
        let reason = case.expected.as_deref().unwrap_or_default();
        writeln!(f, "expected to fail: {} ({reason})", case.id)?;
    }
    for weight in [Weight::Required, Weight::Recommended, Weight::Optional] {
        let all = report.cases.iter().filter(|case| case.weight == weight);
        let count = |outcome| all.clone().filter(|case| case.outcome == outcome).count();
        let (pass, fail) = (count(Outcome::Pass), count(Outcome::Fail) + count(Outcome::Error));
        let skipped = count(Outcome::NotApplicable);
        if pass + fail + skipped > 0 {
            let skipped = match skipped {
                0 => String::new(),
                skipped => format!(", {skipped} not applicable"),
            };
            writeln!(
                f,
                "{:<12} {pass} of {} pass{skipped}",
                weight.as_str(),
                pass + fail
            )?;
        }
    }
    let verdict = if report.conformant {
        "conforms"
    } else {
        "does not conform"
    };
    let seconds = report.took_ms / 100;
    writeln!(
        f,
        "{} {verdict} at level {} ({}.{} s)",
        report.target,
        report.level,
        seconds / 10,
        seconds % 10
    )
}

fn failure(case: &CaseReport, word: &str, f: &mut Formatter<'_>) -> fmt::Result {
    writeln!(f, "{word} {}: {}", case.id, case.title)?;
    let mut line = |name: &str, text: &str| {
        let text = text.replace('\n', "\n            ");
        writeln!(f, "  {name:<9} {text}")
    };
    if let Some(finding) = &case.finding {
        line("sent", &finding.sent)?;
        line("came", &finding.came)?;
        line("expected", &finding.expected)?;
    }
    if let Some(note) = &case.note {
        line("error", note)?;
    }
    line("rule", &format!("{}: {}", case.sentence, told(case)))?;
    if let Some(fix) = &case.fix {
        line("fix", fix)?;
    }
    writeln!(f)
}
