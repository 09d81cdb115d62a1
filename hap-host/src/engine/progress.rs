//! What a long operation tells of itself while it runs.

use std::{
    collections::VecDeque,
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use futures_core::Stream;
use futures_util::{StreamExt, task::AtomicWaker};

use super::text;

/// Longest step, in characters.
const STEP_CHARS: usize = 500;

/// What a long operation is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// A stage began. Counts of bytes begin anew with it.
    Stage(Stage),
    /// A step in words, such as a line of a build: one bounded line without control characters.
    Step(String),
    /// Bytes of a transfer.
    Bytes {
        /// Transferred so far. Never less than was reported before in the same stage.
        done: u64,
        /// To transfer in all; 0 while it is unknown. It may grow while more parts become known.
        total: u64,
    },
}

/// A part of an installation or an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// The package is read, checked and unpacked.
    Unpacking,
    /// The image is pulled from its registry.
    Pulling,
    /// The folder is sent to the engine.
    Sending,
    /// The image is built.
    Building,
}

impl Stage {
    /// The name, such as `pulling`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unpacking => "unpacking",
            Self::Pulling => "pulling",
            Self::Sending => "sending",
            Self::Building => "building",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Receives [`Progress`]; called from the engine's task, so it must not block.
#[derive(Clone)]
pub struct ProgressSink(Arc<dyn Fn(Progress) + Send + Sync>);

impl ProgressSink {
    /// Calls `sink` for each report.
    pub fn new(sink: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        Self(Arc::new(sink))
    }

    /// Drops every report.
    #[must_use]
    pub fn none() -> Self {
        Self::new(|_| ())
    }

    /// A sink whose reports are read from a stream, at the reader's own pace.
    ///
    /// ```
    /// use hap_host::engine::{Progress, ProgressSink, Stage};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let (sink, mut progress) = ProgressSink::stream();
    /// sink.report(Progress::Stage(Stage::Pulling));
    /// sink.report(Progress::Bytes { done: 1, total: 2 });
    /// sink.report(Progress::Bytes { done: 2, total: 2 });
    /// drop(sink);
    /// assert_eq!(progress.next().await, Some(Progress::Stage(Stage::Pulling)));
    /// // Of counts that nobody read in between, the last one is enough.
    /// assert_eq!(progress.next().await, Some(Progress::Bytes { done: 2, total: 2 }));
    /// assert_eq!(progress.next().await, None);
    /// # });
    /// ```
    #[must_use]
    pub fn stream() -> (Self, ProgressStream) {
        let channel = Arc::new(Channel::default());
        let open = Open(Arc::clone(&channel));
        let sink = Self::new(move |progress| open.0.push(progress));
        (sink, ProgressStream(channel))
    }

    /// Hands over one report. The words of a step are made fit to be shown: they come from whoever
    /// wrote the image.
    pub fn report(&self, progress: Progress) {
        (self.0)(match progress {
            Progress::Step(words) => Progress::Step(text::line(&words, STEP_CHARS)),
            other => other,
        });
    }
}

impl fmt::Debug for ProgressSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProgressSink")
    }
}

/// The reports of one operation, until it has ended.
///
/// It never slows the operation down. A reader that falls behind finds the newest count of bytes in
/// place of those before it, and loses the oldest lines beyond [`CAPACITY`](Self::CAPACITY).
pub struct ProgressStream(Arc<Channel>);

impl ProgressStream {
    /// Reports that wait for a slow reader.
    pub const CAPACITY: usize = 256;

    /// The next report; `None` when the operation has ended.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Progress> {
        StreamExt::next(self).await
    }
}

impl Stream for ProgressStream {
    type Item = Progress;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Progress>> {
        // Registered first, so that a report in between wakes this reader.
        self.0.reader.register(cx.waker());
        let mut queue = self.0.queue();
        match queue.waiting.pop_front() {
            Some(progress) => Poll::Ready(Some(progress)),
            None if queue.closed => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}

impl fmt::Debug for ProgressStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProgressStream")
    }
}

#[derive(Default)]
struct Channel {
    queue: Mutex<Queue>,
    reader: AtomicWaker,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Progress>,
    closed: bool,
}

impl Channel {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Each change is one push or pop, so a panic elsewhere leaves nothing half done.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, progress: Progress) {
        {
            let mut queue = self.queue();
            if matches!(progress, Progress::Bytes { .. })
                && let Some(last @ Progress::Bytes { .. }) = queue.waiting.back_mut()
            {
                *last = progress;
            } else {
                if queue.waiting.len() >= ProgressStream::CAPACITY {
                    queue.waiting.pop_front();
                }
                queue.waiting.push_back(progress);
            }
        }
        self.reader.wake();
    }
}

/// Held by the sinks of a channel; the last one closes it.
struct Open(Arc<Channel>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.queue().closed = true;
        self.0.reader.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_reader_that_never_reads_costs_a_bounded_amount() {
        let (sink, mut stream) = ProgressSink::stream();
        for line in 0..1_000 {
            sink.report(Progress::Step(line.to_string()));
        }
        drop(sink);
        let mut left = Vec::new();
        while let Some(Progress::Step(line)) = stream.next().await {
            left.push(line);
        }
        assert_eq!(left.len(), ProgressStream::CAPACITY);
        assert_eq!(left.last().map(String::as_str), Some("999"));
    }

    #[tokio::test]
    async fn no_step_steers_a_terminal_or_goes_on_without_end() {
        let (sink, mut stream) = ProgressSink::stream();
        sink.report(Progress::Step("RUN \u{1b}]0;pwned\u{7}\u{9b}2J\r\nok".to_owned()));
        sink.report(Progress::Step("x".repeat(1_000_000)));
        let shown = "RUN \u{fffd}]0;pwned\u{fffd}\u{fffd}2J  ok".to_owned();
        assert_eq!(stream.next().await, Some(Progress::Step(shown)));
        let long = format!("{}...", "x".repeat(STEP_CHARS));
        assert_eq!(stream.next().await, Some(Progress::Step(long)));
    }

    #[tokio::test]
    async fn a_waiting_reader_is_woken_by_a_report_and_by_the_end() {
        let (sink, mut stream) = ProgressSink::stream();
        let clone = sink.clone();
        drop(sink);
        let reading = tokio::spawn(async move { (stream.next().await, stream.next().await) });
        tokio::task::yield_now().await;
        clone.report(Progress::Step("one".to_owned()));
        tokio::task::yield_now().await;
        drop(clone);
        let read = reading.await.unwrap();
        assert_eq!(read, (Some(Progress::Step("one".to_owned())), None));
    }
}
