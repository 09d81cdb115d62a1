use std::{sync::Arc, time::Duration};

use futures_util::{TryStreamExt as _, stream};

use super::{
    error::{self, blocking},
    identity::Life,
    reader::Reader,
    shared::Shared,
    spool,
};
use crate::engine::{
    error::EngineError,
    observed::ContainerId,
    stream::{EngineStream, LogLine, LogOptions},
};

/// How often to look for new lines.
const POLL: Duration = Duration::from_millis(100);

/// Lines of a container; a stream that follows ends with the run.
pub(super) fn logs(shared: &Arc<Shared>, id: &ContainerId, options: &LogOptions) -> EngineStream<LogLine> {
    let since = options.wanted_since();
    let follower = Follower {
        shared: Arc::clone(shared),
        id: id.clone(),
        tail: options.wanted_tail(),
        follow: options.wants_follow(),
        reader: None,
        ended: false,
    };
    let batches = stream::try_unfold(follower, |follower| follower.next());
    let lines = batches
        .map_ok(|batch| stream::iter(batch.into_iter().map(Ok)))
        .try_flatten();
    Box::pin(lines.try_filter(move |line| {
        let wanted = since.is_none_or(|since| line.time.is_none_or(|time| time >= since));
        std::future::ready(wanted)
    }))
}

struct Follower {
    shared: Arc<Shared>,
    id: ContainerId,
    tail: Option<u32>,
    follow: bool,
    /// `None` until the first look.
    reader: Option<Reader>,
    /// The last look was after the end of the run, so it saw everything.
    ended: bool,
}

impl Follower {
    async fn next(mut self) -> Result<Option<(Vec<LogLine>, Self)>, EngineError> {
        loop {
            if let Some(reader) = self.reader.take() {
                let (lines, reader) = read(reader).await?;
                self.reader = Some(reader);
                if !lines.is_empty() {
                    return Ok(Some((lines, self)));
                }
                if self.ended || !self.follow {
                    return Ok(None);
                }
                tokio::time::sleep(POLL).await;
            }
            self.look().await?;
        }
    }

    /// Moves new output to the log, so that the reader finds it there.
    async fn look(&mut self) -> Result<(), EngineError> {
        let begun = self.reader.is_some();
        let Some(lock) = self.shared.folder.lock("logs", &self.id).await? else {
            if begun {
                // It was removed, and its lines with it.
                self.ended = true;
                return Ok(());
            }
            return Err(error::gone("logs", &self.id));
        };
        let (shared, id, tail) = (Arc::clone(&self.shared), self.id.clone(), self.tail);
        let (ended, reader) = blocking("logs", move || {
            let io = |error| error::file("logs", lock.folder(), error);
            let Some(record) = shared.folder.find(&id).map_err(io)? else {
                return Ok((true, None));
            };
            let ended = record
                .process()
                .is_none_or(|process| process.life() == Life::Gone);
            spool::collect(&lock, record.rotation(), ended).map_err(io)?;
            let reader = if begun {
                None
            } else {
                Some(Reader::open(lock.folder().to_owned(), tail).map_err(io)?)
            };
            Ok((ended, reader))
        })
        .await?;
        self.ended = ended;
        self.reader = self.reader.take().or(reader);
        Ok(())
    }
}

async fn read(mut reader: Reader) -> Result<(Vec<LogLine>, Reader), EngineError> {
    blocking("logs", move || {
        let lines = reader
            .next()
            .map_err(|error| error::file("logs", reader.folder(), error))?;
        Ok((lines, reader))
    })
    .await
}
