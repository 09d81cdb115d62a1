//! Reads a Dockerfile as far as rules ask about it. What it does not understand it leaves out: what a build may do is
//! decided by `hap-manifest`.

/// An instruction.
#[derive(Debug, Clone)]
pub(crate) struct Instruction {
    /// The number of its first line.
    pub(crate) line: usize,
    /// In upper case.
    pub(crate) keyword: String,
    /// What follows, on one line.
    pub(crate) rest: String,
    /// Which FROM it follows, from 0; nothing before the first.
    pub(crate) stage: Option<usize>,
}

/// A stage: what a FROM begins.
#[derive(Debug, Clone)]
pub(crate) struct Stage {
    pub(crate) line: usize,
    pub(crate) base: String,
    name: Option<String>,
}

/// A Dockerfile in instructions and stages.
#[derive(Debug, Default)]
pub(crate) struct Dockerfile {
    pub(crate) instructions: Vec<Instruction>,
    pub(crate) stages: Vec<Stage>,
}

/// A COPY or ADD.
#[derive(Debug, Clone)]
pub(crate) struct Copy {
    pub(crate) line: usize,
    pub(crate) sources: Vec<String>,
    pub(crate) target: String,
    /// Whether it is from another stage or image.
    pub(crate) is_from: bool,
    pub(crate) owner: Option<String>,
    pub(crate) mode: Option<String>,
}

/// How CMD, ENTRYPOINT and HEALTHCHECK name a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Start {
    /// As a list: the program itself is started.
    Exec(Vec<String>),
    /// As a text: a shell is started with it.
    Shell(String),
}

impl Dockerfile {
    pub(crate) fn read(text: &str) -> Self {
        let mut file = Self::default();
        for (line, text) in logical_lines(text) {
            let (keyword, rest) = text
                .split_once([' ', '\t'])
                .map_or((text.as_str(), ""), |(keyword, rest)| (keyword, rest.trim()));
            let keyword = keyword.to_ascii_uppercase();
            if keyword == "FROM" {
                file.stages.push(Stage::read(line, rest));
            }
            file.instructions.push(Instruction {
                line,
                keyword,
                rest: rest.to_owned(),
                stage: file.stages.len().checked_sub(1),
            });
        }
        file
    }

    /// Instructions of this name, in all stages.
    pub(crate) fn all<'a>(&'a self, keyword: &'a str) -> impl DoubleEndedIterator<Item = &'a Instruction> {
        self.instructions
            .iter()
            .filter(move |instruction| instruction.keyword == keyword)
    }

    /// Instructions of this name that the image itself has: those of the last stage and of the stages that it begins with.
    pub(crate) fn of_image<'a>(
        &'a self,
        keyword: &'a str,
    ) -> impl DoubleEndedIterator<Item = &'a Instruction> {
        let stages = self.image_stages();
        self.all(keyword)
            .filter(move |instruction| instruction.stage.is_some_and(|stage| stages.contains(&stage)))
    }

    /// The image that the last stage begins with, through stages that begin with each other.
    pub(crate) fn base(&self) -> Option<&Stage> {
        let first = self.image_stages().last().copied()?;
        self.stages.get(first)
    }

    /// Whether the image begins with nothing.
    pub(crate) fn is_scratch(&self) -> bool {
        self.base().is_some_and(|stage| stage.base == "scratch")
    }

    /// Stages that the image is made of, the last one first.
    fn image_stages(&self) -> Vec<usize> {
        let mut stages = Vec::new();
        let mut at = self.stages.len().checked_sub(1);
        while let Some(index) = at {
            stages.push(index);
            at = self
                .stages
                .get(index)
                .and_then(|stage| self.stage_above(index, &stage.base));
        }
        stages
    }

    fn stage_above(&self, index: usize, name: &str) -> Option<usize> {
        let is_it = |stage: &Stage| {
            let own = stage.name.as_deref();
            own.is_some_and(|own| own.eq_ignore_ascii_case(name))
        };
        self.stages.iter().take(index).position(is_it)
    }

    /// Whether a name is that of a stage.
    pub(crate) fn is_stage(&self, name: &str) -> bool {
        self.stage_above(self.stages.len(), name).is_some()
    }

    /// The folder that relative paths of the image begin at.
    pub(crate) fn workdir(&self) -> String {
        let all: Vec<_> = self.of_image("WORKDIR").collect();
        all.iter()
            .fold("/".to_owned(), |at, instruction| absolute(&at, &instruction.rest))
    }

    /// Variables of the image, each with its line.
    pub(crate) fn env(&self) -> Vec<(usize, String, String)> {
        let lines = self.of_image("ENV");
        lines
            .flat_map(|instruction| {
                let line = instruction.line;
                pairs(&instruction.rest)
                    .into_iter()
                    .map(move |(name, value)| (line, name, value))
            })
            .collect()
    }
}

impl Stage {
    fn read(line: usize, rest: &str) -> Self {
        let words: Vec<_> = rest
            .split_ascii_whitespace()
            .filter(|word| !word.starts_with("--"))
            .collect();
        let name = match words[..] {
            [_, word, name, ..] if word.eq_ignore_ascii_case("as") => Some(name.to_owned()),
            _ => None,
        };
        Self {
            line,
            base: words.first().copied().unwrap_or_default().to_owned(),
            name,
        }
    }
}

