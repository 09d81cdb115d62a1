use std::{borrow::Cow, fmt, str::FromStr};

use hap_manifest::{DevicePath, ImageRef, ParseError};
use serde::{Deserialize, Deserializer, Serialize};

/// Longest pattern, in bytes.
const MAX_LEN: usize = 255;

/// The devices that a rule of a [`Policy`](super::Policy) is about: one path, or all
/// that fit a pattern.
///
/// `*` stands for any characters but `/`, `**` for any at all, `?` for one but `/`. Patterns look
/// at the name that a plugin asks for, not at what that name links to.
///
/// ```
/// use hap_host::DevicePattern;
///
/// let serial: DevicePattern = "/dev/ttyUSB*".parse()?;
/// assert!(serial.matches(&"/dev/ttyUSB0".parse().unwrap()));
/// assert!(!serial.matches(&"/dev/ttyACM0".parse().unwrap()));
/// # Ok::<(), hap_host::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct DevicePattern(Box<str>);

impl DevicePattern {
    /// Checks a pattern.
    ///
    /// # Errors
    /// Unless it begins with `/dev/` and has at most 255 bytes.
    pub fn new(pattern: &str) -> Result<Self, ParseError> {
        if pattern.len() > MAX_LEN || pattern.strip_prefix("/dev/").is_none_or(str::is_empty) {
            let rule = format!("it begins with /dev/ and has at most {MAX_LEN} bytes");
            return Err(ParseError::of(
                "device pattern",
                pattern,
                rule,
                "use one such as /dev/ttyUSB*",
            ));
        }
        Ok(Self(pattern.into()))
    }

    /// Whether a device fits.
    #[must_use]
    pub fn matches(&self, device: &DevicePath) -> bool {
        fits(self.0.as_bytes(), device.as_str().as_bytes())
    }

    /// Whether each device that fits the other one fits here too. One with wildcards may be told from
    /// its letters alone, so no is no proof.
    pub(crate) fn includes(&self, other: &Self) -> bool {
        fits(self.0.as_bytes(), other.0.as_bytes())
    }

    /// The pattern as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for DevicePattern {
    type Err = ParseError;

    fn from_str(pattern: &str) -> Result<Self, ParseError> {
        Self::new(pattern)
    }
}

impl<'de> Deserialize<'de> for DevicePattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <Cow<'de, str>>::deserialize(deserializer)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}

impl From<DevicePath> for DevicePattern {
    /// This one device: the path of a device holds no wildcard.
    fn from(device: DevicePath) -> Self {
        Self(device.as_str().into())
    }
}

impl fmt::Display for DevicePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Goes back to the last wildcard where the text goes on differently. A wildcard that may not pass
/// a `/` gives way to the `**` before it, so at most two places are remembered, and no pattern
/// takes longer than the product of the lengths.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut read) = (0, 0);
    let mut within: Option<(usize, usize)> = None;
    let mut across: Option<(usize, usize)> = None;
    loop {
        let rest = pattern.get(at..).unwrap_or_default();
        let next = text.get(read).copied();
        match (rest, next) {
            ([], None) => return true,
            ([b'*', b'*', ..], _) => {
                at += 2;
                across = Some((at, read));
                within = None;
                continue;
            }
            ([b'*', ..], _) => {
                at += 1;
                within = Some((at, read));
                continue;
            }
            ([b'?', ..], Some(byte)) if byte != b'/' => {}
            ([literal, ..], Some(byte)) if *literal == byte => {}
            _ => {
                // One character more for the wildcard that may take it.
                let (place, wildcard) = match (within, across) {
                    (Some((after, from)), _) if text.get(from).is_some_and(|byte| *byte != b'/') => {
                        ((after, from + 1), &mut within)
                    }
                    (_, Some((after, from))) if from < text.len() => {
                        within = None;
                        ((after, from + 1), &mut across)
                    }
                    _ => return false,
                };
                *wildcard = Some(place);
                (at, read) = place;
                continue;
            }
        }
        at += 1;
        read += 1;
    }
}

/// Where images may come from: a registry, or a part of one.
///
/// `ghcr.io` stands for everything there, `ghcr.io/acme` for what `acme` publishes,
/// `ghcr.io/acme/light` for one image of any version. An image without a registry is one of
/// `docker.io`, and there without a path one of `library`.
///
/// ```
/// use hap_host::ImageSource;
///
/// let acme: ImageSource = "ghcr.io/acme".parse()?;
/// assert!(acme.contains(&"ghcr.io/acme/light:1".parse().unwrap()));
/// assert!(!acme.contains(&"ghcr.io/acme-evil/light:1".parse().unwrap()));
/// # Ok::<(), hap_host::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ImageSource(Box<str>);

