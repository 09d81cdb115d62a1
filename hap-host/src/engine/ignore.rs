use hap_manifest::package::glob::fits;

/// The rules of a `.dockerignore`: one pattern a line, `#` comments, `!` takes back, the
/// last match decides.
///
/// `*` and `?` stay within one part of a path, `**` stands for any number of parts. Character
/// classes are not understood and match themselves.
#[derive(Debug, Default)]
pub(super) struct IgnoreRules {
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    parts: Vec<Box<str>>,
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
                .map(Into::into)
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
        let hit = |rule: &&Rule| {
            (1..=path.len()).any(|end| path.get(..end).is_some_and(|head| fits(&rule.parts, head)))
        };
        self.rules
            .iter()
            .rev()
            .find(hit)
            .is_some_and(|rule| !rule.takes_back)
    }

    /// Whether something inside an ignored folder may come back, so that the folder must be
    /// looked through.
    pub(super) fn takes_something_back(&self) -> bool {
        self.rules.iter().any(|rule| rule.takes_back)
    }
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

    #[test]
    fn many_wildcards_cost_little() {
        let rules = IgnoreRules::parse(&"**/a/".repeat(30));
        assert!(!rules.ignores(&format!("{}b", "a/".repeat(29))));
    }
}
