//! [`Dockerfile`]: what building one would do.
//!
//! Engines read Dockerfiles with parsers that differ between versions. So this reader knows a
//! strict part of the language, and what it does not know is never taken for harmless.

mod instruction;
mod line;
mod step;

use self::instruction::Reader;
use self::line::logical_lines;
pub use self::step::{BuildStep, DockerfileFault};

/// What building an image from a Dockerfile does beyond putting files into it.
///
/// A Dockerfile that [only copies](Self::only_copies) runs nothing, fetches nothing and reads no
/// other image: it begins `FROM scratch`, copies files of the package, and describes the image.
/// Every other one takes [`Permission::Build`](crate::permission::Permission::Build). A Dockerfile
/// with a [fault](Self::fault) is built by nobody's grant.
///
/// ```
/// use hap_manifest::package::Dockerfile;
///
/// let copies = Dockerfile::read(b"FROM scratch\nCOPY light /light\nENTRYPOINT [\"/light\"]\n");
/// assert!(copies.only_copies());
///
/// let runs = Dockerfile::read(b"FROM rust:1 AS build\nRUN cargo build\nFROM scratch\nCOPY --from=build /x /x\n");
/// assert!(!runs.only_copies());
/// assert_eq!(runs.images(), ["rust:1"]);
/// let steps: Vec<_> = runs.steps().iter().map(ToString::to_string).collect();
/// assert_eq!(steps, ["line 1: FROM rust:1 AS build", "line 2: RUN cargo build"]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dockerfile {
    steps: Vec<BuildStep>,
    images: Vec<String>,
    fault: Option<DockerfileFault>,
}

impl Dockerfile {
    /// Longest Dockerfile that is read, in bytes.
    pub const MAX_BYTES: usize = 256 * 1024;

    /// Reads a Dockerfile. What it holds is never refused here, only told of.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        let mut reader = Reader::default();
        match text(bytes).and_then(logical_lines) {
            Ok(lines) => {
                for line in &lines {
                    if let Err(rule) = reader.take(line) {
                        reader.fault(line.number, rule);
                    }
                }
                if reader.stages() == 0 {
                    reader.fault(1, "it has no FROM");
                }
            }
            Err(fault) => reader.fault(fault.line, fault.rule),
        }
        Self {
            steps: reader.steps,
            images: reader.images,
            fault: reader.fault,
        }
    }

    /// Returns whether building it only puts files into an image.
    #[must_use]
    pub const fn only_copies(&self) -> bool {
        self.steps.is_empty() && self.fault.is_none()
    }

    /// Returns the instructions that do more, in order.
    #[must_use]
    pub fn steps(&self) -> &[BuildStep] {
        &self.steps
    }

    /// Returns the images that it begins with or copies from, in order, as they are written.
    #[must_use]
    pub fn images(&self) -> &[String] {
        &self.images
    }

    /// Returns the first thing that keeps it from being built, whatever is granted.
    #[must_use]
    pub const fn fault(&self) -> Option<&DockerfileFault> {
        self.fault.as_ref()
    }
}

/// The bytes as text in which every parser sees the same lines and the same spaces.
fn text(bytes: &[u8]) -> Result<&str, DockerfileFault> {
    let fault = |line, rule| Err(DockerfileFault { line, rule });
    if bytes.len() > Dockerfile::MAX_BYTES {
        return fault(1, "a Dockerfile has at most 256 KiB");
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return fault(1, "it is not UTF-8: save it as UTF-8");
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (index, line) in text.split('\n').enumerate() {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let strange = |c: char| {
            let told_apart = matches!(c, ' ' | '\t');
            !told_apart && (c.is_control() || c.is_whitespace() || matches!(c, '\u{feff}' | '\u{200b}'))
        };
        if line.contains(strange) {
            return fault(
                index + 1,
                "it has a control character or an unusual space: write plain spaces",
            );
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
