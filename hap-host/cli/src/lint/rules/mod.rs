//! The rules, by what they are about.

mod copied;
mod dockerfile;
mod health;
mod kept;
mod listing;
mod manifest;
mod manifest_between;
mod own;
mod package;
mod people;
mod program;
mod secrets;
mod tokens;

use std::sync::LazyLock;

pub(super) use self::own::{BAD_ALLOW, BROKEN_RULE, STALE_ALLOW};
use super::finding::Rule;

/// All rules, in the order of their ids.
pub(crate) static RULES: LazyLock<Vec<&'static Rule>> = LazyLock::new(|| {
    let all = [
        manifest::RULES,
        manifest_between::RULES,
        health::RULES,
        package::RULES,
        dockerfile::RULES,
        copied::RULES,
        kept::RULES,
        program::RULES,
        people::RULES,
        listing::RULES,
        secrets::RULES,
        tokens::RULES,
    ];
    let own = [&BROKEN_RULE, &STALE_ALLOW, &BAD_ALLOW];
    let mut rules: Vec<_> = all.into_iter().flatten().chain(own).collect();
    rules.sort_by_key(|rule| rule.id);
    rules
});

/// The rule of an id.
pub(crate) fn rule(id: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.id == id).copied()
}
