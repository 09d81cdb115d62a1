//! Packages: what is written, what is read, what is refused.
#![cfg(feature = "package")]
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as the tests do")]

/// Refuses by exactly this variant, and in these words.
macro_rules! refused {
    ($bytes:expr, $variant:pat, $message:expr $(,)?) => {
        let error = Package::open(Cursor::new($bytes)).unwrap_err();
        assert!(matches!(error, $variant), "{error:?}");
        assert_eq!(error.to_string(), $message);
    };
}

#[cfg(unix)]
mod extracting;
mod hostile;
mod names;
mod packing;
mod raw;
#[cfg(feature = "signing")]
mod signing;
