//! Secrets that pass between a host and its plugins.

mod token;
mod webhook;

pub use token::ApiToken;
pub use webhook::WebhookSecret;
