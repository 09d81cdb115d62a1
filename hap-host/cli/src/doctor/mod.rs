//! What is wrong with a machine that is to run plugins: facts, gathered once, and checks that judge them.

mod check;
mod checks;
mod facts;
mod gather;
mod page;
mod report;
#[cfg(test)]
mod tests;

pub(crate) use self::{
    check::{Check, Finding, Health},
    checks::CHECKS,
    gather::{Request, gather},
    page::explain,
    report::report,
};
