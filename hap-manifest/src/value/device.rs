//! [`DevicePath`].

use super::error::{ParseError, first_refused, quoted, too_long};
use super::newtype::text_newtype;
use super::path::segment;

/// A device of the host, such as `/dev/ttyUSB0`, that a plugin asks for.
///
/// Below `/dev/`, normal, without `:`: the plugin sees it under the same name.
///
/// ```
/// use hap_manifest::DevicePath;
///
/// assert!("/dev/ttyUSB0".parse::<DevicePath>().is_ok());
/// assert!("/dev/../etc/shadow".parse::<DevicePath>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DevicePath(Box<str>);

impl DevicePath {
    const WHAT: &str = "device path";

    fn parse(text: &str) -> Result<Self, ParseError> {
        let refuse = |rule: String| ParseError::new(Self::WHAT, quoted(text), rule);
        let example = "for example \"/dev/ttyUSB0\"";
        let Some(below) = text.strip_prefix("/dev/") else {
            let meant = format!("/dev/{text}");
            let error = refuse("it must begin with \"/dev/\"".to_owned());
            // A text with a slash is as likely to be no device at all.
            return Err(if !text.contains('/') && Self::parse(&meant).is_ok() {
                error.with_help(format!("write \"{meant}\""))
            } else {
                error.with_help(example)
            });
        };
        if text.len() > 255 {
            return Err(refuse(too_long(text.len(), "bytes", 255)));
        }
        if let Some((position, found)) =
            first_refused(text, |c| c.is_ascii_alphanumeric() || "/._-+".contains(c))
        {
            let error = refuse(format!("{found:?} at position {position} is not allowed"));
            // The form of other tools: the host's device, the container's, and what may be done
            // with it.
            let device = text
                .split_once(':')
                .and_then(|(device, _)| Self::parse(device).ok());
            return Err(match device {
                Some(device) => {
                    error.with_help(format!("write \"{device}\"; the plugin sees it by the same name"))
                }
                None => error.with_help(example),
            });
        }
        if below.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
            return Err(refuse("it has an empty, '.' or '..' segment".to_owned()).with_help(example));
        }
        Ok(Self(text.into()))
    }
}

text_newtype!(
    DevicePath,
    max: 255,
    pattern: format!("^/dev(/{})+$", segment("A-Za-z0-9_+-")),
    about: "Device of the host, below /dev/.",
    examples: ["/dev/ttyUSB0"],
);
