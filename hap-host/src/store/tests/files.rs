use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
};

use rusqlite::Connection;

use super::*;
use crate::error::ErrorKind;

fn mode(path: impl AsRef<std::path::Path>) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn the_folder_and_its_files_are_the_owners_alone() {
    let folder = folder();
    let path = folder.path().join("a/b");
    let (store, _) = Store::open(path.clone()).await.unwrap();
    store.set_meta("a", "b").await.unwrap();
    assert_eq!(mode(&path), 0o700);
    let mut names = Vec::new();
    for entry in fs::read_dir(&path).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(mode(entry.path()), 0o600, "{:?}", entry.path());
        names.push(entry.file_name().into_string().unwrap());
    }
    names.sort();
    assert_eq!(names, ["hap.db", "hap.db-shm", "hap.db-wal", "hap.lock"]);
}

#[tokio::test]
async fn wider_permissions_are_mended() {
    let folder = folder();
    drop(open(&folder).await);
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    for name in ["hap.db", "hap.lock"] {
        fs::set_permissions(folder.path().join(name), fs::Permissions::from_mode(0o644)).unwrap();
    }
    let _store = open(&folder).await;
    assert_eq!(mode(folder.path()), 0o700);
    assert_eq!(mode(folder.path().join("hap.db")), 0o600);
    assert_eq!(mode(folder.path().join("hap.lock")), 0o600);
}

#[tokio::test]
async fn a_folder_that_others_use_is_refused_and_left_alone() {
    let folder = folder();
    fs::write(folder.path().join("letter.txt"), "dear").unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let error = Store::open(folder.path().to_path_buf()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("holds other things"), "{error}");
    assert_eq!(mode(folder.path()), 0o755);

    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    open(&folder).await;
}

#[tokio::test]
async fn a_link_in_place_of_the_database_is_not_followed() {
    let folder = folder();
    let elsewhere = folder.path().join("elsewhere");
    fs::write(&elsewhere, "").unwrap();
    let path = folder.path().join("store");
    fs::create_dir(&path).unwrap();
    symlink(&elsewhere, path.join("hap.db")).unwrap();
    let error = Store::open(path).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store);
    assert_eq!(fs::metadata(&elsewhere).unwrap().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_second_opener_is_refused_and_told_why() {
    let folder = folder();
    let store = open(&folder).await;
    let error = Store::open(folder.path().to_path_buf()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store);
    let text = error.to_string();
    assert!(text.contains("in use by another supervisor"), "{text}");
    assert!(
        text.contains(&format!("process {}", std::process::id())),
        "{text}"
    );
    drop(store);
    open(&folder).await;
}

#[tokio::test]
async fn an_opener_waits_for_an_owner_that_is_going() {
    let folder = folder();
    let store = open(&folder).await;
    let next = tokio::spawn(Store::open(folder.path().to_path_buf()));
    tokio::time::sleep(Duration::from_millis(100)).await;
    drop(store);
    next.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_closed_store_gives_up_its_folder_while_clones_live() {
    let folder = folder();
    let store = open(&folder).await;
    let clone = store.clone();
    let mut log = store.log();
    store.set_meta("a", "b").await.unwrap();
    store.close().await;
    store.close().await;
    assert_eq!(
        clone.set_meta("a", "c").await.unwrap_err().kind(),
        ErrorKind::ShuttingDown
    );
    assert_eq!(clone.meta("a").await.unwrap_err().kind(), ErrorKind::ShuttingDown);
    assert_eq!(
        log.wait_beyond(0).await.unwrap_err().kind(),
        ErrorKind::ShuttingDown
    );
    assert_eq!(open(&folder).await.meta("a").await.unwrap().as_deref(), Some("b"));
}

#[tokio::test]
async fn what_is_queued_is_done_before_the_store_closes() {
    let folder = folder();
    let store = open(&folder).await;
    let appends: Vec<_> = (0..100)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move { append(&store, "light", &[&n.to_string()]).await })
        })
        .collect();
    tokio::task::yield_now().await;
    store.close().await;
    let mut acknowledged = 0;
    for append in appends {
        acknowledged += u64::from(append.await.unwrap().is_ok());
    }
    let store = open(&folder).await;
    assert_eq!(store.last_seq(), acknowledged);
}

#[tokio::test]
async fn a_newer_format_is_refused() {
    let folder = folder();
    drop(open(&folder).await);
    Connection::open(folder.path().join("hap.db"))
        .unwrap()
        .pragma_update(None, "user_version", 99)
        .unwrap();
    let error = Store::open(folder.path().to_path_buf()).await.unwrap_err();
    assert!(error.to_string().contains("format 99"), "{error}");
    assert!(error.to_string().contains("newer version"), "{error}");
}

#[tokio::test]
async fn a_file_that_is_not_our_database_is_refused_and_left_alone() {
    let folder = folder();
    let path = folder.path().join("hap.db");
    Connection::open(&path)
        .unwrap()
        .execute_batch("CREATE TABLE mine (x)")
        .unwrap();
    let error = Store::open(folder.path().to_path_buf()).await.unwrap_err();
    assert!(
        error.to_string().contains("another program's database"),
        "{error}"
    );

    fs::write(&path, "this is a letter and not a database at all").unwrap();
    let error = Store::open(folder.path().to_path_buf()).await.unwrap_err();
    assert!(error.to_string().contains("damaged"), "{error}");
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        "this is a letter and not a database at all"
    );
}
