//! The folder with a host's state.

use std::time::Duration;

use super::{
    super::{
        check::{Check, Group, Verdict},
        facts::{Answer, Entry, Facts, Folder},
    },
    quote::quoted,
};

fn path(facts: &Facts) -> String {
    quoted(&facts.state.folder.display().to_string())
}

fn folder(facts: &Facts) -> Result<&Folder, Verdict> {
    match &facts.state.entry {
        Entry::Folder(folder) => Ok(folder),
        Entry::Missing { .. } => Err(Verdict::ok("there is no state folder yet")),
        Entry::NotAFolder | Entry::Unreadable(_) => Err(Verdict::unknown(
            "the state folder is not to be seen, see state.folder",
        )),
    }
}

pub(super) const FOLDER: Check = Check {
    id: "state.folder",
    group: Group::State,
    what: "The folder in which a host remembers its plugins: `--state`, `HAP_STATE`, else `/var/lib/hap` of root, \
           `~/.local/state/hap` of others.",
    bounds: "*fix*: something else is at its path, it cannot be read, or it is not there and this user may not make it.",
    fix: "`sudo install -d -m 700 -o \"$USER\" FOLDER`",
    probes: false,
    judge: |facts| {
        let at = facts.state.folder.display();
        let make = format!(
            "sudo install -d -m 700 -o {} {}",
            quoted(&facts.user.name),
            path(facts)
        );
        match &facts.state.entry {
            Entry::Folder(_) => Verdict::ok(format!("{at}")),
            Entry::Missing { may_make: true, .. } => Verdict::ok(format!("{at} is made by the first host")),
            Entry::Missing { above, .. } => Verdict::fix(
                format!(
                    "{at} is not there, and {} may not make it in {}",
                    facts.user.name,
                    above.display()
                ),
                make,
            ),
            Entry::NotAFolder => Verdict::fix(
                format!("{at} is no folder"),
                format!("mv {0} {0}.old", path(facts)),
            ),
            Entry::Unreadable(why) => Verdict::fix(format!("{at} cannot be read: {why}"), make),
        }
    },
};

pub(super) const OWNER: Check = Check {
    id: "state.owner",
    group: Group::State,
    what: "Whose the state folder is, and who else may open it. It holds secrets in clear text.",
    bounds: "*fix*: it is another user's; others may open it, and it holds other things too, so a host refuses it. *warn*: \
             others may open it; the next host closes it.",
    fix: "`sudo chown -R \"$USER\" FOLDER`, `chmod 700 FOLDER`",
    probes: false,
    judge: |facts| {
        let folder = match folder(facts) {
            Ok(folder) => folder,
            Err(verdict) => return verdict,
        };
        if folder.owner != facts.user.id && facts.user.id != 0 {
            return Verdict::fix(
                format!(
                    "the state folder is that of user {}, not of {}",
                    folder.owner, facts.user.name
                ),
                format!("sudo chown -R {} {}", quoted(&facts.user.name), path(facts)),
            );
        }
        if folder.mode & 0o077 != 0 {
            let sentence = format!(
                "others may open the state folder (mode {:o})",
                folder.mode & 0o777
            );
            let fix = format!("chmod 700 {}", path(facts));
            return match folder.has_database || folder.is_empty {
                true => Verdict::warn(sentence, fix),
                false => Verdict::fix(format!("{sentence}, and it holds other things"), fix),
            };
        }
        Verdict::ok(format!(
            "its owner alone may open it (mode {:o})",
            folder.mode & 0o777
        ))
    },
};

pub(super) const ACCESS: Check = Check {
    id: "state.access",
    group: Group::State,
    what: "Whether this user may write into the state folder.",
    bounds: "*fix*: its file system is read-only, or the folder's permissions are in the way.",
    fix: "`sudo mount -o remount,rw MOUNT`, `chmod u+rwx FOLDER`",
    probes: false,
    judge: |facts| {
        if let Ok(disk) = &facts.state.disk
            && disk.is_read_only
        {
            let mount = disk.mount.display();
            return Verdict::fix(
                format!("the file system at {mount} is read-only"),
                format!("sudo mount -o remount,rw {}", quoted(&mount.to_string())),
            );
        }
        match folder(facts) {
            Err(verdict) => verdict,
            // Another owner's is told of by its own check.
            Ok(folder) if !folder.may_write && folder.owner == facts.user.id => Verdict::fix(
                format!("{} may not write into the state folder", facts.user.name),
                format!("chmod u+rwx {}", path(facts)),
            ),
            Ok(folder) if !folder.may_write => Verdict::unknown("it is another user's, see state.owner"),
            Ok(_) => Verdict::ok(format!("{} may write there", facts.user.name)),
        }
    },
};

const OF_MEMORY: [&str; 2] = ["tmpfs", "ramfs"];
const OF_NETWORKS: [&str; 6] = ["nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs"];

