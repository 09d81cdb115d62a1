//! Numbers of users that are only plugins'.

use std::ops::RangeInclusive;

/// The numbers that the host chooses from for its plugins.
///
/// Nobody else hands these out: systemd leaves 1,879,048,192 to 2,147,352,575 unused, the ranges of
/// shadow for user namespaces end at 600,100,000, and those of SSSD and FreeIPA at 2,000,200,000.
pub(crate) const NUMBERS: RangeInclusive<u32> = 2_010_000_000..=2_109_999_999;

/// The same where the engine maps users: a container has 65,536 numbers there, and none of them is
/// that of the same number outside.
pub(crate) const MAPPED_NUMBERS: RangeInclusive<u32> = 20_000..=59_999;
