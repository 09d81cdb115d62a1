//! The two networks of an instance: one that leads nowhere, and one with a way out.

pub(super) mod create;
pub(super) mod filter;
pub(super) mod find;
mod local;
pub(super) mod prepare;
pub(super) mod remove;
pub(super) mod shape;
pub(super) mod table;
pub(super) mod unusable;
