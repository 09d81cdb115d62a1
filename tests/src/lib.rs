//! What the end-to-end tests of the plugin platform share.

pub mod docker;
pub mod light;
pub mod outside;
