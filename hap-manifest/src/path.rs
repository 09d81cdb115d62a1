//! [`EndpointPath`] and [`VolumePath`]: absolute, normal paths.

use crate::ParseError;
use crate::error::{first_refused, quoted};
use crate::newtype::text_newtype;

/// Longest path of either kind, in bytes.
const MAX_LEN: usize = 255;

/// The path of one HTTP endpoint of a plugin, such as `/health`.
///
/// Absolute and normal: no query, fragment, percent escape, empty segment, `.` or `..`. At most 255 characters.
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
        absolute(Self::WHAT, text)?;
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

/// An absolute path inside a plugin's container where a volume or a tmpfs is mounted, such as `/data`.
///
/// Normal: no empty segment, `.` or `..`, no slash at the end, and not `/` itself; no `:`, `\` or control
/// character, which mean something else to engines. At most 255 bytes.
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
        absolute(Self::WHAT, text)?;
        if let Some((position, found)) = first_refused(text, |c| !c.is_control() && c != ':' && c != '\\') {
            let rule = format!("{found:?} at position {position} is not allowed");
            let error = ParseError::new(Self::WHAT, quoted(text), rule);
            return Err(if found == ':' {
                error.with_help(
                    "name only the path inside the container; the host chooses where the data lives",
                )
            } else {
                error
            });
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

    /// Whether `other` is this path or lies below it.
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

/// Pattern of a segment of these characters and dots, which is neither `.` nor `..`.
pub(crate) fn segment(allowed: &str) -> String {
    format!(r"(\.{{0,2}}[{allowed}][.{allowed}]*|\.{{3}}[.{allowed}]*)")
}

/// Whether the normal path `inner` is `outer` or lies below it.
pub(crate) fn covers(outer: &str, inner: &str) -> bool {
    inner
        .strip_prefix(outer)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn absolute(what: &str, text: &str) -> Result<(), ParseError> {
    if text.is_empty() {
        return Err(ParseError::new(what, quoted(text), "it is empty"));
    }
    if !text.starts_with('/') {
        let error = ParseError::new(what, quoted(text), "it must begin with '/'");
        // A host name or address was meant; a slash before it would only hide the mistake.
        let proposal = (!text.contains("://")).then(|| format!("write {}", quoted(&format!("/{text}"))));
        return Err(match proposal {
            Some(proposal) => error.with_help(proposal),
            None => error.with_help("write only the path, without scheme and host"),
        });
    }
    if text.len() > MAX_LEN {
        let rule = format!("it has {} bytes, at most {MAX_LEN} are allowed", text.len());
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
        return Err(ParseError::new(what, quoted(text), rule).with_help("write the path in its normal form"));
    }
    Ok(())
}
