//! light
fn main() {}
