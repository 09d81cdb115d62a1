use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_core::{Stream, stream::BoxStream};
use futures_util::StreamExt;

use super::{PluginHandle, followed_logs::follow};
use crate::{
    engine::{
        observed::ContainerId,
        stream::{EngineStream, LogLine, LogOptions},
    },
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
    /// The plugin's output.
    ///
    /// With [`follow`](LogOptions::follow) it is one stream over all runs of the plugin, from the one
    /// that is there until the plugin is uninstalled: without a container it waits for one, and between
    /// two runs there is a line of [`LogSource::Host`](crate::engine::LogSource::Host) that says how the
    /// one before ended. Where the engine stops telling, a line of the same kind says so, and the
    /// stream goes on when the engine answers again. No line comes twice.
    ///
    /// Otherwise it is what the container that is there has printed. Without a container there is
    /// none, and the stream is empty.
    ///
    /// The plugin's keys and secret settings are shown as `[REDACTED]` where they stand in a
    /// line as they are. Tabs become spaces, and every other character that could steer a terminal
    /// or turn the direction of writing becomes U+FFFD.
    ///
    /// ```no_run
    /// # async fn run(light: hap_host::PluginHandle) -> Result<(), hap_host::Error> {
    /// use hap_host::engine::LogOptions;
    ///
    /// let mut lines = light.logs(&LogOptions::default().tail(100).follow(true));
    /// while let Some(line) = lines.next().await {
    ///     println!("{}", line?.text);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn logs(&self, options: &LogOptions) -> LogStream {
        if options.wants_follow() {
            let (handle, options) = (self.clone(), options.clone());
            LogStream::new(follow(handle, options).map(Ok).boxed())
        } else {
            self.logs_of_this_run(options)
        }
    }

    /// The output of the container that is there: with `follow` until its run ends.
    pub(crate) fn logs_of_this_run(&self, options: &LogOptions) -> LogStream {
        LogStream::new(match self.container() {
            Some(container) => {
                let lines = self.lines_of(&container, options);
                lines.map(|line| line.map_err(Error::engine)).boxed()
            }
            None => futures_util::stream::empty().boxed(),
        })
    }

    /// What one container prints, fit to be shown.
    pub(super) fn lines_of(&self, container: &ContainerId, options: &LogOptions) -> EngineStream<LogLine> {
        let desk = Arc::clone(&self.0.config);
        let clean = move |mut line: LogLine| {
            line.text = desk.redactor().line(&line.text, LogLine::MAX_BYTES);
            line
        };
        let lines = self.0.shared.engine.logs(container, options);
        lines.map(move |line| line.map(&clean)).boxed()
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
