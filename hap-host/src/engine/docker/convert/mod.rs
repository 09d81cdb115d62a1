//! Between our words and those of Docker's API.

pub(super) mod create_body;
pub(super) mod granted;
pub(super) mod observed;
pub(super) mod owner;
