use super::*;

const ALL: BatchLimit = BatchLimit {
    events: 500,
    bytes: 256 * 1024,
};

fn open(dir: &Path) -> Spool {
    Spool::open(dir, 100, 1024 * 1024 * 16).unwrap()
}

fn record(n: usize) -> Bytes {
    Bytes::from(format!("{{\"n\":{n}}}"))
}

fn put(spool: &mut Spool, numbers: std::ops::Range<usize>) {
    let records: Vec<Bytes> = numbers.map(record).collect();
    let appended = spool.append(&records);
    assert_eq!(appended.accepted, records.len(), "{appended:?}");
}

#[track_caller]
fn check_next(spool: &mut Spool, numbers: std::ops::Range<usize>) {
    let expected: Vec<Bytes> = numbers.map(record).collect();
    assert_eq!(spool.next(ALL).unwrap(), expected);
}

#[test]
fn what_is_not_acknowledged_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = open(dir.path());
    put(&mut spool, 0..5);
    assert_eq!(
        spool.next(BatchLimit { events: 2, ..ALL }).unwrap(),
        [record(0), record(1)]
    );
    spool.ack().unwrap();
    drop(spool);

    let mut spool = open(dir.path());
    assert_eq!(spool.pending(), 3);
    check_next(&mut spool, 2..5);
    put(&mut spool, 5..6);
    check_next(&mut spool, 2..5);
    spool.ack().unwrap();
    check_next(&mut spool, 5..6);
    spool.ack().unwrap();
    assert_eq!(spool.pending(), 0);
    drop(spool);
    assert_eq!(open(dir.path()).pending(), 0);
}

#[test]
fn a_record_cut_short_by_a_crash_is_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = open(dir.path());
    put(&mut spool, 0..2);
    let segment = spool.path(1);
    drop(spool);
    let mut file = fs::OpenOptions::new().append(true).open(segment).unwrap();
    file.write_all(b"{\"n\":2").unwrap();

    let mut spool = open(dir.path());
    assert_eq!(spool.pending(), 2);
    put(&mut spool, 3..4);
    check_next(&mut spool, 0..2);
    spool.ack().unwrap();
    check_next(&mut spool, 3..4);
}

#[test]
fn wherever_a_write_is_cut_short_what_was_accepted_stays() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = open(dir.path());
    put(&mut spool, 0..3);
    let segment = spool.path(1);
    let accepted = fs::metadata(&segment).unwrap().len();
    put(&mut spool, 3..6);
    drop(spool);
    let whole = fs::read(&segment).unwrap();
    for end in usize::try_from(accepted).unwrap()..=whole.len() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("0000000001.jsonl"), &whole[..end]).unwrap();
        let mut spool = open(dir.path());
        let kept = spool.pending();
        assert!((3..=6).contains(&kept), "{kept} at {end}");
        check_next(&mut spool, 0..kept);
        spool.ack().unwrap();
        put(&mut spool, 7..9);
        drop(spool);
        let mut spool = open(dir.path());
        check_next(&mut spool, 7..9);
    }
}

#[test]
fn a_disk_that_refuses_to_write_leaves_no_files_behind() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = open(dir.path());
    put(&mut spool, 0..1);
    // Where the next segment would be is something that is no file.
    let blocked = spool.path(2);
    fs::create_dir(&blocked).unwrap();
    spool.abandon_segment();
    for _ in 0..3 {
        let appended = spool.append(&[record(1)]);
        assert!(appended.accepted == 0 && appended.error.is_some(), "{appended:?}");
    }
    check_next(&mut spool, 0..1);
    fs::remove_dir(&blocked).unwrap();
    put(&mut spool, 2..3);
    spool.ack().unwrap();
    check_next(&mut spool, 2..3);
}

#[test]
fn damage_in_the_middle_costs_only_what_is_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = open(dir.path());
    put(&mut spool, 0..3);
    let segment = spool.path(1);
    drop(spool);
    let mut content = fs::read(&segment).unwrap();
    content[9] = 0;
    fs::write(&segment, content).unwrap();

    let mut spool = open(dir.path());
    assert_eq!(spool.next(ALL).unwrap(), [record(0), record(2)]);
    spool.ack().unwrap();
    assert_eq!((spool.take_damaged(), spool.pending()), (1, 0));
}

#[test]
fn a_lost_mark_delivers_again_and_an_old_mark_skips_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = open(dir.path());
    put(&mut spool, 0..3);
    spool.next(ALL).unwrap();
    spool.ack().unwrap();
    drop(spool);
    fs::write(dir.path().join("acked"), "rubbish").unwrap();
    check_next(&mut open(dir.path()), 0..3);

    fs::write(dir.path().join("acked"), "0 5000").unwrap();
    check_next(&mut open(dir.path()), 0..3);
}

#[test]
fn a_segment_number_is_not_used_twice() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("acked"), "7 100").unwrap();
    let mut spool = open(dir.path());
    put(&mut spool, 0..1);
    assert!(spool.path(8).exists());
    drop(spool);
    check_next(&mut open(dir.path()), 0..1);
}

#[test]
fn room_is_bounded_by_records_and_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(dir.path(), 3, 1000).unwrap();
    let appended = spool.append(&[record(0), record(1), record(2), record(3)]);
    assert_eq!(appended.accepted, 3);
    assert!(appended.error.is_none());
    spool.next(ALL).unwrap();
    spool.ack().unwrap();
    put(&mut spool, 4..5);
    let long = Bytes::from(format!("\"{}\"", "x".repeat(1000)));
    assert_eq!(spool.append(&[long]).accepted, 0);
}

#[test]
fn acknowledged_segments_are_removed() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = open(dir.path());
    let long = Bytes::from(format!("\"{}\"", "x".repeat(200 * 1024)));
    for _ in 0..12 {
        assert_eq!(spool.append(std::slice::from_ref(&long)).accepted, 1);
    }
    let segments = |dir: &Path| {
        fs::read_dir(dir)
            .unwrap()
            .filter(|e| e.as_ref().unwrap().path().extension().is_some())
            .count()
    };
    assert_eq!(segments(dir.path()), 2);
    while !spool.next(ALL).unwrap().is_empty() {
        spool.ack().unwrap();
    }
    assert_eq!(segments(dir.path()), 0);
    put(&mut spool, 0..1);
    drop(spool);
    check_next(&mut open(dir.path()), 0..1);
}

#[test]
fn one_process_owns_the_spool() {
    let dir = tempfile::tempdir().unwrap();
    let spool = open(dir.path());
    let second = Spool::open(dir.path(), 100, 1000).unwrap_err();
    assert_eq!(second.kind(), io::ErrorKind::WouldBlock);
    drop(spool);
    open(dir.path());
}
