//! What somebody meant who wrote a version, or a range of them, as another tool writes it.

use semver::{Version, VersionReq};

/// Returns the version that a text most likely means: without a `v`, with three numbers and without
/// leading zeros.
pub(crate) fn version(text: &str) -> Option<Version> {
    let text = text.trim();
    let text = text.strip_prefix(['v', 'V']).unwrap_or(text).replace(',', ".");
    let end = text.find(['-', '+']).unwrap_or(text.len());
    let (numbers, rest) = text.split_at(end);
    let numbers: Vec<_> = numbers.split('.').map(plain).collect();
    // A fourth number counts builds of the same version.
    let (three, more) = numbers.split_at(numbers.len().min(3));
    let mut meant = three.join(".");
    meant.push_str(&".0".repeat(3 - three.len()));
    let (before, after) = rest.split_once('+').unwrap_or((rest, ""));
    if let Some(before) = before.strip_prefix('-') {
        let before: Vec<_> = before.split('.').map(plain).collect();
        meant.push('-');
        meant.push_str(&before.join(".").replace('_', "-"));
    }
    let build: Vec<_> = more
        .iter()
        .copied()
        .chain(after.split('.'))
        .filter(|part| !part.is_empty())
        .collect();
    if !build.is_empty() {
        meant.push('+');
        meant.push_str(&build.join(".").replace('_', "-"));
    }
    meant.parse().ok()
}

/// A part without leading zeros.
fn plain(part: &str) -> &str {
    let digits = part.trim_start_matches('0');
    let is_number = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    match (is_number, digits) {
        (true, "") => "0",
        (true, _) => digits,
        (false, _) => part,
    }
}

/// Returns the range that a text most likely means, of those that Ruby, npm and Python write.
pub(crate) fn range(text: &str) -> Option<String> {
    let text = text.trim();
    if let Some((from, to)) = text.split_once(" - ") {
        return checked(format!(">={}, <={}", bare(from), bare(to)));
    }
    if let Some(version) = text.strip_prefix("~>").or_else(|| text.strip_prefix("~=")) {
        // Its last number may grow.
        let version = bare(version);
        let operator = if version.split('.').count() > 2 { '~' } else { '^' };
        return checked(format!("{operator}{version}"));
    }
    let parts = text.split([',', ' ']).filter(|part| !part.is_empty());
    let mut meant: Vec<String> = Vec::new();
    for part in parts {
        let at = part.find(|c: char| !"=<>~^!".contains(c)).unwrap_or(part.len());
        let (operator, version) = part.split_at(at);
        let operator = match operator {
            "==" | "===" => "=",
            "=>" => ">=",
            "=<" => "<=",
            other => other,
        };
        match meant
            .last_mut()
            .filter(|last| last.ends_with(['=', '<', '>', '~', '^']))
        {
            Some(last) if operator.is_empty() => last.push_str(bare(version)),
            _ => meant.push(format!("{operator}{}", bare(version))),
        }
    }
    checked(meant.join(", "))
}

fn bare(version: &str) -> &str {
    let version = version.trim();
    version.strip_prefix(['v', 'V']).unwrap_or(version)
}

fn checked(range: String) -> Option<String> {
    let parsed = range.parse::<VersionReq>().ok()?;
    (!parsed.comparators.is_empty()).then_some(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_other_tools_are_put_as_they_are_to_be_written() {
        for (found, meant) in [
            ("v1.2.3", "1.2.3"),
            ("V2", "2.0.0"),
            ("1.2", "1.2.0"),
            ("2026.02.28", "2026.2.28"),
            ("00.01.0", "0.1.0"),
            ("1.2.3.4", "1.2.3+4"),
            ("2026.2.28-01", "2026.2.28-1"),
            ("1.2.3-rc_1", "1.2.3-rc-1"),
            ("1.2-beta.02+x_1", "1.2.0-beta.2+x-1"),
            (" 1.2.3 ", "1.2.3"),
            ("1,2,3", "1.2.3"),
        ] {
            let guessed = version(found).map(|version| version.to_string());
            assert_eq!(guessed.as_deref(), Some(meant), "{found}");
        }
        for found in ["latest", "", "v", "1.x", "1..2", "99999999999999999999"] {
            assert_eq!(version(found), None, "{found}");
        }
    }

    #[test]
    fn ranges_of_other_tools_are_put_as_they_are_to_be_written() {
        for (found, meant) in [
            ("~> 1.2", "^1.2"),
            ("~>1.2.3", "~1.2.3"),
            ("~= 1.4", "^1.4"),
            ("1.0 - 2.0", ">=1.0, <=2.0"),
            ("v1.2", "1.2"),
            ("^v1.2", "^1.2"),
            ("==1.2", "=1.2"),
            ("=> 1.0", ">=1.0"),
            (">=1.0 <2.0", ">=1.0, <2.0"),
            (">= 1.0 < 2.0", ">=1.0, <2.0"),
        ] {
            assert_eq!(range(found).as_deref(), Some(meant), "{found}");
        }
        for found in ["latest", "", "!=1.0", ">=1 || <0.5", "  "] {
            assert_eq!(range(found), None, "{found}");
        }
    }
}
