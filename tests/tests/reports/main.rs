//! Faults that users of such systems report, each with the smallest input that showed it.
//!
//! A test has the name of its kind and number: `a` the host and the engine, `b` the host's API and the protocol, `c` the
//! author's side, `d` what newcomers saw, `e` what was seen while measuring.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests end the test when something is not as it has to be"
)]

mod a;
mod a_engine;
mod a_hand;
mod a_host;
mod a_numbers;
mod b;
mod b15;
mod b_clients;
mod c;
mod c_plugin;
mod d;
mod d_plugin;
mod e;
mod example_host;
mod folders;
mod mended;
#[path = "../../../hap-manifest/tests/package/raw.rs"]
#[expect(dead_code, reason = "not all are used here")]
mod raw;
