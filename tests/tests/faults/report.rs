//! The tables of docs/reliability.md.

use std::{
    fmt::Write as _,
    fs,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use hap_tests::document;

/// One table of the document and the order of its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Table {
    key: &'static str,
    rows: &'static [&'static str],
}

pub(crate) const ENDS: Table = Table {
    key: "ends",
    rows: &[
        "exit code 0 while healthy",
        "exit code 1 while healthy",
        "SIGKILL while healthy",
        "out of memory",
        "exit code 1 at every start",
        "exit code 78",
        "ignores SIGTERM when it is stopped",
    ],
};
pub(crate) const ANSWERS: Table = Table {
    key: "answers",
    rows: &[
        "accepts connections and never answers",
        "closes connections without an answer",
        "answers with bytes that are no HTTP",
        "answers one byte a second",
        "answers with redirects",
        "answers 503",
        "answers with a body of 10 GB",
        "answers with JSON a million levels deep",
    ],
};
pub(crate) const LIMITS: Table = Table {
    key: "limits",
    rows: &[
        "writes 200 MiB of log",
        "starts processes without end",
        "fills its memory file system",
        "fills the disk of its volume",
        "writes to its read-only root",
        "may not open a file",
    ],
};
pub(crate) const REACH: Table = Table {
    key: "reach",
    rows: &[
        "listens after 20 s",
        "listens on 127.0.0.1 only",
        "listens on another port",
        "listens on nothing",
    ],
};
pub(crate) const IMAGES: Table = Table {
    key: "images",
    rows: &[
        "image nowhere at installation",
        "image and container removed by hand",
        "program for another processor",
        "program missing in the image",
        "program that needs a loader which is missing",
    ],
};
pub(crate) const BY_HAND: Table = Table {
    key: "by-hand",
    rows: &[
        "container stopped",
        "container killed",
        "container removed",
        "container paused",
        "container renamed",
        "container taken off its network",
        "network removed while the plugin is stopped",
        "network removed while the plugin runs",
        "network removed while the plugin runs, and its subnet taken",
    ],
};

pub(crate) const HOST: Table = Table {
    key: "host",
    rows: &[
        "killed while it installs",
        "killed while it starts a plugin",
        "killed while it restarts a plugin",
        "killed while it stops a plugin",
        "killed while it updates",
        "killed while it uninstalls",
    ],
};

pub(crate) const ENGINE: Table = Table {
    key: "engine",
    rows: &[
        "engine unreachable for 30 s",
        "engine takes requests and does not answer for 30 s",
        "plugin ends while the engine is unreachable",
        "event stream cut twenty times, and once more when a plugin ends",
        "every piece of an answer of the engine comes 1 s late, and a plugin ends",
        "engine fails at every start for a while",
    ],
};
pub(crate) const DOCKERD: Table = Table {
    key: "dockerd",
    rows: &[
        "dockerd restarted",
        "dockerd killed with SIGKILL and started again",
        "dockerd stopped for 30 s",
        "dockerd restarted, live restore on",
        "dockerd killed with SIGKILL and started again, live restore on",
        "dockerd stopped for 30 s, live restore on",
        "plugin ends while dockerd is stopped, live restore on",
        "dockerd hangs for 15 s, and a plugin ends meanwhile",
    ],
};

const ALL: [Table; 9] = [
    ENDS, ANSWERS, LIMITS, REACH, IMAGES, BY_HAND, ENGINE, DOCKERD, HOST,
];

/// One fault and what came of it.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) table: Table,
    pub(crate) fault: &'static str,
    /// What has to happen, in words; the test asserts it.
    pub(crate) expected: &'static str,
    /// What the supervisor said of it.
    pub(crate) seen: String,
    /// From the fault until the supervisor knew.
    pub(crate) detected: Option<Duration>,
    /// From the fault until the plugin was healthy again.
    pub(crate) healthy: Option<Duration>,
}

const HEAD: &str = "| fault | what has to happen | what the supervisor says | known after | healthy after |\n\
                    |---|---|---|---|---|\n";

impl Row {
    /// The line of the table, times last.
    fn line(&self) -> String {
        let times = [self.detected, self.healthy].map(|time| time.map_or_else(|| "-".to_owned(), seconds));
        format!("{}{} | {} |", self.without_times(), times[0], times[1])
    }

    fn without_times(&self) -> String {
        let said = self.seen.replace('|', "\\|").replace('\n', " ");
        format!("| {} | {} | {said} | ", self.fault, self.expected)
    }
}

fn seconds(time: Duration) -> String {
    match time.as_secs_f64() {
        short if short < 9.95 => format!("{short:.2} s"),
        long => format!("{long:.0} s"),
    }
}

const DOCUMENT: &str = "reliability.md";

/// One at a time: all rows are in one file.
static WRITING: Mutex<()> = Mutex::new(());

/// Compares a row with the one in the document, or writes it there.
///
/// # Panics
/// When the document says something else of that fault.
pub(crate) fn record(row: &Row) {
    let _one_at_a_time = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    println!("{}", row.line());
    assert!(
        row.table.rows.contains(&row.fault),
        "the table {} has no place for {:?}",
        row.table.key,
        row.fault
    );
    let path = document::path(DOCUMENT);
    let text = fs::read_to_string(&path).unwrap();
    let (before, inside, after) = document::split(&text, row.table.key);
    let starts = |line: &&str, fault: &str| line.starts_with(&format!("| {fault} | "));
    if std::env::var_os("UPDATE_RELIABILITY").is_none() {
        let known = inside.lines().find(|line| starts(line, row.fault));
        assert!(
            known.is_some_and(|known| known.starts_with(&row.without_times())),
            "docs/reliability.md says something else:\n  {}\nthis run saw:\n  {}\nIf that is right, run with \
             UPDATE_RELIABILITY=1",
            known.unwrap_or("nothing"),
            row.line()
        );
        return;
    }
    let mut table = HEAD.to_owned();
    for fault in row.table.rows {
        let line = inside.lines().find(|line| starts(line, fault));
        if *fault == row.fault {
            let _ = writeln!(table, "{}", row.line());
        } else if let Some(line) = line {
            let _ = writeln!(table, "{line}");
        }
    }
    fs::write(path, format!("{before}{table}{after}")).unwrap();
}

#[test]
fn the_document_has_every_row_and_no_other() {
    let text = fs::read_to_string(document::path(DOCUMENT)).unwrap();
    for table in ALL {
        let (_, inside, _) = document::split(&text, table.key);
        let rows: Vec<_> = inside
            .lines()
            .skip(2)
            .filter_map(|line| line.trim_start_matches("| ").split(" | ").next())
            .collect();
        assert_eq!(rows, table.rows, "{}", table.key);
    }
}
