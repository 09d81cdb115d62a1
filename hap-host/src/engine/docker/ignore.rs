/// The rules of a `.dockerignore`: one pattern a line, `#` comments, `!` takes back, the last match decides.
///
/// `*` and `?` stay within one part of a path, `**` stands for any number of parts. Character classes are not
/// understood and match themselves.
#[derive(Debug, Default)]
pub(super) struct IgnoreRules {
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    parts: Vec<String>,
    takes_back: bool,
}

impl IgnoreRules {
    pub(super) fn parse(text: &str) -> Self {
        let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
        let rules = lines.filter(|line| !line.starts_with('#')).filter_map(|line| {
            let (pattern, takes_back) = match line.strip_prefix('!') {
                Some(rest) => (rest.trim(), true),
                None => (line, false),
            };
            let parts: Vec<_> = pattern
                .split('/')
                .filter(|part| !matches!(*part, "" | "."))
                .map(str::to_owned)
                .collect();
            (!parts.is_empty()).then_some(Rule { parts, takes_back })
        });
        Self {
            rules: rules.collect(),
        }
    }

    /// Whether the entry with this path, relative to the folder and parted by `/`, stays out.
    pub(super) fn ignores(&self, path: &str) -> bool {
        let path: Vec<_> = path.split('/').collect();
        // A folder's rule holds for all in it, so every leading part of the path is tried.
        let hit =
            |rule: &&Rule| (1..=path.len()).any(|end| path.get(..end).is_some_and(|head| rule.matches(head)));
        self.rules
            .iter()
            .rev()
            .find(hit)
            .is_some_and(|rule| !rule.takes_back)
    }

    /// Whether something inside an ignored folder may come back, so that the folder must be looked through.
    pub(super) fn takes_something_back(&self) -> bool {
        self.rules.iter().any(|rule| rule.takes_back)
    }
}

impl Rule {
    fn matches(&self, path: &[&str]) -> bool {
        parts_match(&self.parts, path)
    }
}

fn parts_match(pattern: &[String], path: &[&str]) -> bool {
    match (pattern.split_first(), path.split_first()) {
        (None, None) => true,
        (Some((first, rest)), _) if first == "**" => {
            parts_match(rest, path)
                || path
                    .split_first()
                    .is_some_and(|(_, tail)| parts_match(pattern, tail))
        }
        (Some((first, rest)), Some((part, tail))) => part_matches(first, part) && parts_match(rest, tail),
        (None, Some(_)) | (Some(_), None) => false,
    }
}

/// Greedy with one step back, so a pattern of many stars takes no exponential time.
fn part_matches(pattern: &str, part: &str) -> bool {
    let (pattern, part): (Vec<char>, Vec<char>) = (pattern.chars().collect(), part.chars().collect());
    let (mut p, mut s, mut star) = (0, 0, None);
    while s < part.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, s));
                p += 1;
            }
            Some(c) if *c == '?' || Some(c) == part.get(s) => {
                p += 1;
                s += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    s = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(p).all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_matched_as_docker_does() {
        for (rules, path, ignored) in [
            ("target", "target", true),
            ("target", "target/debug/x", true),
            ("target/", "target/debug/x", true),
            ("/target", "target", true),
            ("target", "src/target", false),
            ("**/target", "src/deep/target/x", true),
            ("**/target", "target", true),
            ("*.log", "a.log", true),
            ("*.log", "logs/a.log", false),
            ("**/*.log", "logs/a.log", true),
            ("logs/**", "logs/a/b", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("# target\n\n", "target", false),
            ("*\n!keep.txt", "keep.txt", false),
            ("*\n!keep.txt", "other.txt", true),
            ("docs\n!docs/README.md", "docs/README.md", false),
            ("!a\na", "a", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-b-b-d", false),
            (".", "anything", false),
        ] {
            assert_eq!(
                IgnoreRules::parse(rules).ignores(path),
                ignored,
                "{rules:?} {path}"
            );
        }
    }
}
