//! Checks settings against the `config_schema` of a manifest.

mod bounds;
mod defaults;
mod fault;
mod keywords;
pub(crate) mod problem;
pub(crate) mod schema;
mod secrets;
#[cfg(test)]
mod tests;
