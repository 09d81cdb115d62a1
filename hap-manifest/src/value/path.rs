//! [`EndpointPath`] and [`VolumePath`], absolute normal paths, and [`DockerfilePath`], a relative
//! one.

use super::error::{ParseError, first_refused, quoted, too_long};
use super::newtype::text_newtype;
use super::text::turns_direction;

/// Longest path of either kind, in bytes.
const MAX_LEN: usize = 255;

/// The path of one HTTP endpoint of a plugin, such as `/health`.
///
/// Absolute and normal: no query, fragment, percent escape, empty segment, `.` or `..`. At most 255
/// characters.
///
/// ```
/// use hap_manifest::EndpointPath;
///
/// let path: EndpointPath = "/api/health".parse()?;
/// assert_eq!(path.as_str(), "/api/health");
/// assert!("/../etc/passwd".parse::<EndpointPath>().is_err());
/// # Ok::<(), hap_manifest::ParseError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointPath(Box<str>);

impl EndpointPath {
    const WHAT: &str = "endpoint path";

    /// A path of this crate's own, known to be valid.
    pub(crate) fn constant(path: &'static str) -> Self {
        Self(path.into())
    }

    fn parse(text: &str) -> Result<Self, ParseError> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "/-._~!$&'()*+,;=:@".contains(c);
        absolute(Self::WHAT, text, |meant| Self::parse(meant).is_ok())?;
        if let Some((position, found)) = first_refused(text, allowed) {
            let rule = format!("{found:?} at position {position} is not allowed in a path");
            return Err(ParseError::new(Self::WHAT, quoted(text), rule)
                .with_help("use letters, digits, '-', '_', '.' and '/', without query or escapes"));
        }
        // One slash at the end is part of many frameworks' routes, so it stays.
        normal(Self::WHAT, text, text.strip_suffix('/').unwrap_or(text))?;
        Ok(Self(text.into()))
    }
}

text_newtype!(
    EndpointPath,
    max: 255,
    pattern: {
        let segment = segment("A-Za-z0-9_~!$&'()*+,;=:@-");
        format!("^/({segment}(/{segment})*/?)?$")
    },
    about: "Absolute HTTP path without query, escapes, empty segments, '.' or '..'.",
    examples: ["/health", "/api/command"],
);

/// An absolute path inside a plugin's container where a volume or a tmpfs is mounted, such as
/// `/data`.
///
/// Normal: no empty segment, `.` or `..`, no slash at the end, and not `/` itself; no `:`, `\` or
/// control character, which mean something else to engines. At most 255 bytes.
///
/// ```
/// use hap_manifest::VolumePath;
///
/// let path: VolumePath = "/data".parse()?;
/// assert_eq!(path.as_str(), "/data");
/// assert!("/".parse::<VolumePath>().is_err());
/// # Ok::<(), hap_manifest::ParseError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VolumePath(Box<str>);

impl VolumePath {
    const WHAT: &str = "container path";

    fn parse(text: &str) -> Result<Self, ParseError> {
        if let Some((_, inside)) = text.split_once(':') {
            let inside = inside.split(':').next().unwrap_or_default();
            let error = ParseError::new(Self::WHAT, quoted(text), "it has a ':'");
            let only = "name only the path inside the container; the host chooses where the data lives";
            return Err(match Self::parse(inside) {
                Ok(path) => error.with_help(format!(
                    "write {:?}; the host chooses where the data lives",
                    path.as_str()
                )),
                Err(_) => error.with_help(only),
            });
        }
        absolute(Self::WHAT, text, |meant| Self::parse(meant).is_ok())?;
        if let Some((position, found)) = first_refused(text, |c| !c.is_control() && c != '\\') {
            let rule = format!("{found:?} at position {position} is not allowed");
            return Err(ParseError::new(Self::WHAT, quoted(text), rule));
        }
        if text == "/" {
            return Err(
                ParseError::new(Self::WHAT, quoted(text), "it would cover the whole container")
                    .with_help("name a directory, such as \"/data\""),
            );
        }
        normal(Self::WHAT, text, text)?;
        Ok(Self(text.into()))
    }

    /// Returns whether `other` is this path or lies below it.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        covers(self.as_str(), other.as_str())
    }
}

text_newtype!(
    VolumePath,
    max: 255,
    pattern: {
        let other = r"^/:\\\u0000-\u001f\u007f-\u009f";
        format!(r"^(/(\.{{0,2}}[{other}.][{other}]*|\.{{3}}[{other}]*))+$")
    },
    about: "Absolute path inside the container, normal and not '/' itself.",
    examples: ["/data"],
);

