use std::fs;

use rusqlite::Connection;

use super::*;
use crate::error::ErrorKind;

impl Store {
    /// Lets the database grow by so many pages more, as a disk does that is nearly full.
    async fn limit_growth(&self, pages: i64) {
        self.write(move |writer| {
            let connection = writer.connection();
            let now: i64 = connection
                .pragma_query_value(None, "page_count", |row| row.get(0))
                .unwrap();
            connection
                .pragma_update_and_check(None, "max_page_count", now + pages, |_| Ok(()))
                .unwrap();
            Ok(())
        })
        .await
        .unwrap();
    }
}

fn large(name: &str) -> Event {
    Event::new(&id("light"), name, "x", at(0), json!("x".repeat(100_000)))
}

#[tokio::test]
async fn a_full_disk_refuses_events_whole_and_takes_them_when_there_is_room() {
    let folder = folder();
    let store = open(&folder).await;
    append(&store, "light", &["before"]).await.unwrap();
    store.limit_growth(40).await;
    let events = || vec![large("1"), large("2")];
    let error = store
        .append_events(id("light"), events(), at(0))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store);
    let told = error.to_string();
    let place = format!(
        "(state folder {})",
        folder.path().canonicalize().unwrap().display()
    );
    assert!(
        told.contains("the disk is full") && told.ends_with(&place),
        "{told}"
    );
    assert_eq!(read(&store, 0, 10, &Filter::default()).await, ["before"]);
    assert_eq!(store.last_seq(), 1);

    // What is smaller still fits, and takes the next number.
    assert_eq!(append(&store, "light", &["small"]).await.unwrap()[0].seq, 2);
    store.limit_growth(1000).await;
    store.append_events(id("light"), events(), at(0)).await.unwrap();
    assert_eq!(
        read(&store, 0, 10, &Filter::default()).await,
        ["before", "small", "1", "2"]
    );
}

#[tokio::test]
async fn one_that_does_not_fit_does_not_fail_those_in_the_same_transaction() {
    let folder = folder();
    let store = open(&folder).await;
    append(&store, "light", &["before"]).await.unwrap();
    store.limit_growth(40).await;
    // Queued behind something slow, they are taken together.
    let busy = store.clone();
    let busy = tokio::spawn(async move {
        busy.write(|writer| {
            let slow = "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 500000) \
                        SELECT count(*) FROM n";
            writer.connection().query_row(slow, [], |_| Ok(())).unwrap();
            Ok(())
        })
        .await
    });
    tokio::task::yield_now().await;
    let (first, large, second) = tokio::join!(
        append(&store, "light", &["first"]),
        store.append_events(id("light"), vec![large("large"), large("larger")], at(0)),
        append(&store, "light", &["second"]),
    );
    busy.await.unwrap().unwrap();
    assert_eq!(first.unwrap()[0].seq, 2);
    assert_eq!(large.unwrap_err().kind(), ErrorKind::Store);
    assert_eq!(second.unwrap()[0].seq, 3);
    assert_eq!(
        read(&store, 0, 10, &Filter::default()).await,
        ["before", "first", "second"]
    );
}

#[tokio::test]
async fn a_log_that_ends_anywhere_gives_whole_batches_in_order() {
    let folder = folder();
    let live = folder.path().join("live");
    let (store, _) = Store::open(live.clone()).await.unwrap();
    for n in 0..30 {
        append(&store, "light", &[&format!("{n}-a"), &format!("{n}-b")])
            .await
            .unwrap();
    }
    let wal = fs::read(live.join("hap.db-wal")).unwrap();
    let mut found = Vec::new();
    for part in 0..=40 {
        // As a power cut leaves it on a disk that writes as it likes: the end is
        // missing, or is rubbish.
        let path = folder.path().join(format!("copy-{part}"));
        fs::create_dir(&path).unwrap();
        fs::copy(live.join("hap.db"), path.join("hap.db")).unwrap();
        let mut cut = wal.clone();
        let length = wal.len() * part / 40;
        if part % 2 == 0 {
            cut.truncate(length);
        } else {
            cut[length..].fill(0xa5);
        }
        fs::write(path.join("hap.db-wal"), cut).unwrap();

        let (store, _) = Store::open(path.clone()).await.unwrap();
        let events = read(&store, 0, 100, &Filter::default()).await;
        assert_eq!(events.len() as u64, store.last_seq());
        let whole = events
            .chunks(2)
            .enumerate()
            .all(|(n, pair)| pair == [format!("{n}-a"), format!("{n}-b")]);
        assert!(whole, "{events:?}");
        found.push(events.len());
        append(&store, "light", &["after"]).await.unwrap();
        drop(store);
        let check: String = Connection::open(path.join("hap.db"))
            .unwrap()
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .unwrap();
        assert_eq!(check, "ok");
    }
    assert!(found.is_sorted());
    assert_eq!((found[0], found[40]), (0, 60));
}

#[tokio::test]
async fn a_damaged_database_gives_errors_and_nothing_worse() {
    let folder = folder();
    let store = open(&folder).await;
    store.put_plugin(&record("light")).await.unwrap();
    for n in 0..200 {
        append(&store, "light", &[&n.to_string()]).await.unwrap();
    }
    drop(store);
    // Everything into the one file.
    drop(open(&folder).await);
    let path = folder.path().join("hap.db");
    let whole = fs::read(&path).unwrap();
    for part in 1..20 {
        let mut damaged = whole.clone();
        let start = whole.len() * part / 20;
        let end = whole.len().min(start + 3000);
        damaged[start..end].fill(0x5a);
        for name in ["hap.db-wal", "hap.db-shm"] {
            let _ = fs::remove_file(folder.path().join(name));
        }
        fs::write(&path, damaged).unwrap();
        let Ok((store, _)) = Store::open(folder.path().to_path_buf()).await else {
            continue;
        };
        let _ = store.events_since(0, 1000, &Filter::default()).await;
        let _ = store.events_since(0, 1000, &of("light")).await;
        let _ = append(&store, "light", &["new"]).await;
        let _ = store.put_plugin(&record("lock")).await;
        let _ = store.prune_events(at(1_000_000_000)).await;
    }
}
