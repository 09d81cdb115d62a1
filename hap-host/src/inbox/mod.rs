//! Events that plugins send: verified, made durable, delivered.
