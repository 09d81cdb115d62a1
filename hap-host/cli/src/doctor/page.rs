use std::fmt::Write as _;

use super::check::Check;

/// What a person asks who does not know a check.
pub(crate) fn explain(check: &Check) -> String {
    let probes = if check.probes {
        "\n\nIt starts containers of its own, so --quick leaves it out."
    } else {
        ""
    };
    let (what, bounds, fix) = (check.what, check.bounds, check.fix);
    format!("{}\n\n{what}\n\nFound: {bounds}\n\nFix: {fix}.{probes}", check.id)
}

/// All checks as a page.
#[cfg_attr(not(test), expect(dead_code, reason = "a test writes the page"))]
pub(super) fn page(checks: &[&Check]) -> String {
    let mut out = String::from(
        "# Checks of `hap doctor`\n\n\
         Made from the checks themselves; `hap doctor --explain ID` prints the same. Ids are stable. `hap doctor` works where no host\n\
         runs, and tells why none would start; a host that runs is asked how it does, and is not disturbed.\n\n\
         A check finds *ok*, *warn* (a host runs, with less than it should have), *fix* (no host runs, or plugins are not safe) or\n\
         *unknown* (it could not be looked at, and the finding says why). The exit code is 1 where one finds *fix*, else 0. Each *warn* and *fix*\n\
         comes with the command that mends it.\n\n\
         `--only ID` looks at some. `--quick` starts no containers: it is mostly done at once, and in 20 s at the most, whatever hangs. Otherwise\n\
         containers of the doctor's own run for some seconds, 40 s at the most, and are removed; an engine that hangs meanwhile is given\n\
         three minutes for that.\n",
    );
    let mut group = None;
    for check in checks {
        if group != Some(check.group) {
            group = Some(check.group);
            // A string takes everything.
            let _ = write!(
                out,
                "\n## {}\n\n| id | what is looked at | found | fix |\n|---|---|---|---|\n",
                check.group
            );
        }
        let containers = if check.probes {
            " It starts containers."
        } else {
            ""
        };
        let cells = [check.what, check.bounds, check.fix].map(|cell| cell.replace('|', "\\|"));
        let [what, bounds, fix] = cells;
        let _ = writeln!(out, "| `{}` | {what}{containers} | {bounds} | {fix} |", check.id);
    }
    out
}
