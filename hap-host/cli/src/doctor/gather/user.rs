//! Who runs this program.

use std::os::unix::fs::MetadataExt as _;
use std::{fs, path::Path};

use rustix::process::{getegid, geteuid, getgroups};

use super::super::facts::{SocketOwner, User};

/// Returns this user, by the name that the machine's book of users has.
pub(super) fn this() -> User {
    let id = geteuid().as_raw();
    let book = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = entry(&book, 2, id).unwrap_or_else(|| id.to_string());
    User { id, name }
}

/// Finds whose a socket is that this user may not open.
pub(super) fn owner_of(socket: &Path, user: &User) -> SocketOwner {
    let Ok(found) = fs::metadata(socket) else {
        return SocketOwner::default();
    };
    // Without the group's bit the group is of no use.
    if found.mode() & 0o020 == 0 {
        return SocketOwner::default();
    }
    let book = fs::read_to_string("/etc/group").unwrap_or_default();
    let groups = getgroups().unwrap_or_default();
    let has = getegid().as_raw() == found.gid() || groups.iter().any(|group| group.as_raw() == found.gid());
    let members = book.lines().find_map(|line| {
        let mut fields = line.split(':').skip(2);
        (fields.next()?.parse() == Ok(found.gid())).then(|| fields.next().map(str::to_owned))?
    });
    let members = members.unwrap_or_default();
    SocketOwner {
        group: entry(&book, 2, found.gid()),
        is_member: !has && members.split(',').any(|name| name == user.name),
    }
}

/// The name of a number in a book of users or groups.
fn entry(book: &str, field: usize, id: u32) -> Option<String> {
    let line = book.lines().find(|line| {
        line.split(':')
            .nth(field)
            .is_some_and(|number| number.parse() == Ok(id))
    })?;
    line.split(':').next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_the_name_of_the_book() {
        let book = "root:x:0:0:root:/root:/bin/bash\nann:x:1000:1000::/home/ann:/bin/sh\n";
        assert_eq!(entry(book, 2, 1000).as_deref(), Some("ann"));
        assert_eq!(entry(book, 2, 7), None);
        assert_eq!(entry("broken", 2, 0), None);
    }
}
