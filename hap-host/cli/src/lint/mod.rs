//! What is wrong with a plugin: rules, and what they find in a folder or a package.
//!
//! Rules see a [`Subject`] alone, which was read before; they touch no files.

mod allow;
mod arch;
mod check;
mod dockerfile;
mod excerpt;
mod finding;
mod ignored;
mod page;
mod rules;
mod severity;
mod shown;
mod spdx;
mod subject;
#[cfg(test)]
mod tests;
mod view;

pub(crate) use hap_manifest::package::MANIFEST;

pub(crate) use self::{
    allow::apply,
    arch::arch_of,
    check::check,
    finding::{Finding, Rule},
    page::explain,
    rules::{RULES, rule},
    severity::Severity,
    subject::Subject,
    view::View,
};
