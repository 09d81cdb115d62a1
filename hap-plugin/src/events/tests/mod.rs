//! Delivery as a whole: in virtual time against a scripted transport, and over HTTP against a small
//! platform.

mod delivery;
mod platform;
