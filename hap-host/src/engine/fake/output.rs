//! What the pretended plugins print.

use std::time::SystemTime;

use futures_util::{StreamExt as _, stream};
use hap_manifest::PluginId;
use tokio::sync::broadcast::error::RecvError;

use super::FakeEngine;
use crate::engine::{
    error::{EngineError, EngineErrorKind},
    observed::ContainerId,
    stream::{EngineStream, LogLine, LogOptions, LogSource},
};

/// Lines that are remembered of each container.
const LINES: usize = 1_000;

impl FakeEngine {
    /// Lets a plugin print a line, in whatever instance it runs. Nothing happens when it does not
    /// run. The newest 1,000 lines of each container are kept until it is removed.
    pub fn print(&self, plugin: &PluginId, source: LogSource, text: &str) {
        let running = self.world().running_of(plugin);
        for id in running {
            let time = SystemTime::now().checked_sub(self.world().clock_behind);
            let line = LogLine::new(source, time, text.to_owned());
            if let Some(container) = self.world().containers.get_mut(&id) {
                if container.lines.len() == LINES {
                    container.lines.pop_front();
                }
                container.lines.push_back(line.clone());
            }
            // Nobody listening is fine.
            let _ = self.lines.send((id, Some(line)));
        }
    }

    /// What a container printed, and with `follow` what it prints until it is removed or ends.
    pub(super) fn output(&self, id: &ContainerId, options: &LogOptions) -> EngineStream<LogLine> {
        // Before the lines are read, so that none falls between both.
        let heard = self.lines.subscribe();
        let (mut lines, running) = {
            let world = self.world();
            let Some(container) = world.containers.get(id) else {
                let message = "there is no such container";
                let error = EngineError::new(EngineErrorKind::NotFound, "logs", id.to_string(), message);
                return stream::iter([Err(error)]).boxed();
            };
            let since = |line: &&LogLine| {
                options
                    .wanted_since()
                    .is_none_or(|since| line.time.is_none_or(|time| time >= since))
            };
            let lines: Vec<_> = container.lines.iter().filter(since).cloned().collect();
            (lines, container.observed.exit.is_none())
        };
        if let Some(tail) = options.wanted_tail() {
            let surplus = lines
                .len()
                .saturating_sub(usize::try_from(tail).unwrap_or(usize::MAX));
            lines.drain(..surplus);
        }
        let there = stream::iter(lines.into_iter().map(Ok));
        if !options.wants_follow() || !running {
            return there.boxed();
        }
        let id = id.clone();
        let coming = stream::unfold((heard, id), |(mut heard, id)| async move {
            loop {
                match heard.recv().await {
                    Ok((of, line)) if of == id => return line.map(|line| (Ok(line), (heard, id))),
                    Ok(_) | Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                }
            }
        });
        there.chain(coming).boxed()
    }
}
