use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A line on standard error that says what takes its time. It is gone when this is dropped.
#[derive(Debug)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    pub(super) fn new(is_shown: bool, text: String) -> Self {
        let bar = if is_shown {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed:>4}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        } else {
            ProgressBar::hidden()
        };
        bar.set_message(text);
        Self(bar)
    }

    /// Says what it is about now.
    pub(crate) fn say(&self, text: impl Into<String>) {
        self.0.set_message(text.into());
    }

    /// Says it from elsewhere, such as a task of its own.
    pub(crate) fn teller(&self) -> impl Fn(String) + Send + Sync + 'static {
        let bar = self.0.clone();
        move |text| bar.set_message(text)
    }

    /// Takes the line away while something else is written.
    pub(crate) fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        self.0.suspend(write)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
