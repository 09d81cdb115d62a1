use std::{
    io,
    os::unix::process::ExitStatusExt as _,
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::SystemTime,
};

use hap_manifest::env as names;
use rustix::process::Signal;
use tokio::process::{Child, Command};

use super::{
    create::{free_port, is_free},
    error::{self, blocking},
    folder::Lock,
    identity::Identity,
    inspect,
    record::{Record, Run},
    shared::Shared,
    spool,
    writers::sweep,
};
use crate::engine::{
    error::{EngineError, EngineErrorKind},
    observed::{ContainerId, Exit},
};

/// Where programs are found when neither the spec nor the host's environment says so.
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

pub(super) async fn start(shared: &Arc<Shared>, id: &ContainerId) -> Result<(), EngineError> {
    // An earlier run that nobody saw end is brought to its end first.
    inspect::at(shared, "start", id).await?;
    let Some(lock) = shared.folder.lock("start", id).await? else {
        return Err(error::gone("start", id));
    };
    let (shared, id) = (Arc::clone(shared), id.clone());
    blocking("start", move || start_locked(&shared, &id, &lock)).await
}

/// Everything from the look to the record of the new process is one piece that no
/// deadline interrupts.
fn start_locked(shared: &Arc<Shared>, id: &ContainerId, lock: &Lock) -> Result<(), EngineError> {
    let folder = &shared.folder;
    let io = |error: io::Error| error::file("start", lock.folder(), error);
    let Some(mut record) = folder.find(id).map_err(io)? else {
        return Err(error::gone("start", id));
    };
    if record.process().is_some() && !record.is_behind() {
        return Ok(());
    }
    if record.port == 0 || !is_free(record.port) {
        record.port = free_port(folder).map_err(io)?;
    }
    let env = environment(shared, id, &record)?;
    // What an earlier run left would write between the lines of this one.
    sweep(lock);
    spool::collect(lock, record.rotation(), true).map_err(io)?;
    let [stdout, stderr] = spool::renew(lock).map_err(io)?;
    let at = SystemTime::now();
    record.run = Run::Starting { at };
    folder.write(&record).map_err(io)?;

    let mut command = Command::new(&record.program);
    command
        .env_clear()
        .envs(env)
        .current_dir(lock.folder().join("work"))
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(stderr)
        .process_group(0)
        .kill_on_drop(false);
    let child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            let message = format!(
                "the program {} cannot be started: {error}",
                record.program.display()
            );
            record.end(Exit {
                error: message.clone(),
                ..Exit::code(127)
            });
            folder.write(&record).map_err(io)?;
            shared.news.saw(&record);
            // Without its program the container is of no use: made anew, it is checked again.
            let kind = match error.kind() {
                io::ErrorKind::NotFound => EngineErrorKind::NotFound,
                io::ErrorKind::WouldBlock | io::ErrorKind::OutOfMemory => EngineErrorKind::Failed,
                _ => EngineErrorKind::Rejected,
            };
            return Err(EngineError::new(kind, "start", id.to_string(), message).with_source(error));
        }
    };
    // The number is not given away before the child is reaped, so this is surely the child.
    let Some(process) = child.id().and_then(Identity::of) else {
        return Err(error::rejected(
            "start",
            id,
            "the new process is not in /proc".to_owned(),
        ));
    };
    record.run = Run::Running {
        process: process.clone(),
        owner: Identity::of(std::process::id()),
        at,
    };
    if let Err(error) = folder.write(&record) {
        // A process that no record tells of must not stay.
        process.signal_group(Signal::KILL);
        return Err(io(error));
    }
    shared.news.saw(&record);
    tokio::spawn(reap(Arc::clone(shared), id.clone(), process, child));
    Ok(())
}

fn environment(
    shared: &Shared,
    id: &ContainerId,
    record: &Record,
) -> Result<Vec<(String, std::ffi::OsString)>, EngineError> {
    let path = std::env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into());
    let mut env = vec![("PATH".to_owned(), path)];
    for variable in &record.env {
        let value = match &variable.value {
            Some(value) => value.clone(),
            None => shared.secrets.value(id, &variable.name).ok_or_else(|| {
                let message = format!(
                    "the value of the secret variable {} is not in this host's memory: secrets are never on disk, so \
                     a container that another host made has to be made anew",
                    variable.name
                );
                EngineError::new(EngineErrorKind::NotFound, "start", id.to_string(), message)
            })?,
        };
        let volume = record.volumes.iter().find(|volume| volume.path == value);
        let value = match volume.filter(|_| variable.name == names::HAP_DATA_DIR) {
            Some(volume) => shared.folder.volume(&volume.name).into_os_string(),
            None => value.into(),
        };
        env.push((variable.name.clone(), value));
    }
    env.push((names::PORT.to_owned(), record.port.to_string().into()));
    Ok(env)
}

/// Waits for the end of a process that this host started, and writes it down.
async fn reap(shared: Arc<Shared>, id: ContainerId, process: Identity, mut child: Child) {
    let exit = match child.wait().await {
        Ok(status) => exit_of(status),
        Err(error) => super::record::unseen(&format!("its exit code could not be asked for: {error}")),
    };
    if !shared.is_stopping(&id) {
        // The container's first process is the container: what it leaves behind
        // would hold the port.
        process.signal_group(Signal::KILL);
    }
    if let Err(error) = inspect::record_end(&shared, &id, &process, exit).await {
        tracing::warn!(container = %id, %error, "the end of a process was not recorded");
    }
}

fn exit_of(status: ExitStatus) -> Exit {
    let signal = status.signal().map(|signal| 128 + signal);
    Exit::code(status.code().or(signal).unwrap_or(-1).into())
}
