//! The spool against a model, through losses of power: what was accepted and not acknowledged comes
//! out, in order.

use std::fs;
use std::path::Path;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::events::batch::BatchLimit;
use crate::events::spool::{Spool, segment_number};

#[derive(Debug, Clone)]
enum Step {
    /// Accepts as many records of this length.
    Append(usize, usize),
    /// Reads a batch of at most as many, and acknowledges it or not.
    Read(usize, bool),
    /// Loses power while as many records are written, of which so many bytes in a thousand reach
    /// the disk, in the last segment or in a new one.
    Lose(usize, usize, bool, Mark),
}

/// What is left of the mark, which is never synced.
#[derive(Debug, Clone)]
enum Mark {
    Last,
    Earlier(prop::sample::Index),
    Rubbish,
    /// One of another copy of the volume: so many segments and bytes further on.
    Elsewhere(u64, u64),
    None,
}

fn step() -> impl Strategy<Value = Step> {
    let length = prop_oneof![9 => 1..200_usize, 1 => 50_000..150_000_usize];
    let mark = prop_oneof![
        3 => Just(Mark::Last),
        2 => any::<prop::sample::Index>().prop_map(Mark::Earlier),
        1 => Just(Mark::Rubbish),
        1 => (0..4_u64, 1..5000_u64).prop_map(|(segments, bytes)| Mark::Elsewhere(segments, bytes)),
        1 => Just(Mark::None),
    ];
    prop_oneof![
        4 => (1..20_usize, length).prop_map(|(records, length)| Step::Append(records, length)),
        4 => (1..40_usize, prop::bool::weighted(0.8)).prop_map(|(events, ack)| Step::Read(events, ack)),
        2 => (0..5_usize, 0..=1000_usize, any::<bool>(), mark)
            .prop_map(|(records, cut, fresh, mark)| Step::Lose(records, cut, fresh, mark)),
    ]
}

/// What a perfect spool would hold.
#[derive(Default)]
struct Model {
    /// All that was ever accepted, and what else has come out.
    records: Vec<Bytes>,
    /// How many of them are acknowledged.
    acked: usize,
    /// How many of them came before the first that is handed out now: fewer than `acked` when the
    /// mark was lost.
    next: usize,
    /// Records whose write the loss of power interrupted, until it is known which of them are
    /// there.
    unsure: Vec<Bytes>,
    /// What the mark has been since the last loss of power.
    marks: Vec<Vec<u8>>,
    /// Whether the spool has a segment that it goes on writing; a new one never touches an older
    /// one's.
    writing: bool,
    made: u64,
}

impl Model {
    fn make(&mut self, records: usize, length: usize) -> Vec<Bytes> {
        let make = |n| Bytes::from(format!("{{\"n\":{n},\"pad\":\"{}\"}}", "x".repeat(length)));
        let made = (self.made..).take(records).map(make).collect();
        self.made += records as u64;
        made
    }
}

fn open(dir: &Path) -> Spool {
    Spool::open(dir, 1_000_000, u64::MAX).unwrap()
}

fn limit(events: usize) -> BatchLimit {
    BatchLimit {
        events,
        bytes: 256 * 1024,
    }
}

/// Leaves the folder as a loss of power would.
fn lose_power(dir: &Path, model: &mut Model, (records, cut, fresh): (usize, usize, bool), mark: &Mark) {
    let unsure = model.make(records, 30);
    let mut text: Vec<u8> = unsure
        .iter()
        .flat_map(|record| [record, b"\n".as_slice()].concat())
        .collect();
    text.truncate(text.len() * cut / 1000);
    let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name());
    let last = names.filter_map(|name| segment_number(name.to_str()?)).max();
    let path = |number: u64| dir.join(format!("{number:010}.jsonl"));
    let path = match last {
        Some(last) if model.writing && !fresh => path(last),
        Some(last) => path(last + 1),
        // The number that the spool itself would take is in its mark; without one it begins again
        // anyway.
        None => return write_mark(dir, model, mark),
    };
    let mut content = fs::read(&path).unwrap_or_default();
    content.extend_from_slice(&text);
    fs::write(&path, content).unwrap();
    model.unsure = unsure;
    model.writing = false;
    write_mark(dir, model, mark);
}

