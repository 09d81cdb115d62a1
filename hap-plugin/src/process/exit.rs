//! Ends of the process for when waiting is no use.

use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Time for the runtime to end after the plugin has stopped.
pub(crate) const EPILOGUE: Duration = Duration::from_secs(1);

/// Time for the line that says why the process ends.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// Ends the process at this time if it has not ended by itself. A thread, since the runtime may be
/// what hangs.
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
            exit_saying(code.into(), || {
                tracing::warn!("the process did not end by itself in time");
            })
        });
    if let Err(error) = waiting {
        tracing::debug!(%error, "no thread for the last resort");
    }
}

/// Ends the process at once, after a line in the log, which gets a moment only: an output that
/// nobody reads blocks.
pub(crate) fn exit_saying(code: i32, say: impl FnOnce() + Send + 'static) -> ! {
    let (said, told) = mpsc::channel();
    let saying = std::thread::Builder::new()
        .name("hap-last-words".to_owned())
        .spawn(move || {
            say();
            // Whoever waited may have gone.
            let _ = said.send(());
        });
    if saying.is_ok() {
        let _ = told.recv_timeout(LAST_WORDS);
    }
    exit(code)
}

#[expect(
    clippy::exit,
    reason = "`run` is the program's main, and these are its ends when waiting is no use"
)]
fn exit(code: i32) -> ! {
    std::process::exit(code)
}
