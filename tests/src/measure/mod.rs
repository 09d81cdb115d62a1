//! What the benchmarks share.

pub mod twin;
pub mod usage;

/// Whatever breaks a measurement off.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Returns the first argument of a benchmark, if there is one.
///
/// `cargo bench` adds the option `--bench` to those of its caller.
#[must_use]
pub fn argument() -> Option<String> {
    std::env::args().skip(1).find(|argument| argument != "--bench")
}
