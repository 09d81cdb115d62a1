//! `hap doctor` on broken machines: it names what is broken, with the command that mends it, and nothing else.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests end the test when something is not as it has to be"
)]

mod bed;
mod command;
mod engines;
mod of_engines;
mod of_hosts;
mod of_root;
mod pretended;
