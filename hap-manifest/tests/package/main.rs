//! Packages: what is written, what is read, what is refused.
#![cfg(feature = "package")]
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as the tests do")]

#[cfg(unix)]
mod extracting;
mod hostile;
mod packing;
mod raw;
#[cfg(feature = "signing")]
mod signing;
