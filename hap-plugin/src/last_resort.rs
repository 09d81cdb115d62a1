//! Ends of the process for when waiting is no use.

use std::time::{Duration, Instant};

/// Time for the runtime to end after the plugin has stopped.
pub(crate) const EPILOGUE: Duration = Duration::from_secs(1);

/// Ends the process at this time if it has not ended by itself. A thread, since the runtime may be what hangs.
pub(crate) fn end_after(time: Duration, code: u8) {
    let Some(end) = Instant::now().checked_add(time) else {
        return;
    };
    let waiting = std::thread::Builder::new()
        .name("hap-last-resort".to_owned())
        .spawn(move || {
            loop {
                match end.checked_duration_since(Instant::now()) {
                    // It may wake early.
                    Some(left) if !left.is_zero() => std::thread::park_timeout(left),
                    _ => break,
                }
            }
            tracing::warn!("the process did not end by itself in time");
            exit(code.into())
        });
    if let Err(error) = waiting {
        tracing::debug!(%error, "no thread for the last resort");
    }
}

#[expect(
    clippy::exit,
    reason = "`run` is the program's main, and these are its ends when waiting is no use"
)]
pub(crate) fn exit(code: i32) -> ! {
    std::process::exit(code)
}