impl Instruction {
    /// What a COPY or ADD copies where.
    pub(crate) fn copy(&self) -> Option<Copy> {
        let (flags, rest) = flags(&self.rest);
        let mut words = match rest.starts_with('[') {
            true => serde_json::from_str::<Vec<String>>(rest).ok()?,
            false => words(rest),
        };
        let target = words.pop()?;
        let flag = |name: &str| {
            let found = flags
                .iter()
                .find_map(|flag| flag.strip_prefix(name)?.strip_prefix('='));
            found.map(str::to_owned)
        };
        Some(Copy {
            line: self.line,
            sources: words,
            target,
            is_from: flag("--from").is_some(),
            owner: flag("--chown"),
            mode: flag("--chmod"),
        })
    }

    /// What a CMD or ENTRYPOINT starts.
    pub(crate) fn start(&self) -> Option<Start> {
        start(&self.rest)
    }

    /// What a HEALTHCHECK starts; `None` for `NONE`.
    pub(crate) fn health(&self) -> Option<Start> {
        let (_, rest) = flags(&self.rest);
        let (keyword, rest) = rest.split_once([' ', '\t']).unwrap_or((rest, ""));
        keyword.eq_ignore_ascii_case("cmd").then(|| start(rest.trim()))?
    }
}

fn start(rest: &str) -> Option<Start> {
    match serde_json::from_str::<Vec<String>>(rest) {
        Ok(words) if words.is_empty() => None,
        Ok(words) => Some(Start::Exec(words)),
        Err(_) if rest.is_empty() => None,
        Err(_) => Some(Start::Shell(rest.to_owned())),
    }
}

impl Start {
    /// The program that is started, as it is written.
    pub(crate) fn program(&self) -> &str {
        match self {
            Self::Exec(words) => words.first().map_or("", String::as_str),
            Self::Shell(_) => "/bin/sh",
        }
    }
}

/// A path of the image, from the root.
pub(crate) fn absolute(workdir: &str, path: &str) -> String {
    let whole = match path.starts_with('/') {
        true => path.to_owned(),
        false => format!("{workdir}/{path}"),
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

fn flags(rest: &str) -> (Vec<&str>, &str) {
    let mut flags = Vec::new();
    let mut rest = rest.trim_start();
    while rest.starts_with("--") {
        let (flag, after) = rest.split_once([' ', '\t']).unwrap_or((rest, ""));
        flags.push(flag);
        rest = after.trim_start();
    }
    (flags, rest)
}

/// Words, of which each may be in quotes.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in text.chars() {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            ('"' | '\'', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// The names and values of an ENV or ARG.
pub(crate) fn pairs(rest: &str) -> Vec<(String, String)> {
    let all = words(rest);
    match all.first() {
        // The old form: one name, and the rest is its value.
        Some(first) if !first.contains('=') && all.len() > 1 => {
            let value = rest.trim_start().strip_prefix(first.as_str()).unwrap_or_default();
            vec![(first.clone(), value.trim().to_owned())]
        }
        _ => all
            .iter()
            .map(|word| {
                let (name, value) = word.split_once('=').unwrap_or((word, ""));
                (name.to_owned(), value.to_owned())
            })
            .collect(),
    }
}

/// Joins continued lines, and drops comments and empty lines.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    let mut is_open = false;
    for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let bare = line.trim();
        if bare.is_empty() || bare.starts_with('#') {
            continue;
        }
        let (part, continues) = match bare.strip_suffix('\\') {
            Some(part) => (part.trim_end(), true),
            None => (bare, false),
        };
        match lines.last_mut().filter(|_| is_open) {
            Some((_, whole)) => {
                whole.push(' ');
                whole.push_str(part);
            }
            None => lines.push((index + 1, part.to_owned())),
        }
        is_open = continues;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
# a comment
ARG V=1
FROM rust:${V} AS build
RUN cargo build \\
    # in between
    --release
FROM scratch as base
WORKDIR /app
ENV A=1 \"B\"=\"x y\"
FROM base
WORKDIR bin
ENV OLD a value
COPY --chown=1:1 --from=build /x /x
COPY [\"a b\", \"/\"]
HEALTHCHECK --interval=3s CMD [\"/x\", \"healthcheck\"]
ENTRYPOINT /x
";

    #[test]
    fn stages_that_begin_with_each_other_are_one_image() {
        let file = Dockerfile::read(FILE);
        assert!(file.is_scratch());
        assert_eq!(file.workdir(), "/app/bin");
        let env: Vec<_> = file
            .env()
            .into_iter()
            .map(|(line, name, value)| (line, name + "=" + &value))
            .collect();
        let expected = [(9, "A=1"), (9, "B=x y"), (12, "OLD=a value")];
        assert_eq!(env, expected.map(|(line, text)| (line, text.to_owned())));
        let run = file.all("RUN").next().unwrap();
        assert_eq!((run.line, run.rest.as_str()), (4, "cargo build --release"));
        assert!(file.of_image("RUN").next().is_none());
    }

    #[test]
    fn instructions_are_taken_apart() {
        let file = Dockerfile::read(FILE);
        let copies: Vec<_> = file.all("COPY").filter_map(Instruction::copy).collect();
        let (first, second) = (&copies[0], &copies[1]);
        assert!(first.is_from && first.owner.as_deref() == Some("1:1"));
        assert_eq!((second.sources[0].as_str(), second.target.as_str()), ("a b", "/"));
        let health = file.all("HEALTHCHECK").next().unwrap().health().unwrap();
        assert_eq!(health.program(), "/x");
        let entry = file.all("ENTRYPOINT").next().unwrap().start().unwrap();
        assert_eq!(entry, Start::Shell("/x".to_owned()));
        assert_eq!(absolute("/app", "../x/./y"), "/x/y");
    }
}
