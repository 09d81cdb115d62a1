//! What an author writes and gets at hand: the trait, its types, and the context of its methods.

pub(crate) mod bounds;
pub(crate) mod context;
pub(crate) mod health;
pub(crate) mod none;
pub(crate) mod plugin;
pub(crate) mod reply;
pub(crate) mod tasks;
