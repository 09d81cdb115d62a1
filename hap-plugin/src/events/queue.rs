//! [`Queue`]: the outbox of a plugin without a data directory.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::events::batch::BatchLimit;

/// A bounded queue in memory.
#[derive(Debug)]
pub(super) struct Queue {
    records: VecDeque<Bytes>,
    bytes: u64,
    handed: usize,
    max_records: usize,
    max_bytes: u64,
}

impl Queue {
    pub(super) fn new(max_records: usize, max_bytes: u64) -> Self {
        Self {
            records: VecDeque::new(),
            bytes: 0,
            handed: 0,
            max_records,
            max_bytes,
        }
    }

    pub(super) fn append(&mut self, records: &[Bytes]) -> usize {
        for (index, record) in records.iter().enumerate() {
            let bytes = self.bytes + record.len() as u64;
            if self.records.len() >= self.max_records || bytes > self.max_bytes {
                return index;
            }
            self.bytes = bytes;
            self.records.push_back(record.clone());
        }
        records.len()
    }

    pub(super) fn next(&mut self, limit: BatchLimit) -> Vec<Bytes> {
        let mut bytes = 0;
        let batch: Vec<Bytes> = self
            .records
            .iter()
            .take(limit.events)
            .take_while(|record| {
                let first = bytes == 0;
                bytes += record.len();
                first || bytes <= limit.bytes
            })
            .cloned()
            .collect();
        self.handed = batch.len();
        batch
    }

    pub(super) fn ack(&mut self) {
        let freed: u64 = self
            .records
            .drain(..self.handed)
            .map(|record| record.len() as u64)
            .sum();
        self.bytes -= freed;
        self.handed = 0;
    }

    pub(super) fn pending(&self) -> usize {
        self.records.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: BatchLimit = BatchLimit {
        events: 500,
        bytes: 1000,
    };

    fn records(texts: &[&'static str]) -> Vec<Bytes> {
        texts
            .iter()
            .map(|text| Bytes::from_static(text.as_bytes()))
            .collect()
    }

    #[test]
    fn records_come_out_in_order_until_acknowledged() {
        let mut queue = Queue::new(10, 1000);
        assert_eq!(queue.append(&records(&["a", "b", "c"])), 3);
        assert_eq!(
            queue.next(BatchLimit {
                events: 2,
                bytes: 1000
            }),
            records(&["a", "b"])
        );
        assert_eq!(queue.next(ALL), records(&["a", "b", "c"]));
        assert_eq!(
            queue.next(BatchLimit {
                events: 1,
                bytes: 1000
            }),
            records(&["a"])
        );
        queue.ack();
        assert_eq!(queue.next(ALL), records(&["b", "c"]));
        assert_eq!(queue.pending(), 2);
    }

    #[test]
    fn what_does_not_fit_is_refused_and_the_rest_stays() {
        let mut queue = Queue::new(2, 1000);
        assert_eq!(queue.append(&records(&["a", "b", "c"])), 2);
        let mut queue = Queue::new(10, 5);
        assert_eq!(queue.append(&records(&["aaa", "bb", "c"])), 2);
        assert_eq!(queue.pending(), 2);
    }

    #[test]
    fn a_record_longer_than_a_batch_goes_alone() {
        let mut queue = Queue::new(10, 1000);
        queue.append(&records(&["aaaa", "b"]));
        assert_eq!(queue.next(BatchLimit { events: 5, bytes: 2 }), records(&["aaaa"]));
    }
}