/// The path of the file that a plugin's image is built from, within its folder or package, such as
/// `docker/Dockerfile`.
///
/// Relative and normal: no empty segment, `.` or `..`, so it never leads outside; no `:`, `\` or
/// control character, which lead elsewhere on some systems. At most 255 characters. A `./` in front
/// is dropped.
///
/// ```
/// use hap_manifest::DockerfilePath;
///
/// let path: DockerfilePath = "./docker/Dockerfile".parse()?;
/// assert_eq!(path.as_str(), "docker/Dockerfile");
/// assert!("../Dockerfile".parse::<DockerfilePath>().is_err());
/// # Ok::<(), hap_manifest::ParseError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DockerfilePath(Box<str>);

impl DockerfilePath {
    const WHAT: &str = "dockerfile";

    fn parse(text: &str) -> Result<Self, ParseError> {
        let refuse = |rule: String| ParseError::new(Self::WHAT, quoted(text), rule);
        let example = "name a file in the plugin's folder, such as \"docker/Dockerfile\"";
        if text.is_empty() {
            return Err(refuse("it is empty".to_owned()).with_help(example));
        }
        let length = text.chars().count();
        if length > MAX_LEN {
            return Err(refuse(too_long(length, "characters", MAX_LEN)));
        }
        if text.contains('\\') {
            let meant = text.replace('\\', "/");
            let error = refuse("it has a backslash".to_owned());
            return Err(match Self::parse(&meant) {
                Ok(_) => error.with_help(format!("write {}", quoted(&meant))),
                Err(_) => error.with_help(example),
            });
        }
        let allowed = |c: char| !c.is_control() && c != ':' && !turns_direction(c);
        if let Some((position, found)) = first_refused(text, allowed) {
            return Err(refuse(format!("{found:?} at position {position} is not allowed")).with_help(example));
        }
        if text.starts_with('/') {
            let rule = "it is absolute, and is looked for within the plugin's folder";
            return Err(refuse(rule.to_owned()).with_help(example));
        }
        let path = text.strip_prefix("./").unwrap_or(text);
        for segment in path.split('/') {
            let rule = match segment {
                ".." => "it leads out of the plugin's folder",
                "" | "." => "it has an empty segment or a '.'",
                _ => continue,
            };
            return Err(refuse(rule.to_owned()).with_help(example));
        }
        Ok(Self(path.into()))
    }
}

impl Default for DockerfilePath {
    fn default() -> Self {
        Self("Dockerfile".into())
    }
}

text_newtype!(
    DockerfilePath,
    max: 255,
    pattern: {
        let other = r"^/:\\\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069";
        let segment = format!(r"(\.{{0,2}}[{other}.][{other}]*|\.{{3}}[{other}]*)");
        format!(r"^(\./)?{segment}(/{segment})*$")
    },
    about: "Relative path of a file in the plugin's folder, without '..'.",
    examples: ["docker/Dockerfile"],
);

/// Pattern of a segment of these characters and dots, which is neither `.` nor `..`.
pub(crate) fn segment(allowed: &str) -> String {
    format!(r"(\.{{0,2}}[{allowed}][.{allowed}]*|\.{{3}}[.{allowed}]*)")
}

/// Returns whether the normal path `inner` is `outer` or lies below it.
pub(crate) fn covers(outer: &str, inner: &str) -> bool {
    inner
        .strip_prefix(outer)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn absolute(what: &str, text: &str, is_good: impl Fn(&str) -> bool) -> Result<(), ParseError> {
    if text.is_empty() {
        return Err(ParseError::new(what, quoted(text), "it is empty"));
    }
    if !text.starts_with('/') {
        let error = ParseError::new(what, quoted(text), "it must begin with '/'");
        // A host name or address was meant; a slash before it would only hide the mistake.
        if text.contains("://") {
            return Err(error.with_help("write only the path, without scheme and host"));
        }
        let meant = format!("/{}", text.strip_prefix("./").unwrap_or(text));
        return Err(if is_good(&meant) && !text.starts_with('~') {
            error.with_help(format!("write {}", quoted(&meant)))
        } else {
            error
        });
    }
    if text.len() > MAX_LEN {
        let rule = too_long(text.len(), "bytes", MAX_LEN);
        return Err(ParseError::new(what, quoted(text), rule));
    }
    Ok(())
}

/// Refuses segments that are empty, `.` or `..` in `path`, the part of `text` to look at.
fn normal(what: &str, text: &str, path: &str) -> Result<(), ParseError> {
    for segment in path.split('/').skip(1) {
        let rule = match segment {
            "" => "it has an empty segment ('//' or a '/' at the end)",
            "." | ".." => "it has a '.' or '..' segment",
            _ => continue,
        };
        let error = ParseError::new(what, quoted(text), rule);
        let parts: Vec<_> = text
            .split('/')
            .filter(|part| !matches!(*part, "" | "."))
            .collect();
        // Where `..` leads is for the author to say.
        return Err(if parts.is_empty() || parts.contains(&"..") {
            error.with_help("write the path in its normal form")
        } else {
            error.with_help(format!("write {}", quoted(&format!("/{}", parts.join("/")))))
        });
    }
    Ok(())
}
