use hap_manifest::package::glob::fits;

/// The rules of a `.dockerignore`, as the host reads them: the last line that fits decides.
#[derive(Debug, Default)]
pub(crate) struct DockerIgnore {
    /// Patterns in parts, each with whether it takes back.
    rules: Vec<(Vec<Box<str>>, bool)>,
}

impl DockerIgnore {
    pub(crate) fn read(text: &str) -> Self {
        let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
        let rules = lines.filter(|line| !line.starts_with('#')).filter_map(|line| {
            let (pattern, takes_back) = match line.strip_prefix('!') {
                Some(rest) => (rest.trim(), true),
                None => (line, false),
            };
            let parts = pattern.split('/').filter(|part| !matches!(*part, "" | "."));
            let parts: Vec<_> = parts.map(Into::into).collect();
            (!parts.is_empty()).then_some((parts, takes_back))
        });
        // More than anybody writes: the work of matching is bounded by them.
        Self {
            rules: rules.take(1000).collect(),
        }
    }

    pub(crate) fn ignores(&self, path: &str) -> bool {
        let path: Vec<_> = path.split('/').collect();
        let hit = |(parts, _): &&(Vec<Box<str>>, bool)| {
            (1..=path.len()).any(|end| path.get(..end).is_some_and(|head| fits(parts, head)))
        };
        self.rules
            .iter()
            .rev()
            .find(hit)
            .is_some_and(|(_, takes_back)| !takes_back)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_that_fits_decides() {
        let rules = DockerIgnore::read("# all\n*\n!light\n!data\ndata/tmp\n");
        for (path, ignored) in [
            ("light", false),
            ("src/light", true),
            ("data/README", false),
            ("data/tmp/x", true),
            ("other", true),
        ] {
            assert_eq!(rules.ignores(path), ignored, "{path}");
        }
    }
}
