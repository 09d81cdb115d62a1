//! The database's tables, and how an older file is brought up to them.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags, config::DbConfig};

use super::error;
use crate::error::{Error, ErrorKind};

/// Marks a file as ours, so that somebody else's database is never migrated: "hap1" in ASCII.
const APPLICATION_ID: i32 = 0x6861_7031;

/// How long a connection waits for another program that has the file.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// One step per version, never changed once released: version `n` of a file has had the
/// first `n` applied.
const MIGRATIONS: &[&str] = &[
    include_str!("schema/v1.sql"),
    include_str!("schema/v2.sql"),
    include_str!("schema/v3.sql"),
    include_str!("schema/v4.sql"),
    include_str!("schema/v5.sql"),
    include_str!("schema/v6.sql"),
];

/// Opens the connection that writes, and migrates the file.
pub(super) fn open_writer(path: &Path) -> Result<Connection, Error> {
    let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    identify(&connection, path)?;
    (|| {
        // An acknowledged event or wish must survive a power cut: WAL with FULL syncs
        // at every commit.
        connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
        connection.pragma_update(None, "synchronous", "full")?;
        // A secret that is replaced or removed does not stay behind in a page that is free.
        connection.pragma_update_and_check(None, "secure_delete", "fast", |_| Ok(()))?;
        connection.pragma_update_and_check(None, "journal_size_limit", 16 * 1024 * 1024, |_| Ok(()))?;
        // Closing happens in Drop, which must not block: the next opener moves the log into
        // the file instead.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        match connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())) {
            // What is in the log is read from there as long as the file has no room for it.
            Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull) => Ok(()),
            done => done,
        }
    })()
    .map_err(error::sql("prepare the database"))?;
    migrate(&mut connection, MIGRATIONS)?;
    Ok(connection)
}

/// Opens a connection that only reads.
pub(super) fn open_reader(path: &Path) -> Result<Connection, Error> {
    // Read-write, because the first reader of a write-ahead log may have to set up its index.
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
        .and_then(|_| connection.pragma_update(None, "query_only", true))
        .map_err(error::sql("prepare the database for reading"))?;
    Ok(connection)
}

fn connect(path: &Path, access: OpenFlags) -> Result<Connection, Error> {
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    Connection::open_with_flags(path, flags)
        .and_then(|connection| {
            connection.busy_timeout(BUSY_TIMEOUT)?;
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
            connection.pragma_update(None, "cell_size_check", true)?;
            Ok(connection)
        })
        .map_err(error::sql(&format!("open the database {}", path.display())))
}

/// Makes a new file ours, and refuses a file that belongs to something else.
fn identify(connection: &Connection, path: &Path) -> Result<(), Error> {
    let failed = || error::sql("read the database");
    let id: i32 = connection
        .pragma_query_value(None, "application_id", |row| row.get(0))
        .map_err(failed())?;
    if id == APPLICATION_ID {
        return Ok(());
    }
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(failed())?;
    if id != 0 || tables != 0 {
        return Err(Error::new(
            ErrorKind::Store,
            format!(
                "{} is another program's database; give the supervisor a folder of its own",
                path.display()
            ),
        ));
    }
    // Before the first table, or it has no effect: pages that retention frees go back to the disk.
    connection
        .pragma_update(None, "auto_vacuum", "incremental")
        .and_then(|()| connection.pragma_update(None, "application_id", APPLICATION_ID))
        .map_err(error::sql("set up the database"))
}

fn migrate(connection: &mut Connection, migrations: &[&str]) -> Result<(), Error> {
    let version: i64 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(error::sql("read the database's version"))?;
    let Some(pending) = usize::try_from(version)
        .ok()
        .and_then(|done| migrations.get(done..))
    else {
        return Err(Error::new(
            ErrorKind::Store,
            format!(
                "the database has format {version} and this version knows up to {}; \
                 it was written by a newer version: use that one",
                migrations.len()
            ),
        ));
    };
    for (to, step) in (version + 1..).zip(pending) {
        // One transaction per step, the version with it: a kill in between repeats the step
        // from its start.
        (|| {
            let transaction = connection.transaction()?;
            transaction.execute_batch(step)?;
            transaction.pragma_update(None, "user_version", to)?;
            transaction.commit()
        })()
        .map_err(error::sql(&format!("bring the database to format {to}")))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_file_gets_only_the_steps_it_lacks() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, &["CREATE TABLE a (x)"]).unwrap();
        connection.execute("INSERT INTO a VALUES (1)", []).unwrap();
        migrate(
            &mut connection,
            &["CREATE TABLE a (x)", "ALTER TABLE a ADD COLUMN y DEFAULT 5"],
        )
        .unwrap();
        let y: i64 = connection
            .query_row("SELECT y FROM a", [], |row| row.get(0))
            .unwrap();
        assert_eq!(y, 5);
    }

    #[test]
    fn a_step_that_fails_leaves_the_file_at_the_version_before() {
        let mut connection = Connection::open_in_memory().unwrap();
        let steps = ["CREATE TABLE a (x)", "CREATE TABLE b (x); CREATE TABLE a (x)"];
        migrate(&mut connection, &steps).unwrap_err();
        let version: i64 = connection
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .unwrap();
        assert_eq!(version, 1);
        let b: i64 = connection
            .query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'b'", [], |row| {
                row.get(0)
            })
            .unwrap();
        assert_eq!(b, 0);
    }

    #[test]
    fn a_newer_file_is_refused_with_both_versions() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "user_version", 7).unwrap();
        let error = migrate(&mut connection, &["CREATE TABLE a (x)"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the database has format 7 and this version knows up to 1; \
             it was written by a newer version: use that one"
        );
    }
}
