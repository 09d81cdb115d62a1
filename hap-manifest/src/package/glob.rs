//! Whether a path fits a pattern, for the ignore files of packages and of image builds.

/// Returns whether a pattern fits a path, both cut at their slashes. `**` stands for any number of
/// parts, `*` for any text and `?` for one character within a part.
#[must_use]
pub fn fits(pattern: &[Box<str>], parts: &[&str]) -> bool {
    match_all(
        pattern,
        parts,
        |part| &**part == "**",
        |pattern, part| part_fits(pattern, part),
    )
}

/// Returns whether one part of a pattern fits one part of a name.
fn part_fits(pattern: &str, part: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let part: Vec<char> = part.chars().collect();
    match_all(
        &pattern,
        &part,
        |wild| *wild == '*',
        |wanted, found| *wanted == '?' || wanted == found,
    )
}

/// Matches with wildcards in time of at most the product of both lengths: on a mismatch, only the
/// last wildcard takes one more.
fn match_all<P, T>(
    pattern: &[P],
    items: &[T],
    is_wild: impl Fn(&P) -> bool,
    is_match: impl Fn(&P, &T) -> bool,
) -> bool {
    let (mut at, mut item) = (0, 0);
    let mut last_wild = None;
    while let Some(found) = items.get(item) {
        match pattern.get(at) {
            Some(wild) if is_wild(wild) => {
                last_wild = Some((at, item));
                at += 1;
            }
            Some(wanted) if is_match(wanted, found) => {
                at += 1;
                item += 1;
            }
            _ => {
                let Some((wild, taken)) = last_wild else {
                    return false;
                };
                last_wild = Some((wild, taken + 1));
                at = wild + 1;
                item = taken + 1;
            }
        }
    }
    pattern.iter().skip(at).all(is_wild)
}
