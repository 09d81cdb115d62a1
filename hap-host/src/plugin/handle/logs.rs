use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_core::{Stream, stream::BoxStream};
use futures_util::StreamExt;

use super::PluginHandle;
use crate::{
    engine::stream::{LogLine, LogOptions},
    error::Error,
};

/// A plugin's output, line by line. An error ends it: the engine or the container is gone.
pub struct LogStream(BoxStream<'static, Result<LogLine, Error>>);

impl LogStream {
    pub(crate) fn new(stream: BoxStream<'static, Result<LogLine, Error>>) -> Self {
        Self(stream)
    }

    /// The next line; `None` at the end.
    ///
    /// # Errors
    /// [`ErrorKind::Engine`](crate::error::ErrorKind::Engine) when the engine stops telling.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Result<LogLine, Error>> {
        self.0.next().await
    }
}

impl PluginHandle {
    /// The plugin's output. Without a container there is none, and the stream is empty.
    ///
    /// The plugin's keys and secret settings are shown as `[REDACTED]` where they stand in a
    /// line as they are. Tabs become spaces, and every other character that could steer a terminal
    /// or turn the direction of writing becomes U+FFFD.
    #[must_use]
    pub fn logs(&self, options: &LogOptions) -> LogStream {
        match self.container() {
            Some(container) => {
                let stream = self.0.shared.engine.logs(&container, options);
                let desk = Arc::clone(&self.0.config);
                let clean = move |mut line: LogLine| {
                    line.text = desk.redactor().line(&line.text, LogLine::MAX_BYTES);
                    line
                };
                LogStream::new(
                    stream
                        .map(move |line| line.map(&clean).map_err(Error::engine))
                        .boxed(),
                )
            }
            None => LogStream::new(futures_util::stream::empty().boxed()),
        }
    }
}

impl Stream for LogStream {
    type Item = Result<LogLine, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(cx)
    }
}

impl fmt::Debug for LogStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogStream")
    }
}