fn write_mark(dir: &Path, model: &mut Model, mark: &Mark) {
    let path = dir.join("acked");
    // What the disk forgot once does not come back.
    let marks = std::mem::take(&mut model.marks);
    match mark {
        Mark::Last => {}
        Mark::Earlier(_) if marks.is_empty() => {}
        Mark::Earlier(index) => fs::write(&path, index.get(&marks)).unwrap(),
        Mark::Rubbish => fs::write(&path, [0; 42]).unwrap(),
        Mark::Elsewhere(segments, bytes) => elsewhere(dir, *segments, *bytes),
        Mark::None => _ = fs::remove_file(&path),
    }
    // One of elsewhere is gone with the next start.
    if !matches!(mark, Mark::Elsewhere(..)) {
        model.marks.extend(fs::read(path).ok());
    }
}

/// Writes a mark that no spool in this folder has made: beyond the last segment, or not at the end of an event.
fn elsewhere(dir: &Path, segments: u64, bytes: u64) {
    let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name());
    let last = names.filter_map(|name| segment_number(name.to_str()?)).max();
    // Where nothing waits there is nothing to lose.
    let Some(last) = last else { return };
    let content = fs::read(dir.join(format!("{last:010}.jsonl"))).unwrap();
    let end = usize::try_from(bytes).unwrap();
    let offset = if segments == 0 && content.get(end - 1) == Some(&b'\n') {
        bytes + 1
    } else {
        bytes
    };
    let mark = format!("{:020} {offset:020}\n", last + segments);
    fs::write(dir.join("acked"), mark).unwrap();
}

/// Everything that waits, without acknowledging it: a second spool over a copy of the folder.
fn waiting(dir: &Path) -> Vec<Bytes> {
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    let mut spool = open(copy.path());
    let mut records = Vec::new();
    loop {
        let batch = spool.next(limit(500)).unwrap();
        if batch.is_empty() {
            return records;
        }
        records.extend(batch);
        spool.ack().unwrap();
    }
}

/// Finds out where the spool goes on after a loss of power, and that nothing is missing from there
/// on.
fn reconcile(dir: &Path, model: &mut Model) {
    let found = waiting(dir);
    let whole: Vec<Bytes> = model.records.iter().chain(&model.unsure).cloned().collect();
    let accepted = model.records.len();
    let fits = |from: usize, to: usize| whole.get(from..to).is_some_and(|expected| expected == found);
    let place = (accepted..=whole.len())
        .filter_map(|to| Some((to.checked_sub(found.len())?, to)))
        .find(|(from, to)| *from <= model.acked && fits(*from, *to));
    // An interrupted record alone may be all that waits.
    let Some((from, to)) = place else {
        let numbers = |records: &[Bytes]| -> Vec<String> {
            records
                .iter()
                .map(|record| String::from_utf8_lossy(&record[..record.len().min(12)]).into_owned())
                .collect()
        };
        panic!(
            "after a loss of power {:?} wait; accepted {:?}, of which {} are acknowledged, interrupted {:?}",
            numbers(&found),
            numbers(&model.records),
            model.acked,
            numbers(&model.unsure)
        );
    };
    model.records = whole[..to].to_vec();
    model.unsure.clear();
    model.next = from;
}

fn check(steps: &[Step]) {
    let dir = tempfile::tempdir().unwrap();
    let mut model = Model::default();
    let mut spool = Some(open(dir.path()));
    for step in steps {
        let open_spool = spool.get_or_insert_with(|| open(dir.path()));
        match step {
            Step::Append(records, length) => {
                let records = model.make(*records, *length);
                assert_eq!(open_spool.append(&records).accepted, records.len());
                model.records.extend(records);
                model.writing = true;
            }
            Step::Read(events, ack) => {
                let batch = open_spool.next(limit(*events)).unwrap();
                let expected = &model.records[model.next..];
                assert!(expected.starts_with(&batch));
                assert_eq!(batch.is_empty(), expected.is_empty());
                if *ack {
                    open_spool.ack().unwrap();
                    model.next += batch.len();
                    model.acked = model.acked.max(model.next);
                    model.marks.extend(fs::read(dir.path().join("acked")).ok());
                }
            }
            Step::Lose(records, cut, fresh, mark) => {
                drop(spool.take());
                lose_power(dir.path(), &mut model, (*records, *cut, *fresh), mark);
                reconcile(dir.path(), &mut model);
            }
        }
        let pending = spool.as_ref().map(Spool::pending);
        assert!(pending.is_none_or(|pending| pending == model.records.len() - model.next));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn what_was_accepted_comes_out_in_order_through_losses_of_power(steps in vec(step(), 1..40)) {
        check(&steps);
    }
}
