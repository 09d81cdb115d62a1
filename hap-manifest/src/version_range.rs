//! Version ranges that some version satisfies.

use semver::{BuildMetadata, Comparator, Prerelease, Version, VersionReq};

use crate::ParseError;
use crate::error::quoted;

/// Reads a range, and refuses one that no version is in: nothing that needs it would ever start.
pub(crate) fn parse(text: &str) -> Result<VersionReq, ParseError> {
    let range: VersionReq = text.parse().map_err(|error: semver::Error| {
        ParseError::new("version range", quoted(text), error).with_help("write for example \"^1.2\"")
    })?;
    if witness(&range).is_none() {
        return Err(
            ParseError::new("version range", quoted(text), "no version satisfies it")
                .with_help("all its parts have to hold at once; write for example \"^1.2\" or \">=1.2, <3\""),
        );
    }
    Ok(range)
}

/// A version in the range, if there is one.
///
/// The least release in a range is either 0.0.0, or as low as one of its comparators allows. The least pre-release is
/// of a version that a comparator names with a pre-release (others are not in any range): the lowest there is of that
/// version, the named one, or the next after it. So trying these decides it.
fn witness(range: &VersionReq) -> Option<Version> {
    let lowest = std::iter::once(Version::new(0, 0, 0));
    let candidates = lowest.chain(range.comparators.iter().flat_map(candidates));
    candidates.into_iter().find(|version| range.matches(version))
}

fn candidates(of: &Comparator) -> Vec<Version> {
    let (major, minor, patch) = (of.major, of.minor.unwrap_or(0), of.patch.unwrap_or(0));
    let mut all = vec![Version::new(major, minor, patch)];
    // What comes after it, where it is excluded. At the end of the numbers the next higher part counts.
    all.extend(
        patch
            .checked_add(1)
            .map(|patch| Version::new(major, minor, patch)),
    );
    all.extend(minor.checked_add(1).map(|minor| Version::new(major, minor, 0)));
    all.extend(major.checked_add(1).map(|major| Version::new(major, 0, 0)));
    if !of.pre.is_empty() {
        let next = format!("{}.0", of.pre);
        for pre in ["0", of.pre.as_str(), &next] {
            all.extend(Prerelease::new(pre).map(|pre| Version {
                major,
                minor,
                patch,
                pre,
                build: BuildMetadata::EMPTY,
            }));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ranges_that_nothing_satisfies_are_refused() {
        for text in [
            ">2, <1",
            ">1.0.0, <1.0.0",
            "^1, ^2",
            "=1.2.3, >1.2.3",
            ">1.2, <1.3",
            "<0.0.0",
            ">1.0.0, <1.0.1",
            "1.*, 2.*",
            "~1.2, >=1.3",
            ">1.0.0-beta, <1.0.0-beta",
            ">18446744073709551615",
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(
                error.message(),
                format!("invalid version range {text:?}: no version satisfies it")
            );
        }
    }

    #[test]
    fn ranges_that_something_satisfies_are_read() {
        for text in [
            "*",
            "^0.0.0",
            ">1.0.0, <1.0.2",
            ">=1.0.0, <=1.0.0",
            ">1.0.0, <1.0.1-beta",
            "<0.0.0-beta",
            ">1.0.0-alpha, <1.0.0",
            ">1.0.0-alpha, <1.0.0-alpha.1",
            ">1.0.18446744073709551615",
            ">=1, <2, >1.5",
            "^1.2.3-rc.1",
        ] {
            parse(text).unwrap_or_else(|error| panic!("{error}"));
        }
    }

    fn version() -> impl Strategy<Value = Version> {
        let pre =
            prop_oneof![3 => Just(""), 1 => Just("0"), 1 => Just("a"), 1 => Just("a.0"), 1 => Just("b")];
        (0..3u64, 0..3u64, 0..3u64, pre).prop_map(|(major, minor, patch, pre)| Version {
            pre: Prerelease::new(pre).unwrap(),
            ..Version::new(major, minor, patch)
        })
    }

    fn range() -> impl Strategy<Value = VersionReq> {
        let op = prop_oneof![
            Just("="),
            Just(">"),
            Just(">="),
            Just("<"),
            Just("<="),
            Just("~"),
            Just("^")
        ];
        let part = (op, version(), 1..=3usize).prop_map(|(op, version, parts)| {
            let text = version.to_string();
            let cut = if parts < 3 {
                text.split(['-', '.']).take(parts).collect::<Vec<_>>().join(".")
            } else {
                text
            };
            format!("{op}{cut}")
        });
        proptest::collection::vec(part, 1..4).prop_map(|parts| parts.join(", ").parse().unwrap())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn a_range_that_some_version_is_in_has_a_witness(range in range(), version in version()) {
            if range.matches(&version) {
                prop_assert!(witness(&range).is_some(), "{range} has {version}");
            }
        }
    }
}
