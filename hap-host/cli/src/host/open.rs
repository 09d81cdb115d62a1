//! The sockets of a host.

use std::{
    fs::{self, Permissions},
    io,
    net::SocketAddr,
    os::unix::fs::{FileTypeExt as _, PermissionsExt as _},
    path::Path,
};

use tokio::net::{TcpListener, UnixListener};

use crate::{
    disk::make_private_folder,
    failure::{Exit, Failure},
};

/// Most bytes of the path of a Unix socket on Linux, without the zero at its end.
const PATH: usize = 107;

/// Refuses a path that no socket can have, before anything is started.
pub(super) fn check(path: &Path) -> Result<(), Failure> {
    let length = path.as_os_str().len();
    if length <= PATH {
        return Ok(());
    }
    let message = format!(
        "the socket {} cannot be made: its path has {length} bytes, and the system takes {PATH}",
        path.display()
    );
    Err(Failure::new(Exit::Usage, "path_too_long", message).help("give a shorter state folder: --state DIR"))
}

/// Makes the state folder where it is missing, for this user alone.
pub(super) fn state(folder: &Path) -> Result<(), Failure> {
    make_private_folder(folder).map_err(|_| {
        let why = fs::create_dir_all(folder).err().map(|error| format!(": {error}"));
        let message = format!(
            "the state folder {} cannot be made{}",
            folder.display(),
            why.unwrap_or_default()
        );
        Failure::new(Exit::Failed, "state_unusable", message)
            .help("name a folder that this user may write, with --state DIR or HAP_STATE=DIR")
    })
}

/// Listens on the Unix socket of a state folder whose lock this process holds: what is there is of a host that is gone.
pub(super) fn unix(path: &Path) -> Result<UnixListener, Failure> {
    let refuse = |error: &dyn std::fmt::Display| {
        let message = format!("the socket {} cannot be made: {error}", path.display());
        Failure::new(Exit::Failed, "no_socket", message)
            .help("make room for it, or give another state folder: --state DIR")
    };
    match fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => {
            fs::remove_file(path).map_err(|error| refuse(&error))?
        }
        Ok(_) => {
            return Err(refuse(
                &"there is something else of that name, which is not removed",
            ));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(refuse(&error)),
    }
    let listener = UnixListener::bind(path).map_err(|error| refuse(&error))?;
    // Nobody else gets here meanwhile: the folder is this user's alone.
    fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(|error| refuse(&error))?;
    Ok(listener)
}

/// Listens on an address that a key of the configuration names.
pub(super) async fn tcp(key: &str, address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        let message = format!("{key} = \"{address}\" cannot be listened on: {error}");
        let (exit, help) = match error.kind() {
            io::ErrorKind::AddrInUse => (
                Exit::Conflict,
                "end the program that has the port, or write another one",
            ),
            io::ErrorKind::PermissionDenied => (Exit::Refused, "write a port above 1023"),
            io::ErrorKind::AddrNotAvailable => (Exit::Failed, "write an address that this machine has"),
            _ => (Exit::Failed, "write another address"),
        };
        Failure::new(exit, "cannot_listen", message).help(help)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stale_socket_is_replaced_and_nothing_else_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hap.sock");
        drop(unix(&path).unwrap());
        assert!(path.exists(), "as a host leaves it that was killed");
        let listener = unix(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        drop(listener);
        fs::remove_file(&path).unwrap();
        fs::write(&path, "a file").unwrap();
        let refused = unix(&path).unwrap_err().to_string();
        assert!(refused.contains("something else"), "{refused}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "a file");
    }

    #[test]
    fn a_path_that_is_too_long_is_told_with_the_limit() {
        let long = Path::new("/").join("a".repeat(120));
        assert!(check(&long).unwrap_err().to_string().contains("107"));
        check(Path::new("/var/lib/hap/hap.sock")).unwrap();
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_told_with_its_key() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let refused = tcp("api.listen", taken.local_addr().unwrap()).await.unwrap_err();
        assert_eq!(refused.exit(), Exit::Conflict);
        assert!(
            refused.to_string().starts_with("api.listen = \"127.0.0.1:"),
            "{refused}"
        );
    }
}
