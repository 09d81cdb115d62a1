//! The law of a plugin's life: pure, without I/O, clock or randomness.
