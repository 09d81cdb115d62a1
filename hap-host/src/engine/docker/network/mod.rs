//! The two networks of an instance: one that leads nowhere, and one with a way out.

mod create;
pub(super) mod find;
pub(super) mod prepare;
pub(super) mod remove;
mod shape;
pub(super) mod unusable;
