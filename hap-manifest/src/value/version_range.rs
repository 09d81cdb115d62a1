//! Version ranges, and whether there is a version in them.

use semver::{BuildMetadata, Comparator, Op, Prerelease, Version, VersionReq};

use super::{
    error::{ParseError, quoted},
    likely_version,
};

/// Reads a range.
pub(crate) fn parse(text: &str) -> Result<VersionReq, ParseError> {
    text.parse().map_err(|error: semver::Error| {
        let error = ParseError::new("version range", quoted(text), error);
        error.with_help(if text.contains("||") {
            "a range has no alternatives; write the whole span, for example \">=1, <3\"".to_owned()
        } else if let Some(meant) = likely_version::range(text) {
            format!("write {}", quoted(&meant))
        } else {
            "write for example \"^1.2\"".to_owned()
        })
    })
}

/// Why no version is in a range, and what to write instead.
#[derive(Debug)]
pub(crate) struct Conflict {
    pub(crate) message: String,
    pub(crate) help: String,
}

/// Returns what is wrong with a range that no version is in; `None` where there is one.
pub(crate) fn conflict(range: &VersionReq) -> Option<Conflict> {
    if witness(range).is_some() {
        return None;
    }
    let nothing = format!("no version is in the range {}", quoted(&range.to_string()));
    let example = "all its parts hold at once; write for example \"^1.2\" or \">=1.2, <3\"".to_owned();
    let parts = &range.comparators;
    if let Some(part) = parts.iter().find(|part| is_empty([part])) {
        let message = if parts.len() == 1 {
            nothing
        } else {
            format!("{nothing}: none is in \"{part}\" alone")
        };
        return Some(Conflict {
            message,
            help: example,
        });
    }
    let pairs = parts
        .iter()
        .enumerate()
        .flat_map(|(index, first)| parts.iter().skip(index + 1).map(move |second| (first, second)));
    Some(
        match pairs
            .into_iter()
            .find(|(first, second)| is_empty([first, second]))
        {
            Some((first, second)) => Conflict {
                message: if parts.len() == 2 {
                    nothing
                } else {
                    format!("{nothing}: \"{first}\" and \"{second}\" have none in common")
                },
                help: exchanged(first, second).map_or(example, |range| format!("did you mean \"{range}\"?")),
            },
            None => Conflict {
                message: nothing,
                help: example,
            },
        },
    )
}

fn is_empty<const N: usize>(parts: [&Comparator; N]) -> bool {
    let comparators = parts.into_iter().cloned().collect();
    witness(&VersionReq { comparators }).is_none()
}

/// Returns the range between two bounds that were meant the other way round.
fn exchanged(first: &Comparator, second: &Comparator) -> Option<VersionReq> {
    let is_lower = |part: &Comparator| matches!(part.op, Op::Greater | Op::GreaterEq);
    let is_upper = |part: &Comparator| matches!(part.op, Op::Less | Op::LessEq);
    let (lower, upper) = match (first, second) {
        (lower, upper) if is_lower(lower) && is_upper(upper) => (lower, upper),
        (upper, lower) if is_lower(lower) && is_upper(upper) => (lower, upper),
        _ => return None,
    };
    let with = |op, of: &Comparator| Comparator { op, ..of.clone() };
    // `>1, <2` is empty too: what is more than 1 begins with 2.0.0.
    [lower.op, Op::GreaterEq].into_iter().find_map(|op| {
        let range = VersionReq {
            comparators: vec![with(op, upper), with(upper.op, lower)],
        };
        witness(&range).map(|_| range)
    })
}

/// A version in the range, if there is one.
///
/// The least release in a range is either 0.0.0, or as low as one of its comparators allows. The
/// least pre-release is of a version that a comparator names with a pre-release (others are not in
/// any range): the lowest there is of that version, the named one, or the next after it. So trying
/// these decides it.
fn witness(range: &VersionReq) -> Option<Version> {
    let lowest = std::iter::once(Version::new(0, 0, 0));
    let candidates = lowest.chain(range.comparators.iter().flat_map(candidates));
    candidates.into_iter().find(|version| range.matches(version))
}

fn candidates(of: &Comparator) -> Vec<Version> {
    let (major, minor, patch) = (of.major, of.minor.unwrap_or(0), of.patch.unwrap_or(0));
    let mut all = vec![Version::new(major, minor, patch)];
    // What comes after it, where it is excluded. At the end of the numbers the next higher part
    // counts.
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
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ranges_that_nothing_satisfies_are_found() {
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
            assert!(conflict(&parse(text).unwrap()).is_some(), "{text}");
        }
    }

    #[test]
    fn ranges_that_something_satisfies_are_let_pass() {
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
            assert!(conflict(&parse(text).unwrap()).is_none(), "{text}");
        }
    }

    #[test]
    fn the_parts_that_contradict_each_other_are_named() {
        let example = "all its parts hold at once; write for example \"^1.2\" or \">=1.2, <3\"";
        for (text, message, help) in [
            (
                ">2, <1",
                "no version is in the range \">2, <1\"",
                "did you mean \">=1, <2\"?",
            ),
            (
                "<=1.0.0, >=1.0.1, ^1",
                "no version is in the range \"<=1.0.0, >=1.0.1, ^1\": \"<=1.0.0\" and \">=1.0.1\" have none in common",
                "did you mean \">=1.0.0, <=1.0.1\"?",
            ),
            // The other way round there is nothing between them either.
            (">1, <1", "no version is in the range \">1, <1\"", example),
            ("^1, ^2", "no version is in the range \"^1, ^2\"", example),
            ("<0.0.0", "no version is in the range \"<0.0.0\"", example),
            (
                "^1, <0",
                "no version is in the range \"^1, <0\": none is in \"<0\" alone",
                example,
            ),
        ] {
            let conflict = conflict(&parse(text).unwrap()).unwrap();
            assert_eq!(
                (conflict.message.as_str(), conflict.help.as_str()),
                (message, help)
            );
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

    /// Every version that the ranges above can tell apart.
    fn versions() -> Vec<Version> {
        let numbers = (0..4_u64).flat_map(|major| (0..4_u64).map(move |minor| (major, minor)));
        let numbers = numbers.flat_map(|(major, minor)| (0..4_u64).map(move |patch| (major, minor, patch)));
        numbers
            .flat_map(|(major, minor, patch)| {
                ["", "0", "0.0", "a", "a.0", "a.0.0", "b", "b.0"].map(|pre| Version {
                    pre: Prerelease::new(pre).unwrap(),
                    ..Version::new(major, minor, patch)
                })
            })
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn a_conflict_is_told_exactly_for_what_is_empty(range in range()) {
            static VERSIONS: LazyLock<Vec<Version>> = LazyLock::new(versions);
            let some = VERSIONS.iter().find(|version| range.matches(version));
            match conflict(&range) {
                Some(conflict) => prop_assert!(some.is_none(), "{conflict:?}, but {some:?}"),
                // What the ranges name lies below 3, so that versions up to 3 tell them apart.
                None => prop_assert!(some.is_some(), "{range}"),
            }
        }
    }
}
