use std::{io, process::Stdio};

use tokio::process::{Child, Command};

/// A child process that is ended with all that it started when this is dropped.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) child: Child,
    id: Option<u32>,
}

impl Group {
    /// Starts it with its output to us and its errors to where ours go.
    pub(super) fn spawn(command: &mut Command) -> io::Result<Self> {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        Ok(Self {
            id: child.id(),
            child,
        })
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // A child that was waited for has no id any more, and its group may be somebody else's by now.
        let id = self.id.filter(|_| self.child.id().is_some());
        let id = id.and_then(|id| i32::try_from(id).ok());
        if let Some(group) = id.and_then(rustix::process::Pid::from_raw) {
            // It is gone already.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}
