use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use futures_core::{Stream, stream::BoxStream};
use futures_util::StreamExt;

use crate::{engine::stream::LogLine, error::Error};

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
