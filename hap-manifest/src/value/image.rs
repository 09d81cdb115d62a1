//! [`ImageRef`] and its parser.

use std::ops::Range;

use super::error::{ParseError, first_refused, quoted};
use super::newtype::text_newtype;
use super::stored::later_rules_hold;

const WHAT: &str = "image reference";

/// Names a container image: `[registry/]repository[:tag][@digest]`, as Docker reads it.
///
/// The first part is a registry only if it has a `.`, a `:` or an upper-case letter, or is `localhost`.
/// The text is kept as written: nothing such as `docker.io/library/` or `:latest` is added.
///
/// ```
/// use hap_manifest::ImageRef;
///
/// let image: ImageRef = "registry.example.com:5000/home/light:1.2".parse()?;
/// assert_eq!(image.registry(), Some("registry.example.com:5000"));
/// assert_eq!(image.repository(), "home/light");
/// assert_eq!(image.tag(), Some("1.2"));
/// assert!(!image.is_pinned());
/// # Ok::<(), hap_manifest::ParseError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageRef(Box<str>);

/// Where the parts of a reference lie in its text.
struct Parts {
    registry: Option<Range<usize>>,
    repository: Range<usize>,
    tag: Option<Range<usize>>,
    digest: Option<Range<usize>>,
}

impl ImageRef {
    /// Longest registry and repository together, in bytes.
    const MAX_NAME_LEN: usize = 255;

    /// Returns the host and optional port of the registry, if the reference names one.
    #[must_use]
    pub fn registry(&self) -> Option<&str> {
        self.part(split(&self.0).registry)
    }

    /// Returns the repository, such as `home/light`, without registry, tag and digest.
    #[must_use]
    pub fn repository(&self) -> &str {
        self.part(Some(split(&self.0).repository)).unwrap_or_default()
    }

    /// Returns the tag, if the reference has one.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.part(split(&self.0).tag)
    }

    /// Returns the digest, such as `sha256:...`, if the reference has one.
    #[must_use]
    pub fn digest(&self) -> Option<&str> {
        self.part(split(&self.0).digest)
    }

    /// Returns whether a digest fixes the content, so that every pull brings the same.
    #[must_use]
    pub fn is_pinned(&self) -> bool {
        self.digest().is_some()
    }

    fn part(&self, range: Option<Range<usize>>) -> Option<&str> {
        self.0.get(range?)
    }

    fn parse(text: &str) -> Result<Self, ParseError> {
        let refuse = |rule: String| {
            ParseError::new(WHAT, quoted(text), rule).with_help("for example \"example/light:1.0\"")
        };
        if text.is_empty() {
            return Err(refuse("it is empty".to_owned()));
        }
        if let Some((position, found)) = first_refused(text, |c| c.is_ascii_graphic()) {
            return Err(refuse(format!("{found:?} at position {position} is not allowed")));
        }
        if text.contains("://") {
            return Err(refuse("it has a scheme".to_owned()).with_help("leave out the part up to \"://\""));
        }
        let parts = split(text);
        let part = |range: &Range<usize>| text.get(range.clone()).unwrap_or_default();
        if let Some(registry) = &parts.registry {
            check_registry(part(registry)).map_err(&refuse)?;
        } else if later_rules_hold() && matches!(part(&parts.repository), "sha256" | "sha384" | "sha512") {
            // Engines take the whole for the id of an image of their own, wherever that is from.
            return Err(refuse("it is an image id, not a name".to_owned()));
        }
        check_repository(part(&parts.repository)).map_err(|rule| {
            let error = refuse(rule);
            let lower = part(&parts.repository).to_ascii_lowercase();
            if lower != part(&parts.repository) && check_repository(&lower).is_ok() {
                error.with_help("write the repository in lower case")
            } else {
                error
            }
        })?;
        if parts.repository.end > Self::MAX_NAME_LEN {
            return Err(refuse(format!(
                "registry and repository together exceed {} bytes",
                Self::MAX_NAME_LEN
            )));
        }
        if let Some(tag) = &parts.tag {
            check_tag(part(tag)).map_err(&refuse)?;
        }
        if let Some(digest) = &parts.digest {
            check_digest(part(digest)).map_err(&refuse)?;
        }
        Ok(Self(text.into()))
    }
}

text_newtype!(
    ImageRef,
    max: 520,
    pattern: pattern(),
    except: r"^((localhost/|[^/]*[.:\[A-Z][^/]*/)?[0-9a-f]{64}|sha256|sha384|sha512)([:@]|$)",
    about: "Container image reference: [registry/]repository[:tag][@digest].",
    examples: ["example/porch-light:1.0.0", "registry.example.com:5000/home/light:1.2"],
);

