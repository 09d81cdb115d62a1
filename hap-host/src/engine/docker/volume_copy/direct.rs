use std::{
    io,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use bollard::{models::Volume, query_parameters::ContainerArchiveInfoOptionsBuilder};
use rustix::{
    fs::{AtFlags, CWD, Mode, OFlags, openat, statvfs, syncfs, unlinkat},
    thread::{CapabilitySet, capabilities},
};
use uuid::Uuid;

use super::{
    helper::mount_point,
    left::Left,
    own_tree,
    tree::{self, TreeError},
};
use crate::engine::{
    docker::client::Client,
    error::{EngineError, EngineErrorKind},
};

/// How much of the path of an entry an error tells, in characters.
const LONGEST_ENTRY: usize = 200;

/// Copies one volume where this process may and sees the engine's files; `false` where it does not.
pub(super) async fn copy(
    client: &Client,
    source: &str,
    target: &str,
    (to, index): (&str, usize),
    left: &Left,
) -> Result<bool, EngineError> {
    if !may_copy() || !client.sees_the_machine().await {
        return Ok(false);
    }
    let Some((from_path, to_path)) = folders(client, source, target).await? else {
        return Ok(false);
    };
    let place = to_path.clone();
    let opened = blocking(move || Ok::<_, io::Error>((open(&from_path)?, open(&to_path)?))).await;
    let Some(Ok((from, into))) = opened else {
        return Ok(false);
    };
    if !is_the_engines(client, &into, to, index).await? {
        return Ok(false);
    }
    let cancelled = CancelOnDrop::default();
    let flag = Arc::clone(&cancelled.0);
    let taken = left.clone();
    let copied = blocking(move || {
        let whole = into.try_clone();
        tree::copy(from, into, &flag, &|bytes| taken.take(bytes))?;
        // It is as durable as what it is a copy of before anybody relies on it.
        let synced = whole.and_then(|whole| Ok(syncfs(whole)?));
        synced.map_err(|source| TreeError {
            entry: PathBuf::new(),
            source,
        })
    })
    .await;
    match copied {
        Some(Ok(())) => Ok(true),
        Some(Err(error)) if error.source.kind() == io::ErrorKind::QuotaExceeded => Err(left.exceeded(source)),
        Some(Err(error)) => Err(failed(source, &place, &error)),
        None => Err(EngineError::new(
            EngineErrorKind::Failed,
            "copy volumes",
            source,
            "the copy ended before its time",
        )),
    }
}

/// Gives one volume, and all that is in it, to a user and a group, where this process may and sees the
/// engine's files; `false` where it does not.
pub(super) async fn own(
    client: &Client,
    volume: &str,
    helper: &str,
    index: usize,
    (user, group): (u32, u32),
) -> Result<bool, EngineError> {
    if !may_copy() || !client.sees_the_machine().await {
        return Ok(false);
    }
    let found = inspect(client, volume).await?;
    if found.driver != "local" || !found.options.is_empty() {
        return Ok(false);
    }
    let path = PathBuf::from(found.mountpoint);
    let Some(Ok(folder)) = blocking(move || open(&path)).await else {
        return Ok(false);
    };
    if !is_the_engines(client, &folder, helper, index).await? {
        return Ok(false);
    }
    let cancelled = CancelOnDrop::default();
    let flag = Arc::clone(&cancelled.0);
    let owned = blocking(move || own_tree::own(&folder, user, group, &flag)).await;
    let problem = match owned {
        Some(Ok(())) => return Ok(true),
        Some(Err(error)) => error.to_string(),
        None => "it ended before its time".to_owned(),
    };
    let message = format!("it cannot be given to user {user}: {problem}");
    Err(EngineError::new(
        EngineErrorKind::Failed,
        "own volumes",
        volume,
        message,
    ))
}

/// Bytes that a volume takes; `None` where this process cannot tell.
pub(super) async fn allocated(volume: &Volume) -> Option<u64> {
    if !may_copy() || volume.driver != "local" || !volume.options.is_empty() {
        return None;
    }
    let path = PathBuf::from(&volume.mountpoint);
    let cancelled = CancelOnDrop::default();
    let flag = Arc::clone(&cancelled.0);
    let measured = blocking(move || tree::allocated::allocated(open(&path)?, &flag)).await?;
    measured
        .inspect_err(|error| tracing::debug!(volume = volume.name, %error, "it could not be measured"))
        .ok()
}

/// Bytes that are free where a path is. Its parents will do, which need no permission.
pub(super) fn free(path: &Path) -> Option<u64> {
    let stat = path.ancestors().find_map(|path| statvfs(path).ok())?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Whether this process may do to files what a copy takes. Root may have been left without.
fn may_copy() -> bool {
    let needed = CapabilitySet::CHOWN
        | CapabilitySet::DAC_OVERRIDE
        | CapabilitySet::FOWNER
        | CapabilitySet::FSETID
        | CapabilitySet::MKNOD
        | CapabilitySet::SETFCAP;
    rustix::process::geteuid().is_root()
        && capabilities(None).is_ok_and(|sets| sets.effective.contains(needed))
}

/// Where the engine keeps the two, if both are plain folders side by side.
async fn folders(
    client: &Client,
    source: &str,
    target: &str,
) -> Result<Option<(PathBuf, PathBuf)>, EngineError> {
    let (source, target) = (inspect(client, source).await?, inspect(client, target).await?);
    let is_plain = |volume: &Volume| volume.driver == "local" && volume.options.is_empty();
    if !is_plain(&source) || !is_plain(&target) {
        return Ok(None);
    }
    let (source, target) = (PathBuf::from(source.mountpoint), PathBuf::from(target.mountpoint));
    let root = |path: &Path| path.ancestors().nth(2).map(Path::to_owned);
    Ok(
        (source.is_absolute() && root(&source).is_some() && root(&source) == root(&target))
            .then_some((source, target)),
    )
}

async fn inspect(client: &Client, name: &str) -> Result<Volume, EngineError> {
    let inspected = client.docker().inspect_volume(name);
    Ok(client.read("inspect volume", name, inspected).await?)
}

fn open(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(CWD, path, flags, Mode::empty())?)
}

/// Whether the engine sees a file that is put into the target here. A path proves nothing: it may
/// be of another engine, or of another machine at the end of a tunnel.
async fn is_the_engines(
    client: &Client,
    target: &OwnedFd,
    to: &str,
    index: usize,
) -> Result<bool, EngineError> {
    let name = format!(".hap-proof-{}", Uuid::new_v4().simple());
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    if openat(target, &name, flags, Mode::RUSR).is_err() {
        return Ok(false);
    }
    let options = ContainerArchiveInfoOptionsBuilder::default()
        .path(&format!("{}/{name}", mount_point(index)))
        .build();
    let asked = client.docker().get_container_archive_info(to, Some(options));
    let seen = client.call("copy volumes", to, asked).await;
    // Where the call is dropped it stays in a copy that is made anew.
    let removed = unlinkat(target, &name, AtFlags::empty());
    match seen {
        Ok(_) => Ok(removed.is_ok()),
        Err(failure) if failure.is(404) => Ok(false),
        Err(failure) => Err(failure.into()),
    }
}

/// Lets a copy end that nobody waits for any more. What it still writes goes to folders that the
/// next copy removes.
#[derive(Default)]
struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// `None` when the work panicked or the runtime ends.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}

fn failed(volume: &str, place: &Path, error: &TreeError) -> EngineError {
    let what = match error.source.raw_os_error() {
        Some(code) if code == rustix::io::Errno::NOSPC.raw_os_error() => {
            "the disk that holds the engine's volumes is full, make room there, then try again"
        }
        _ => "it could not be copied",
    };
    // A plugin chose the name, and its length.
    let mut entry = format!("{:?}", error.entry);
    if let Some((end, _)) = entry.char_indices().nth(LONGEST_ENTRY) {
        entry.truncate(end);
        entry.push_str("...");
    }
    let message = format!(
        "{entry} in it: {what} ({}, while writing to {})",
        error.source,
        place.display()
    );
    EngineError::new(EngineErrorKind::Failed, "copy volumes", volume, message)
}
