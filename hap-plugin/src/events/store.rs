//! [`Store`]: where accepted events wait.

use std::io;

use bytes::Bytes;

use crate::events::batch::{Appended, BatchLimit};
use crate::events::queue::Queue;
use crate::events::spool::Spool;

/// Keeps records in order until they are acknowledged.
#[derive(Debug)]
pub(super) enum Store {
    /// Survives the process.
    Disk(Spool),
    /// Lost with the process.
    Memory(Queue),
}

impl Store {
    /// Stores the records that fit; on disk they are synced when this returns.
    pub(super) fn append(&mut self, records: &[Bytes]) -> Appended {
        match self {
            Self::Disk(spool) => spool.append(records),
            Self::Memory(queue) => Appended {
                accepted: queue.append(records),
                error: None,
            },
        }
    }

    /// The oldest records that are not acknowledged; the same again until [`ack`](Self::ack).
    pub(super) fn next(&mut self, limit: BatchLimit) -> io::Result<Vec<Bytes>> {
        match self {
            Self::Disk(spool) => spool.next(limit),
            Self::Memory(queue) => Ok(queue.next(limit)),
        }
    }

    /// Acknowledges what [`next`](Self::next) returned last.
    pub(super) fn ack(&mut self) -> io::Result<()> {
        match self {
            Self::Disk(spool) => spool.ack(),
            Self::Memory(queue) => {
                queue.ack();
                Ok(())
            }
        }
    }

    /// How many records wait.
    pub(super) fn pending(&self) -> usize {
        match self {
            Self::Disk(spool) => spool.pending(),
            Self::Memory(queue) => queue.pending(),
        }
    }

    /// How many damaged records were met since the last call.
    pub(super) fn take_damaged(&mut self) -> usize {
        match self {
            Self::Disk(spool) => spool.take_damaged(),
            Self::Memory(_) => 0,
        }
    }
}