pub(super) const FILE_SYSTEM: Check = Check {
    id: "state.file_system",
    group: Group::State,
    what: "What kind of file system the state folder is on. SQLite and the folder's lock need one of this machine.",
    bounds: "*warn*: one in memory, whose contents a restart takes, or one of a network, whose locks do not always hold.",
    fix: "move the folder to a disk of this machine: `--state DIR`",
    probes: false,
    judge: |facts| {
        let disk = match &facts.state.disk {
            Ok(disk) => disk,
            Err(why) => return Verdict::unknown(why),
        };
        let (kind, at) = (disk.kind.as_str(), disk.mount.display());
        let elsewhere = "export HAP_STATE=/var/lib/hap";
        if OF_MEMORY.contains(&kind) {
            return Verdict::warn(
                format!("{at} is in memory ({kind}): a restart takes what is there"),
                elsewhere,
            );
        }
        if OF_NETWORKS.contains(&kind) {
            return Verdict::warn(
                format!("{at} is on a network ({kind}): its locks do not always hold"),
                elsewhere,
            );
        }
        Verdict::ok(format!("{kind} at {at}"))
    },
};

/// Files that are this much newer than now tell of a clock that was set back.
const AHEAD: Duration = Duration::from_secs(60);

pub(super) const CLOCK: Check = Check {
    id: "machine.clock",
    group: Group::Machine,
    what: "This machine's clock against the newest file in the state folder. After it was set back, kept events are from the \
           future, and so are certificates.",
    bounds: "*fix*: a file is more than 60 s newer than now.",
    fix: "`sudo timedatectl set-ntp true`",
    probes: false,
    judge: |facts| {
        let Ok(Some(newest)) = folder(facts).map(|folder| folder.newest) else {
            return Verdict::ok("there is nothing to compare it with");
        };
        match newest.duration_since(facts.now) {
            Ok(ahead) if ahead > AHEAD => Verdict::fix(
                format!(
                    "the clock was set back: files of the host are {} s newer than now",
                    ahead.as_secs()
                ),
                "sudo timedatectl set-ntp true",
            ),
            _ => Verdict::ok("no file of the host is newer than now"),
        }
    },
};

pub(super) const LOCK: Check = Check {
    id: "state.lock",
    group: Group::State,
    what: "Who holds the state folder. A second host on it is refused.",
    bounds: "*fix*: a process holds it, and no host answers on its socket within 3 s.",
    fix: "end that process, or give the other host a folder of its own: `--state DIR`",
    probes: false,
    judge: |facts| {
        let process = |holder: u32| match holder {
            0 => "a process of another container".to_owned(),
            holder => format!("process {holder}"),
        };
        match (facts.state.holder, facts.has_host()) {
            (None, _) => Verdict::ok("nobody holds it"),
            (Some(holder), true) => {
                Verdict::ok(format!("the host that runs here holds it, {}", process(holder)))
            }
            (Some(holder), false) => Verdict::fix(
                format!(
                    "{} holds the state folder, and no host answers on its socket",
                    process(holder)
                ),
                match holder {
                    0 => "export HAP_STATE=/var/lib/hap-2".to_owned(),
                    holder => format!("kill {holder}"),
                },
            ),
        }
    },
};

/// The longest path of a socket that the kernel takes.
const MOST_PATH: usize = 107;

pub(super) const SOCKET: Check = Check {
    id: "state.socket",
    group: Group::State,
    what: "The socket on which a host serves its management API. Whoever may open it is an administrator.",
    bounds: "*fix*: its path has more than 107 bytes, something else is there, others may open it, or this user may not. *warn*: it \
             takes connections and does not answer within 5 s, or answers as no host does.",
    fix: "`chmod 600 SOCKET`; a shorter `--state DIR`; `sudo hap ...`",
    probes: false,
    judge: |facts| {
        let Some(socket) = &facts.state.socket else {
            let length = facts.state.folder.join("hap.sock").as_os_str().len();
            return match length > MOST_PATH {
                true => Verdict::fix(
                    format!("the socket's path has {length} bytes, the kernel takes {MOST_PATH}"),
                    "export HAP_STATE=/var/lib/hap",
                ),
                false => Verdict::ok("no host runs here"),
            };
        };
        let at = socket.path.display();
        let path = quoted(&at.to_string());
        if !socket.is_socket {
            return Verdict::fix(format!("{at} is no socket"), format!("mv {path} {path}.old"));
        }
        if socket.mode & 0o077 != 0 {
            return Verdict::fix(
                format!(
                    "others may open the host's socket (mode {:o})",
                    socket.mode & 0o777
                ),
                format!("chmod 600 {path}"),
            );
        }
        match &socket.answer {
            Answer::Nobody => Verdict::ok("a host that is gone left it, the next one takes its place"),
            Answer::Healthy(_) | Answer::Unhealthy(_) => Verdict::ok("a host answers there"),
            Answer::Forbidden => Verdict::fix(
                format!(
                    "{} may not open the socket of user {}",
                    facts.user.name, socket.owner
                ),
                "sudo hap doctor",
            ),
            Answer::Silent(after) => Verdict::warn(
                format!("the host does not answer within {} s", after.as_secs()),
                "sudo systemctl restart hap",
            ),
            Answer::Odd(what) => Verdict::warn(
                format!("what answers on the host's socket is no host: {what}"),
                format!("rm {path}"),
            ),
        }
    },
};
