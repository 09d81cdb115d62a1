use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind};

/// A place in the log of received events. Kept by an application, it says where to go on
/// after a restart.
///
/// Places are ordered as the events were received. They belong to one supervisor's folder; a cursor
/// of another is refused where it can be told.
///
/// ```
/// use hap_host::Cursor;
///
/// let saved = Cursor::START.to_string();
/// assert_eq!(saved.parse::<Cursor>()?, Cursor::START);
/// # Ok::<(), hap_host::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(u64);

impl Cursor {
    /// Before the first event.
    pub const START: Self = Self(0);

    pub(crate) const fn new(seq: u64) -> Self {
        Self(seq)
    }

    pub(crate) const fn seq(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Cursor {
    type Err = Error;

    /// Reads what `Display` wrote.
    fn from_str(text: &str) -> Result<Self, Error> {
        // Digits only: the integer's own parser would also take a sign.
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|_| digits).map(Self).ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidInput,
                format!("a cursor is a number, and this is not: {text:?}"),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_text_and_json() {
        let cursor = Cursor::new(4711);
        assert_eq!(cursor.to_string().parse::<Cursor>().unwrap(), cursor);
        assert_eq!(
            serde_json::from_str::<Cursor>(&serde_json::to_string(&cursor).unwrap()).unwrap(),
            cursor
        );
        assert!(Cursor::START < cursor);
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        for text in ["", "-1", "+1", "1.0", "x", "99999999999999999999999"] {
            assert_eq!(
                text.parse::<Cursor>().unwrap_err().kind(),
                ErrorKind::InvalidInput,
                "{text}"
            );
        }
    }
}
