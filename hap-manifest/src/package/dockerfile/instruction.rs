//! What each instruction does.

use std::collections::BTreeMap;

use super::line::LogicalLine;
use super::step::{BuildStep, DockerfileFault};

const HEREDOC: &str =
    "here-documents (`<<`) are not read by every engine: put the text into a file and COPY it";
const FLAG: &str = "its options have quotes, backslashes or variables: write them out";
const FETCH: &str = "ADD may fetch what only this computer reaches: put the file into the package and COPY it, or fetch \
                     it with RUN";
const IMAGE: &str = "the image cannot be read off it: write its name and tag out, or give an ARG before the first FROM a \
                     plain value";
const STAGE: &str = "--from is neither the name of a stage above nor an image: write it out";
const FROM: &str = "write it as FROM <image> [AS <name>]";

/// Instructions that describe an image and do nothing.
const DESCRIBING: [&str; 11] = [
    "ARG",
    "CMD",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "HEALTHCHECK",
    "LABEL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

/// Reads instructions in order.
#[derive(Default)]
pub(super) struct Reader {
    pub(super) steps: Vec<BuildStep>,
    pub(super) images: Vec<String>,
    pub(super) fault: Option<DockerfileFault>,
    /// Names of the stages so far, in lower case. Most have none.
    stages: Vec<Option<String>>,
    /// Plain values of the arguments before the first stage.
    args: BTreeMap<String, String>,
}

/// Whether an instruction does more than put files into an image.
enum Does {
    Nothing,
    More,
}

impl Reader {
    pub(super) fn take(&mut self, line: &LogicalLine) -> Result<(), &'static str> {
        let text = line.text.trim();
        let (keyword, rest) = text
            .split_once([' ', '\t'])
            .map_or((text, ""), |(keyword, rest)| (keyword, rest.trim()));
        let keyword = keyword.to_ascii_uppercase();
        // Recorded first: a line that is not understood is shown as well.
        let step = BuildStep::new(line.number, text);
        let does = self.judge(&keyword, rest);
        if line.interrupted || !matches!(does, Ok(Does::Nothing)) {
            self.steps.push(step);
        }
        does.map(drop)
    }

    pub(super) fn fault(&mut self, line: usize, rule: &'static str) {
        self.fault.get_or_insert(DockerfileFault { line, rule });
    }

    pub(super) const fn stages(&self) -> usize {
        self.stages.len()
    }

    fn judge(&mut self, keyword: &str, rest: &str) -> Result<Does, &'static str> {
        if rest.contains("<<") && !matches!(keyword, "ENV" | "LABEL" | "CMD" | "ENTRYPOINT") {
            return Err(HEREDOC);
        }
        match keyword {
            "FROM" => self.from(rest),
            "COPY" => self.copy(rest),
            "ADD" => add(rest),
            "RUN" => run(rest),
            "ARG" => {
                self.arg(rest);
                describe(keyword, rest)
            }
            "ONBUILD" => Err("ONBUILD is for images that others build upon: leave it out"),
            // They change nothing but the image and how RUN is read.
            "SHELL" | "MAINTAINER" => Ok(Does::More),
            _ if DESCRIBING.contains(&keyword) => describe(keyword, rest),
            _ => Err("this instruction is not known"),
        }
    }

    fn from(&mut self, rest: &str) -> Result<Does, &'static str> {
        let (flags, rest) = flags(rest)?;
        let words: Vec<_> = rest.split_ascii_whitespace().collect();
        let (image, name) = match words[..] {
            [image] => (image, None),
            [image, word, name] if word.eq_ignore_ascii_case("AS") && is_stage_name(name) => {
                (image, Some(name.to_ascii_lowercase()))
            }
            _ => return Err(FROM),
        };
        let known_flags = flags.iter().all(|flag| flag.starts_with("--platform="));
        let resolved = self.resolve(image);
        // By name alone: a number is an image's name here.
        let is_stage = self.stage_of_name(image).is_some();
        self.stages.push(name);
        if !known_flags {
            return Err(FROM);
        }
        if image == "scratch" || is_stage {
            return Ok(if flags.is_empty() {
                Does::Nothing
            } else {
                Does::More
            });
        }
        self.images
            .push(resolved.filter(|image| is_image(image)).ok_or(IMAGE)?);
        Ok(Does::More)
    }

    fn copy(&mut self, rest: &str) -> Result<Does, &'static str> {
        let (flags, _) = flags(rest)?;
        let mut does = Does::Nothing;
        for flag in flags {
            match flag.split_once('=') {
                Some(("--chown" | "--chmod", _)) => {}
                Some(("--from", source)) => {
                    if self.stage(source).is_some() {
                        continue;
                    }
                    if !is_image(source) || source.bytes().all(|byte| byte.is_ascii_digit()) {
                        return Err(STAGE);
                    }
                    self.images.push(source.to_owned());
                    does = Does::More;
                }
                _ => does = Does::More,
            }
        }
        Ok(does)
    }

    /// Keeps the value of an argument that a FROM may use. Anything but one plain value makes the
    /// name mean nothing.
    fn arg(&mut self, rest: &str) {
        if !self.stages.is_empty() {
            return;
        }
        let (name, value) = rest.split_once('=').unwrap_or((rest, ""));
        if is_plain(value) && is_variable(name) {
            self.args.insert(name.to_owned(), value.to_owned());
        } else {
            // Several on one line, or a value that has to be worked out.
            self.args.clear();
        }
    }

    /// An image with its arguments replaced. Not those that are built of others.
    fn resolve(&self, image: &str) -> Option<String> {
        let mut pieces = image.split('$');
        let mut whole = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            let (name, after) = match piece.strip_prefix('{') {
                Some(braced) => braced.split_once('}')?,
                None => {
                    let end = piece.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
                    piece.split_at(end.unwrap_or(piece.len()))
                }
            };
            whole.push_str(self.args.get(name)?);
            whole.push_str(after);
        }
        Some(whole)
    }

    fn stage_of_name(&self, name: &str) -> Option<usize> {
        let is_named = |stage: &Option<String>| {
            let stage = stage.as_deref();
            stage.is_some_and(|stage| stage.eq_ignore_ascii_case(name))
        };
        self.stages.iter().position(is_named)
    }

    /// The stage above of this name or number.
    fn stage(&self, name: &str) -> Option<usize> {
        if let Some(index) = self.stage_of_name(name) {
            return Some(index);
        }
        let is_number = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
        let index = name.parse::<usize>().ok().filter(|_| is_number)?;
        // A stage does not copy from itself.
        (index + 1 < self.stages.len()).then_some(index)
    }
}

