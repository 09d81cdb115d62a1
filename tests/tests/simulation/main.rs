//! Faults in random orders, in virtual time: whatever happened, the supervisor comes to what is wanted.
//!
//! A failing order is printed in its shortest form and kept in `proptest-regressions`, from where the next run
//! tries it first. `PROPTEST_CASES` says how many orders are tried.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests end the test when something is not as it has to be"
)]

mod action;
mod host;
mod law;
mod orders;
