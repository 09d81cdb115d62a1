//! Where a host is: the folder with its state, and its socket in there.

use std::{
    env,
    path::{Path, PathBuf},
};

use crate::failure::{Exit, Failure};

/// The folder of a host that root runs.
const OF_ROOT: &str = "/var/lib/hap";

/// The configuration file of a host that root runs.
const FILE_OF_ROOT: &str = "/etc/hap/hap.toml";

/// Returns the configuration file of a host: the one that was given, or that of this user where it is there.
///
/// Of root it is `/etc/hap/hap.toml`, of others `hap/hap.toml` in `$XDG_CONFIG_HOME`, or in `~/.config` where that is not set.
pub(crate) fn configuration(given: Option<&Path>) -> Option<PathBuf> {
    if let Some(given) = named(given) {
        return Some(given.to_owned());
    }
    let usual = if rustix::process::geteuid().is_root() {
        PathBuf::from(FILE_OF_ROOT)
    } else {
        folder_of("XDG_CONFIG_HOME", ".config")?.join("hap/hap.toml")
    };
    // One that is there and cannot be read is told, not passed over.
    usual.symlink_metadata().is_ok().then_some(usual)
}

/// A variable that is set to nothing names nothing.
fn named(given: Option<&Path>) -> Option<&Path> {
    given.filter(|path| !path.as_os_str().is_empty())
}

/// Returns the folder of a variable, or the usual one in the home folder. As the base directory specification has it, a path
/// that is not absolute counts as none.
fn folder_of(variable: &str, in_home: &str) -> Option<PathBuf> {
    let absolute = |name: &str| {
        env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    absolute(variable).or_else(|| absolute("HOME").map(|home| home.join(in_home)))
}

/// Returns the folder with a host's state: the one that was given, or that of this user.
///
/// Of root it is `/var/lib/hap`, of others `hap` in `$XDG_STATE_HOME`, or in `~/.local/state` where that is not set.
pub(crate) fn state_folder(given: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(given) = named(given) {
        return Ok(given.to_owned());
    }
    if rustix::process::geteuid().is_root() {
        return Ok(PathBuf::from(OF_ROOT));
    }
    let state = folder_of("XDG_STATE_HOME", ".local/state");
    state.map(|state| state.join("hap")).ok_or_else(|| {
        Failure::new(
            Exit::Usage,
            "no_state_folder",
            "neither XDG_STATE_HOME nor HOME is set, so this user has no folder for a host's state",
        )
        .help("Name one: --state DIR, or HAP_STATE=DIR.")
    })
}

/// Returns the socket on which the host of a state folder serves its management API.
pub(crate) fn socket(state: &Path) -> PathBuf {
    state.join("hap.sock")
}
