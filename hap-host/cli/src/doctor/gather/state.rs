//! The state folder, without touching it: a host may own it.

use std::{
    fs::{self, Metadata},
    io,
    os::unix::fs::{FileTypeExt as _, MetadataExt as _},
    path::{Path, PathBuf},
    time::SystemTime,
};

use rustix::fs::{Access, access};
use serde_json::Value;

use super::{
    super::facts::{Answer, Entry, Folder, HostHealth, Socket},
    disk,
    http::{self, Trouble},
};

const LOCK: &str = "hap.lock";
const DATABASE: &str = "hap.db";
/// Files of a folder that are looked at for the newest.
const MOST_FILES: usize = 10_000;

/// Looks at what is at the folder's path.
pub(super) fn entry(folder: &Path) -> Entry {
    let found = match fs::metadata(folder) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return missing(folder),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Entry::NotAFolder,
        Err(error) => return Entry::Unreadable(error.to_string()),
    };
    if !found.is_dir() {
        return Entry::NotAFolder;
    }
    let may_write = access(folder, Access::WRITE_OK | Access::EXEC_OK | Access::READ_OK).is_ok();
    let mut newest = None;
    let mut is_empty = true;
    for file in fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .take(MOST_FILES)
    {
        is_empty = false;
        let written: Option<SystemTime> = file.metadata().and_then(|found| found.modified()).ok();
        newest = newest.max(written);
    }
    Entry::Folder(Folder {
        owner: found.uid(),
        mode: found.mode() & 0o7777,
        may_write,
        has_database: folder.join(DATABASE).exists(),
        is_empty,
        newest,
    })
}

fn missing(folder: &Path) -> Entry {
    let above = disk::nearest(folder).unwrap_or(Path::new("/")).to_owned();
    let may_make = above.is_dir() && access(&above, Access::WRITE_OK | Access::EXEC_OK).is_ok();
    Entry::Missing { above, may_make }
}

/// Finds the process that holds the folder's lock. Trying the lock would keep a host out that starts at this moment, so
/// the kernel's list is read.
pub(super) fn holder(folder: &Path) -> Option<u32> {
    let file = folder.join(LOCK);
    let found = fs::metadata(&file).ok()?;
    let written = fs::read_to_string(&file)
        .ok()
        .and_then(|text| text.trim().parse().ok());
    holder_in(&fs::read_to_string("/proc/locks").ok()?, &found, written)
}

fn holder_in(table: &str, file: &Metadata, written: Option<u32>) -> Option<u32> {
    let (major, minor) = (rustix::fs::major(file.dev()), rustix::fs::minor(file.dev()));
    let device = format!("{major:02x}:{minor:02x}");
    find(table, &device, file.ino(), written)
}

fn find(table: &str, device: &str, inode: u64, written: Option<u32>) -> Option<u32> {
    table.lines().find_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        if fields.next()? != "FLOCK" {
            return None;
        }
        let mut fields = fields.skip(2);
        // A process of another container has none here.
        let process = fields.next()?.parse::<i64>().ok()?;
        let process = u32::try_from(process).unwrap_or_default();
        let (there, number) = fields.next()?.rsplit_once(':')?;
        // Some file systems show another device than the kernel lists.
        let is_it = number.parse() == Ok(inode) && (there == device || written == Some(process));
        is_it.then_some(process)
    })
}

/// Looks at the host's socket, and asks the host how it does. `None` where there is no socket.
pub(super) async fn socket(path: PathBuf) -> Option<Socket> {
    let Ok(found) = fs::symlink_metadata(&path) else {
        return None;
    };
    let is_socket = found.file_type().is_socket();
    let answer = match is_socket {
        true => ask(&path).await,
        false => Answer::Nobody,
    };
    Some(Socket {
        path,
        is_socket,
        owner: found.uid(),
        mode: found.mode() & 0o7777,
        answer,
    })
}

async fn ask(path: &Path) -> Answer {
    match http::ask_socket(path, "/v1/health").await {
        Err(Trouble::NotThere | Trouble::Refused) => Answer::Nobody,
        Err(Trouble::Forbidden) => Answer::Forbidden,
        Err(Trouble::Silent) => Answer::Silent(http::WITHIN),
        Err(Trouble::Odd(what)) => Answer::Odd(what),
        Ok((200, body)) if body.get("isolation").is_some() => Answer::Healthy(health(&body)),
        Ok((status, body)) => match body.get("error").and_then(Value::as_str) {
            Some(error) if body.get("code").is_some() => Answer::Unhealthy(error.to_owned()),
            _ => Answer::Odd(format!("it answers {status} to /v1/health")),
        },
    }
}

fn health(body: &Value) -> HostHealth {
    let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let problems = body.get("problems").and_then(Value::as_array);
    let problem = |problem: &Value| problem.get("message").and_then(Value::as_str).map(str::to_owned);
    HostHealth {
        isolation: text("/isolation/state").unwrap_or_default(),
        isolation_message: text("/isolation/message"),
        problems: problems.into_iter().flatten().filter_map(problem).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn whoever_holds_a_lock_is_found_and_the_lock_is_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(holder(folder.path()), None);
        let path = folder.path().join(LOCK);
        let lock = File::create(&path).unwrap();
        assert_eq!(holder(folder.path()), None);
        lock.lock().unwrap();
        fs::write(&path, std::process::id().to_string()).unwrap();
        assert_eq!(holder(folder.path()), Some(std::process::id()));
        lock.unlock().unwrap();
        assert_eq!(holder(folder.path()), None);
    }

    #[test]
    fn a_lock_of_another_container_has_no_process_here() {
        let table = "1: POSIX  ADVISORY  WRITE 7 fe:00:42 0 EOF\n2: FLOCK  ADVISORY  WRITE -1 fe:00:42 0 EOF\nbroken\n";
        assert_eq!(find(table, "fe:00", 42, None), Some(0));
        assert_eq!(find(table, "fe:00", 43, None), None);
        assert_eq!(find(table, "00:2a", 42, None), None);
    }
}