fn describe(keyword: &str, rest: &str) -> Result<Does, &'static str> {
    if rest.starts_with("--") && keyword != "HEALTHCHECK" {
        return Err("this instruction has no options");
    }
    Ok(Does::Nothing)
}

fn run(rest: &str) -> Result<Does, &'static str> {
    if rest.starts_with("--") {
        return Err("the options of RUN are not read by every engine: leave them out");
    }
    Ok(Does::More)
}

/// Free of the permission are files whose names hold nothing that becomes another text: the engine
/// itself fetches what begins like an address, in the network of the machine.
fn add(rest: &str) -> Result<Does, &'static str> {
    let (flags, rest) = flags(rest)?;
    let known = |flag: &&str| flag.starts_with("--chown=") || flag.starts_with("--chmod=");
    let becomes_another = rest.contains(['$', '\\', '\'', '`', '%']);
    let bare = rest.replace('"', "").to_ascii_lowercase();
    let remote = ["://", "git@", "github.com", ".git"];
    if !flags.iter().all(known) || becomes_another || remote.iter().any(|mark| bare.contains(mark)) {
        return Err(FETCH);
    }
    Ok(Does::Nothing)
}

/// Splits the options off. Words with quotes and the like are split differently by engines.
fn flags(rest: &str) -> Result<(Vec<&str>, &str), &'static str> {
    let mut flags = Vec::new();
    let mut rest = rest.trim_start();
    while rest.starts_with("--") {
        let (flag, after) = rest.split_once([' ', '\t']).unwrap_or((rest, ""));
        let variable = flag.contains('$') && !flag.starts_with("--platform=");
        if variable || flag.contains(['"', '\'', '\\', '`']) || flag.len() == 2 {
            return Err(FLAG);
        }
        flags.push(flag);
        rest = after.trim_start();
    }
    Ok((flags, rest))
}

fn is_stage_name(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(inner)
}

fn is_variable(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !name.is_empty() && name.chars().all(inner)
}

/// Whether a text means itself, whoever reads it.
fn is_plain(value: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '/' | ':' | '@' | '-');
    value.chars().all(plain)
}

/// Whether a text names an image and cannot be the beginning of an image's id.
fn is_image(name: &str) -> bool {
    let is_id = name.bytes().all(|byte| byte.is_ascii_hexdigit());
    !name.is_empty() && is_plain(name) && !is_id
}
