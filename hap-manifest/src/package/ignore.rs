//! [`IgnoreRules`]: what is left out of a package.

use super::{glob::fits, pack_error::PackError};

/// Left out of every package, before the lines of the ignore file: a line such as `!target/` takes
/// one back.
const DEFAULTS: &str = "\
.hapignore
.git
.hg
.svn
.DS_Store
Thumbs.db
__pycache__/
*.pyc
node_modules/
target/
.venv/
/*-*.*.*.zip
/*-*.*.*.zip.minisig
";
/// Longest line, in bytes, and most lines: the work of matching is bounded by them.
const MAX_LINE: usize = 255;
const MAX_LINES: usize = 500;

/// The rules of an ignore file, in the form that `.gitignore` has.
///
/// A line is a pattern: `*` is any text and `?` one character within a part, `**` any parts; `/` at
/// the end means folders only, `/` elsewhere ties the pattern to the root, `!` in front takes back
/// what an earlier line leaves out, and `#` begins a comment. The last line that fits decides. The
/// content of a folder that is left out is not looked at.
#[derive(Debug)]
pub(super) struct IgnoreRules {
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    parts: Vec<Box<str>>,
    take_back: bool,
    folders_only: bool,
}

impl IgnoreRules {
    pub(super) fn parse(text: &str) -> Result<Self, PackError> {
        let mut rules = Vec::new();
        for (number, line) in DEFAULTS.lines().map(|line| (0, line)).chain(numbered(text)) {
            let refuse = |rule| Err(PackError::Ignore { line: number, rule });
            if number > MAX_LINES {
                return refuse("is one too many: at most 500 are allowed");
            }
            // Comments count too, so that the size of the file bounds them all.
            if line.len() > MAX_LINE {
                return refuse("is too long: at most 255 bytes are allowed");
            }
            let line = line.trim_end();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if line.contains('\\') {
                return refuse("has a backslash; write '/' between folders");
            }
            if line.contains(['[', ']']) {
                return refuse("has a bracket, which has no meaning here; use '*' or '?'");
            }
            let (take_back, pattern) = match line.strip_prefix('!') {
                Some(pattern) => (true, pattern),
                None => (false, line),
            };
            let (folders_only, pattern) = match pattern.strip_suffix('/') {
                Some(pattern) => (true, pattern),
                None => (false, pattern),
            };
            let tied = pattern.contains('/');
            let mut parts: Vec<Box<str>> = Vec::new();
            if !tied {
                parts.push("**".into());
            }
            let pattern = pattern.strip_prefix('/').unwrap_or(pattern);
            if pattern.split('/').any(|part| matches!(part, "" | "." | "..")) {
                return refuse("has an empty, \".\" or \"..\" part");
            }
            parts.extend(pattern.split('/').map(Into::into));
            rules.push(Rule {
                parts,
                take_back,
                folders_only,
            });
        }
        Ok(Self { rules })
    }

    /// Returns whether a file or folder is left out, by its name from the root.
    pub(super) fn leaves_out(&self, name: &str, folder: bool) -> bool {
        let parts: Vec<&str> = name.split('/').collect();
        self.rules
            .iter()
            .rfind(|rule| (folder || !rule.folders_only) && fits(&rule.parts, &parts))
            .is_some_and(|rule| !rule.take_back)
    }
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, left_out: &[&str], kept: &[&str]) {
        let rules = IgnoreRules::parse(text).unwrap();
        let is_out = |name: &str| match name.strip_suffix('/') {
            Some(folder) => rules.leaves_out(folder, true),
            None => rules.leaves_out(name, false),
        };
        for name in left_out {
            assert!(is_out(name), "{name} is kept by {text:?}");
        }
        for name in kept {
            assert!(!is_out(name), "{name} is left out by {text:?}");
        }
    }

    #[test]
    fn patterns_mean_what_they_mean_to_git() {
        check(
            "",
            &[
                ".git/",
                "a/.DS_Store",
                "target/",
                ".hapignore",
                "bell-1.0.0.zip",
                "bell-1.0.0.zip.minisig",
            ],
            &["target", "src/main.rs", "sounds.zip", "data/bell-1.0.0.zip"],
        );
        check("*.log", &["a.log", "x/y/b.log", ".log"], &["a.log.txt", "log"]);
        check("/build", &["build", "build/"], &["x/build"]);
        check("docs/*.md", &["docs/a.md"], &["docs/x/a.md", "x/docs/a.md"]);
        check("docs/**/a.md", &["docs/a.md", "docs/x/y/a.md"], &["a.md"]);
        check("**/tmp", &["tmp", "a/tmp", "a/b/tmp"], &["tmpx"]);
        check("logs/**", &["logs/a", "logs/a/b"], &["xlogs/a"]);
        check("cache/", &["cache/", "a/cache/"], &["cache"]);
        check("*.log\n!keep.log", &["a.log"], &["keep.log"]);
        check("!target/", &[], &["target/"]);
        check(
            "# a comment\n\n  \na?c",
            &["abc", "x/abc"],
            &["ac", "abbc", "# a comment"],
        );
        check("a*b*c", &["abc", "aXbYc", "abbcc"], &["ab", "abcd"]);
    }

    #[test]
    fn a_line_that_means_nothing_is_refused_by_its_number() {
        for (text, line) in [("a\n/", 2), ("a//b", 1), ("\n../x", 2), ("a\\b", 1), ("[ab]", 1)] {
            let Err(PackError::Ignore { line: found, .. }) = IgnoreRules::parse(text) else {
                panic!("{text:?} is taken");
            };
            assert_eq!(found, line, "{text:?}");
        }
        assert!(IgnoreRules::parse(&"a\n".repeat(501)).is_err());
        assert!(IgnoreRules::parse(&"a".repeat(256)).is_err());
    }

    #[test]
    fn many_wildcards_cost_little() {
        let rules = IgnoreRules::parse(&"*a".repeat(100)).unwrap();
        assert!(!rules.leaves_out(&("a".repeat(99) + &"b".repeat(150)), false));
    }
}
