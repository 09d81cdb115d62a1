//! A plugin's output over all of its runs, as one stream.

use std::time::{Duration, SystemTime};

use futures_core::Stream;
use futures_util::{StreamExt as _, stream};

use super::{PluginHandle, log_place::Place, log_reading::read_on};
use crate::engine::{
    deadline::{self, within},
    error::{EngineError, EngineErrorKind},
    observed::{ContainerId, ContainerStatus, Exit, Observed},
    stream::{EngineStream, LogLine, LogOptions, LogSource},
};

/// Pause before output is looked for again after it ended or the engine failed.
const PAUSE: Duration = Duration::from_millis(250);

pub(super) fn follow(plugin: PluginHandle, options: LogOptions) -> impl Stream<Item = LogLine> + Send {
    let follower = Follower {
        plugin,
        place: options.wanted_since().map(Place::at).unwrap_or_default(),
        options: Some(options),
        lines: None,
        run: None,
        exit: None,
        exit_before: None,
        is_told: false,
    };
    stream::unfold(follower, |mut follower| async move {
        let line = follower.next().await?;
        Some((line, follower))
    })
}

struct Follower {
    plugin: PluginHandle,
    /// What the reader asked for; `None` once the first stream was opened.
    options: Option<LogOptions>,
    lines: Option<EngineStream<LogLine>>,
    run: Option<Run>,
    /// How that run ended, where it was seen.
    exit: Option<Exit>,
    /// The last end that was known when it was begun to be read.
    exit_before: Option<Exit>,
    place: Place,
    /// The reader knows that the engine does not tell.
    is_told: bool,
}

/// One run of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Run {
    container: ContainerId,
    started_at: Option<SystemTime>,
}

impl Follower {
    /// The next line; `None` when the plugin is gone.
    async fn next(&mut self) -> Option<LogLine> {
        loop {
            let Some(lines) = &mut self.lines else {
                match self.open().await? {
                    Some(told) => return Some(told),
                    None => continue,
                }
            };
            match lines.next().await {
                Some(Ok(line)) => {
                    self.is_told = false;
                    if line.time.is_none_or(|time| self.place.take(time)) {
                        return Some(line);
                    }
                }
                None => {
                    self.lines = None;
                    self.see_the_end().await;
                    tokio::time::sleep(PAUSE).await;
                }
                Some(Err(error)) => {
                    self.lines = None;
                    tokio::time::sleep(PAUSE).await;
                    if let Some(told) = self.trouble(&error) {
                        return Some(told);
                    }
                }
            }
        }
    }

    /// Opens the output of the run that is there, and returns what the reader is to know before.
    /// `None` when the plugin is gone.
    async fn open(&mut self) -> Option<Option<LogLine>> {
        let is_first = self.options.is_some();
        let found = self.plugin.wait(|snapshot| {
            let state = &snapshot.state;
            state.container.is_some() && (is_first || state.phase.may_print())
        });
        let state = found.await.ok()?.state;
        let container = state.container?;
        let observed = match inspect(&self.plugin, &container).await {
            Ok(observed) => observed,
            Err(error) => {
                tokio::time::sleep(PAUSE).await;
                return Some(self.trouble(&error));
            }
        };
        let run = Run {
            container,
            started_at: observed.started_at,
        };
        let is_same = self.run.as_ref() == Some(&run);
        // What was only made prints nothing yet, and its run is not known.
        let is_made = observed.status == ContainerStatus::Created;
        if is_made || (is_same && !prints(&observed)) {
            // Its end is known to the engine before it is known to the plugin's state.
            self.exit = observed.exit.or(self.exit.take());
            tokio::time::sleep(PAUSE).await;
            return Some(None);
        }
        let options = match self.options.take() {
            Some(options) => options,
            None => self.reopen(&run).await,
        };
        self.lines = Some(self.plugin.lines_of(&run.container, &options));
        if is_same {
            return Some(None);
        }
        let (seen, before) = (self.exit.take(), self.exit_before.take());
        let exit = seen.or_else(|| {
            state
                .last_exit
                .clone()
                .filter(|exit| Some(exit) != before.as_ref())
        });
        self.exit_before = state.last_exit;
        Some(self.run.replace(run).map(|_| match exit {
            Some(exit) => said(&format!("a new run begins; the one before ended with {exit}")),
            None => said("a new run begins"),
        }))
    }

    /// How the output goes on after what was read of it.
    async fn reopen(&mut self, run: &Run) -> LogOptions {
        if self
            .run
            .as_ref()
            .is_some_and(|before| before.container != run.container)
        {
            // All that another container printed is new.
            self.place = Place::default();
        }
        let is_another = self.run.as_ref() != Some(run);
        read_on(
            &self.plugin,
            &run.container,
            run.started_at,
            is_another,
            &mut self.place,
        )
        .await
    }

    /// Notes how the run ended whose output is over, as long as its container is there.
    async fn see_the_end(&mut self) {
        let Some(run) = self.run.clone() else { return };
        if let Ok(observed) = inspect(&self.plugin, &run.container).await
            && observed.started_at == run.started_at
        {
            self.exit = observed.exit;
        }
    }

    /// Says once that the engine does not tell. That a container is gone is no trouble.
    fn trouble(&mut self, error: &EngineError) -> Option<LogLine> {
        let is_news = error.kind() != EngineErrorKind::NotFound && !self.is_told;
        is_news.then(|| {
            self.is_told = true;
            said(&format!(
                "output is not read now, and goes on when the engine tells it again: {error}"
            ))
        })
    }
}

async fn inspect(plugin: &PluginHandle, container: &ContainerId) -> Result<Observed, EngineError> {
    let looking = plugin.cell().shared.engine.inspect(container);
    within(deadline::CONTROL, "inspect", container, looking).await
}

fn prints(observed: &Observed) -> bool {
    matches!(
        observed.status,
        ContainerStatus::Running | ContainerStatus::Paused
    )
}

/// A line of the host's own. It has no time: readers go on after the time of a line.
fn said(text: &str) -> LogLine {
    LogLine::new(LogSource::Host, None, format!("[{text}]"))
}
