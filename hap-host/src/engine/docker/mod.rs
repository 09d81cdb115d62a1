//! The engine over the API of Docker.
