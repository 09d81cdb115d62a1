//! The cases: what is tried, and the sentence of the protocol that each is about.

mod auth;
mod case;
mod command;
mod config;
mod event;
mod health;
mod hostile;
mod optional;
mod start;
mod stop;

pub use case::Case;
pub(crate) use case::Place;

/// Returns all cases, in the order of reports.
pub fn cases() -> impl Iterator<Item = &'static Case> {
    [
        start::CASES,
        health::CASES,
        command::CASES,
        config::CASES,
        hostile::CASES,
        auth::CASES,
        optional::CASES,
        event::CASES,
        stop::CASES,
    ]
    .into_iter()
    .flatten()
}