impl ImageSource {
    /// Checks a source. A `/` at its end changes nothing.
    ///
    /// # Errors
    /// For one that no image can be in: with a tag, a digest, a scheme, or without the
    /// registry in front.
    pub fn new(source: &str) -> Result<Self, ParseError> {
        let trimmed = source.strip_suffix('/').unwrap_or(source);
        let (registry, path) = trimmed.split_once('/').unwrap_or((trimmed, ""));
        let upper = |c: char| c.is_ascii_uppercase();
        let is_registry =
            registry == "localhost" || registry.contains(['.', ':']) || registry.contains(upper);
        // An image with this in front of its name tells whether both parts are well-formed.
        let image = if path.is_empty() {
            format!("{registry}/x")
        } else {
            format!("{registry}/{path}/x")
        };
        let parsed = image.parse::<ImageRef>();
        if !is_registry || trimmed.len() > MAX_LEN || !parsed.is_ok_and(|image| image.registry().is_some()) {
            let rule = "it is a registry, or one with a path, without a tag";
            let help = "use one such as docker.io, localhost:5000 or ghcr.io/acme";
            return Err(ParseError::of("image source", source, rule, help));
        }
        Ok(Self(trimmed.into()))
    }

    /// Whether an image is from here.
    #[must_use]
    pub fn contains(&self, image: &ImageRef) -> bool {
        let whole = match (image.registry(), image.repository()) {
            (Some("docker.io") | None, name) if !name.contains('/') => format!("docker.io/library/{name}"),
            (registry, name) => format!("{}/{name}", registry.unwrap_or("docker.io")),
        };
        whole
            .strip_prefix(&*self.0)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// The source as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ImageSource {
    type Err = ParseError;

    fn from_str(source: &str) -> Result<Self, ParseError> {
        Self::new(source)
    }
}

impl<'de> Deserialize<'de> for ImageSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <Cow<'de, str>>::deserialize(deserializer)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for ImageSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, device: &str) -> bool {
        DevicePattern::new(pattern)
            .unwrap()
            .matches(&device.parse().unwrap())
    }

    #[test]
    fn wildcards_stay_within_a_segment_unless_doubled() {
        for (pattern, device, fits) in [
            ("/dev/zero", "/dev/zero", true),
            ("/dev/zero", "/dev/zero0", false),
            ("/dev/ttyUSB*", "/dev/ttyUSB", true),
            ("/dev/ttyUSB*", "/dev/ttyUSB12", true),
            ("/dev/tty*", "/dev/tty/0", false),
            ("/dev/tty?", "/dev/tty1", true),
            ("/dev/tty?", "/dev/tty", false),
            ("/dev/disk/**", "/dev/disk/by-id/x", true),
            ("/dev/disk/**", "/dev/diskette", false),
            ("/dev/**/event*", "/dev/input/a/event3", true),
            ("/dev/**/event*", "/dev/input/event3/x", false),
            ("/dev/*/by-*/x", "/dev/disk/by-id/x", true),
            ("/dev/*a*b", "/dev/xaybzb", true),
        ] {
            assert_eq!(matches(pattern, device), fits, "{pattern} {device}");
        }
    }

    #[test]
    fn patterns_and_sources_that_mean_nothing_are_refused_with_the_rule() {
        for bad in ["", "/dev/", "dev/zero", "/etc/passwd", "*"] {
            let error = DevicePattern::new(bad).unwrap_err();
            assert!(error.to_string().contains("/dev/ttyUSB*"), "{error}");
        }
        for bad in [
            "",
            "acme",
            "acme/light",
            "ghcr.io/acme:1",
            "https://ghcr.io",
            "ghcr.io//x",
        ] {
            let error = ImageSource::new(bad).unwrap_err();
            assert!(error.to_string().contains("ghcr.io/acme"), "{bad}: {error}");
        }
    }

    #[test]
    fn a_source_ends_at_a_segment_and_short_names_are_those_of_the_usual_registry() {
        for (source, image, from) in [
            ("ghcr.io", "ghcr.io/acme/light:1", true),
            ("ghcr.io", "ghcr.io.evil.example/light:1", false),
            ("ghcr.io/acme/", "ghcr.io/acme/light", true),
            ("ghcr.io/acme", "ghcr.io/acmes/light", false),
            ("docker.io", "light:1", true),
            ("docker.io/library", "light:1", true),
            ("docker.io/library", "docker.io/light:1", true),
            ("docker.io/library", "acme/light:1", false),
            ("docker.io/acme", "acme/light:1", true),
            ("localhost:5000", "localhost:5000/light", true),
        ] {
            let found = ImageSource::new(source)
                .unwrap()
                .contains(&image.parse().unwrap());
            assert_eq!(found, from, "{source} {image}");
        }
    }

    /// The same law, told by trying everything.
    fn slowly(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern, text) {
            ([], []) => true,
            ([b'*', b'*', rest @ ..], _) => (0..=text.len()).any(|taken| slowly(rest, &text[taken..])),
            ([b'*', rest @ ..], _) => (0..=text.len())
                .take_while(|taken| !text[..*taken].contains(&b'/'))
                .any(|taken| slowly(rest, &text[taken..])),
            ([b'?', rest @ ..], [byte, more @ ..]) => *byte != b'/' && slowly(rest, more),
            ([literal, rest @ ..], [byte, more @ ..]) => literal == byte && slowly(rest, more),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn a_pattern_fits_exactly_what_trying_everything_finds(pattern in "[ab/*?]{0,9}", text in "[ab/]{0,9}") {
            prop_assert_eq!(fits(pattern.as_bytes(), text.as_bytes()), slowly(pattern.as_bytes(), text.as_bytes()));
        }
    }
}