/// Returns the pattern of a reference. It cannot express how long registry and repository are
/// together, nor which address is one of IPv6.
fn pattern() -> String {
    let label = "[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?";
    let port = ":0*([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])";
    // A `.`, a `:`, an upper-case letter or `localhost` distinguishes a registry from the first part of a
    // repository.
    let upper = "([a-z0-9][a-z0-9-]*)?[A-Z]([A-Za-z0-9-]*[A-Za-z0-9])?";
    let address = format!(r"\[[0-9A-Fa-f:.]+\]({port})?");
    let registry = format!(r"({label}(\.{label})+({port})?|{label}{port}|{upper}|localhost|{address})/");
    let part = "[a-z0-9]+((\\.|__?|-+)[a-z0-9]+)*";
    let first = "[a-z0-9]+((__?|-+)[a-z0-9]+)*";
    let repository = format!("({registry}{part}(/{part})*|{part}|{first}(/{part})+)");
    let tag = ":[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}";
    let digest = "@(sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})";
    format!("^{repository}({tag})?({digest})?$")
}

fn has_upper(part: &str) -> bool {
    part.contains(|c: char| c.is_ascii_uppercase())
}

fn split(text: &str) -> Parts {
    let name_end = text.find('@').unwrap_or(text.len());
    let digest = (name_end < text.len()).then(|| name_end + 1..text.len());
    let name = text.get(..name_end).unwrap_or_default();
    let registry = name.find('/').filter(|slash| {
        let first = name.get(..*slash).unwrap_or_default();
        first.contains(['.', ':', '[']) || first == "localhost" || has_upper(first)
    });
    let start = registry.map_or(0, |slash| slash + 1);
    let colon = name
        .get(start..)
        .and_then(|rest| rest.find(':'))
        .map(|at| start + at);
    Parts {
        registry: registry.map(|slash| 0..slash),
        repository: start..colon.unwrap_or(name_end),
        tag: colon.map(|at| at + 1..name_end),
        digest,
    }
}

fn check_registry(registry: &str) -> Result<(), String> {
    let (host, port) = match registry.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest
                .split_once(']')
                .ok_or("the IPv6 address of the registry has no ']'")?;
            if address.parse::<std::net::Ipv6Addr>().is_err() {
                return Err(format!("{} is not an IPv6 address", quoted(address)));
            }
            let port = match port.strip_prefix(':') {
                None if port.is_empty() => None,
                None => return Err("only a port may follow the registry's ']'".to_owned()),
                port => port,
            };
            (None, port)
        }
        None => match registry.split_once(':') {
            Some((host, port)) => (Some(host), Some(port)),
            None => (Some(registry), None),
        },
    };
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    if let Some(host) = host
        && !host.split('.').all(label)
    {
        return Err(format!("{} is not a registry host", quoted(host)));
    }
    if let Some(port) = port
        && (!port.chars().all(|c| c.is_ascii_digit()) || !port.parse::<u16>().is_ok_and(|port| port > 0))
    {
        return Err(format!("{} is not a registry port", quoted(port)));
    }
    Ok(())
}

fn check_repository(repository: &str) -> Result<(), String> {
    for component in repository.split('/') {
        if component.is_empty() {
            return Err("the repository has an empty part".to_owned());
        }
        if let Some((_, found)) = first_refused(component, |c| {
            c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c)
        }) {
            return Err(format!(
                "{found:?} in the repository is not one of a-z, 0-9, '.', '_' and '-'"
            ));
        }
        let end = |c: char| !c.is_ascii_alphanumeric();
        if component.starts_with(end) || component.ends_with(end) {
            return Err(format!(
                "the part {} must begin and end with a letter or digit",
                quoted(component)
            ));
        }
        let separators = component.split(|c: char| c.is_ascii_alphanumeric());
        for separator in separators.filter(|s| !s.is_empty()) {
            if !matches!(separator, "." | "_" | "__") && !separator.bytes().all(|b| b == b'-') {
                return Err(format!(
                    "the separator {separator:?} in the repository is not '.', '_', '__' or dashes"
                ));
            }
        }
    }
    // Engines take a bare run of 64 digits for an image id, which differs from machine to machine.
    if repository.len() == 64 && repository.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err("it is an image id, not a name".to_owned());
    }
    Ok(())
}

fn check_tag(tag: &str) -> Result<(), String> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if tag.is_empty() {
        return Err("the tag after ':' is empty".to_owned());
    }
    if tag.len() > 128 {
        return Err(format!(
            "the tag has {} characters, at most 128 are allowed",
            tag.len()
        ));
    }
    if !tag.starts_with(word) || !tag.chars().all(|c| word(c) || c == '.' || c == '-') {
        return Err(format!(
            "the tag {} has characters other than letters, digits, '_', '.' and '-'",
            quoted(tag)
        ));
    }
    Ok(())
}

fn check_digest(digest: &str) -> Result<(), String> {
    let Some((algorithm, hex)) = digest.split_once(':') else {
        return Err("the digest after '@' is not of the form algorithm:hex".to_owned());
    };
    let length = match algorithm {
        "sha256" => 64,
        "sha384" => 96,
        "sha512" => 128,
        _ => {
            return Err(format!(
                "the digest algorithm {} is not sha256, sha384 or sha512",
                quoted(algorithm)
            ));
        }
    };
    if hex.len() != length
        || !hex
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    {
        return Err(format!(
            "the {algorithm} digest is not {length} lower-case hexadecimal digits"
        ));
    }
    Ok(())
}
