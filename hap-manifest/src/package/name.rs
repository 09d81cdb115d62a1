//! [`NameRule`]: which names a file in a package may have.

use icu_normalizer::ComposingNormalizerBorrowed;

/// Longest name, in bytes.
const MAX_LEN: usize = 255;
/// Most parts of a name.
pub(super) const MAX_DEPTH: usize = 32;

/// The rule that a name in a package breaks.
///
/// A name must mean the same file everywhere: on Linux, macOS and Windows, for programs that
/// normalise names and for those that do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum NameRule {
    /// It has no characters.
    #[error("it is empty")]
    Empty,
    /// It has a NUL, at which some programs end the name.
    #[error("it has a NUL character")]
    Nul,
    /// It is not UTF-8, or not marked as such.
    #[error("it is not ASCII, nor marked as UTF-8")]
    Encoding,
    /// It begins with `/`.
    #[error("it is absolute")]
    Absolute,
    /// It begins with a drive, such as `C:`.
    #[error("it is a Windows path with a drive")]
    WindowsPath,
    /// It has a `\`, which is a separator on Windows.
    #[error("it has a backslash; write '/' between folders")]
    Backslash,
    /// It has a `..` part.
    #[error("it has a \"..\" part and could lead outside")]
    Traversal,
    /// It has an empty part or a `.` part.
    #[error("it is not normal: it has an empty or \".\" part")]
    NotNormal,
    /// It has a character that is refused on some system, or that cannot be seen.
    #[error("{0:?} is not a letter, digit, space or portable sign")]
    Character(char),
    /// It is not in Unicode's normal form C, in which each letter has one spelling.
    #[error("it is not in Unicode's composed form (NFC), so another name may look the same")]
    NotComposed,
    /// A part ends with a dot or space, which Windows drops.
    #[error("a part of it ends with a dot or a space")]
    PartEnd,
    /// A part is the name of a device on Windows, such as `nul`.
    #[error("a part of it names a device on Windows")]
    Reserved,
    /// It has more than 255 bytes.
    #[error("it has more than {MAX_LEN} bytes")]
    TooLong,
    /// It has more than 32 parts.
    #[error("it has more than {MAX_DEPTH} parts")]
    TooDeep,
}

/// Checks a name from an archive. The `/` at the end of a folder's name is already removed.
///
/// `utf8` says whether the archive marks it as UTF-8. Without the mark, the meaning of bytes beyond
/// ASCII depends on the reader.
pub(super) fn check(raw: &[u8], utf8: bool) -> Result<&str, NameRule> {
    if raw.contains(&0) {
        return Err(NameRule::Nul);
    }
    let name = std::str::from_utf8(raw).map_err(|_| NameRule::Encoding)?;
    if !utf8 && !name.is_ascii() {
        return Err(NameRule::Encoding);
    }
    if name.is_empty() {
        return Err(NameRule::Empty);
    }
    if name.starts_with('/') {
        return Err(NameRule::Absolute);
    }
    if let [drive, b':', ..] = raw
        && drive.is_ascii_alphabetic()
    {
        return Err(NameRule::WindowsPath);
    }
    if name.contains('\\') {
        return Err(NameRule::Backslash);
    }
    if name.split('/').any(|part| part == "..") {
        return Err(NameRule::Traversal);
    }
    if name.split('/').any(|part| matches!(part, "" | ".")) {
        return Err(NameRule::NotNormal);
    }
    if let Some(found) = name.chars().find(|c| !portable(*c)) {
        return Err(NameRule::Character(found));
    }
    if !ComposingNormalizerBorrowed::new_nfc().is_normalized(name) {
        return Err(NameRule::NotComposed);
    }
    if name.len() > MAX_LEN {
        return Err(NameRule::TooLong);
    }
    if name.split('/').count() > MAX_DEPTH {
        return Err(NameRule::TooDeep);
    }
    if name.split('/').any(|part| part.ends_with(['.', ' '])) {
        return Err(NameRule::PartEnd);
    }
    if name.split('/').any(names_device) {
        return Err(NameRule::Reserved);
    }
    Ok(name)
}

/// Letters and digits of any script, but no combining marks, which some systems show apart.
fn portable(c: char) -> bool {
    c.is_alphanumeric() || c == ' ' || (c.is_ascii_graphic() && !"<>:\"|?*\\".contains(c))
}

/// The names that [Windows reserves](https://learn.microsoft.com/windows/win32/fileio/naming-a-file),
/// for which the digits may be superscript ones.
fn names_device(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or_default().trim_end();
    let is = |name: &str| stem.eq_ignore_ascii_case(name);
    let numbered = |name: &str| {
        stem.get(..3).is_some_and(|head| head.eq_ignore_ascii_case(name))
            && matches!(
                stem.get(3..),
                Some("1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "\u{b9}" | "\u{b2}" | "\u{b3}")
            )
    };
    let named = ["con", "prn", "aux", "nul", "conin$", "conout$"];
    named.into_iter().any(is) || numbered("com") || numbered("lpt")
}

/// Returns the name as a file system that ignores case sees it.
pub(super) fn folded(name: &str) -> String {
    // First up, then down: letters with two lower forms, such as the long s, become one.
    name.chars()
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .collect()
}
