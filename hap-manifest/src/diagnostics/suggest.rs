//! "Did you mean": the nearest of a few known names.

/// Returns the known name that `found` is most likely a misspelling of.
pub(crate) fn nearest<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Longer than any known key: nothing to guess, and the comparison stays cheap.
    if found.len() > 40 {
        return None;
    }
    let plain = normal(found);
    let known: Vec<&str> = known.into_iter().collect();
    known
        .iter()
        .copied()
        .map(|name| (distance(&plain, &normal(name)), name))
        .filter(|(distance, name)| *distance <= name.chars().count() / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
        .or_else(|| by_word(found, &known))
}

/// What other tools call the fields of a manifest.
const ELSEWHERE: [(&str, &str); 19] = [
    ("cap_add", "capabilities"),
    ("container", "image"),
    ("dependencies", "depends_on"),
    ("env", "env_vars"),
    ("environment", "env_vars"),
    ("internet", "network_access"),
    ("keywords", "tags"),
    ("maintainer", "author"),
    ("mounts", "volumes"),
    ("name", "id"),
    ("options", "config_schema"),
    ("policy", "mode"),
    ("requires", "depends_on"),
    ("restart_policy", "restart"),
    ("settings", "config_schema"),
    ("summary", "description"),
    ("title", "name"),
    ("url", "homepage"),
    ("website", "homepage"),
];

/// Returns the field that an unknown name stands for: a misspelling, or what other tools call it.
pub(crate) fn meant<'a>(found: &str, known: &[&'a str]) -> Option<&'a str> {
    let elsewhere = || {
        let (_, name) = ELSEWHERE.iter().find(|(other, _)| *other == found)?;
        known.iter().copied().find(|known| known == name)
    };
    nearest(found, known.iter().copied()).or_else(elsewhere)
}

/// Returns the one name of which `found` is a word: `memory` and `ports` are short for
/// `memory_limit` and `api_port`.
fn by_word<'a>(found: &str, known: &[&'a str]) -> Option<&'a str> {
    let found = found.to_ascii_lowercase();
    let singular = found.strip_suffix('s').unwrap_or(&found);
    if singular.len() < 3 {
        return None;
    }
    let is_word = |word: &str| word.strip_suffix('s').unwrap_or(word) == singular;
    let mut names = known.iter().filter(|name| name.split('_').any(is_word));
    names.next().filter(|_| names.next().is_none()).copied()
}

/// `apiPort`, `api-port` and `API_PORT` are all one slip away from `api_port`.
fn normal(name: &str) -> Vec<char> {
    name.chars()
        .filter(|c| !matches!(c, '_' | '-' | ' '))
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

/// Insertions, deletions, replacements and swaps of neighbours between two names.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = Vec::with_capacity(b.len() + 1);
        row.push(i + 1);
        for (j, y) in b.iter().enumerate() {
            let at = |row: &[usize], index: usize| row.get(index).copied().unwrap_or(usize::MAX - 1);
            let mut best = (at(&last, j) + usize::from(x != y))
                .min(at(&last, j + 1) + 1)
                .min(at(&row, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            if swapped {
                best = best.min(at(&before, j - 1) + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_strangers_are_not() {
        let known = ["api_port", "image", "id", "memory_limit", "depends_on"];
        let rows = [
            ("apiPort", Some("api_port")),
            ("api-port", Some("api_port")),
            ("api_prot", Some("api_port")),
            ("imgae", Some("image")),
            ("Image", Some("image")),
            ("ID", Some("id")),
            ("memory_limits", Some("memory_limit")),
            ("memory", Some("memory_limit")),
            ("ports", Some("api_port")),
            ("mem", None),
            ("on", None),
            ("x", None),
            ("", None),
            ("something_else_entirely", None),
        ];
        for (found, expected) in rows {
            assert_eq!(nearest(found, known), expected, "{found}");
        }
    }

    #[test]
    fn other_tools_have_other_names() {
        let known = ["id", "env_vars", "restart", "homepage", "image"];
        for (found, expected) in [
            ("environment", Some("env_vars")),
            ("restart_policy", Some("restart")),
            ("url", Some("homepage")),
            ("imgae", Some("image")),
            // A field that is not known here is never suggested.
            ("maintainer", None),
        ] {
            assert_eq!(meant(found, &known), expected, "{found}");
        }
        assert!(ELSEWHERE.is_sorted());
    }
}
