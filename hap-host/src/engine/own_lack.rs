//! What this machine itself lacks, so that somebody could not be asked at all.
//!
//! A question that never left says nothing about whoever was to be asked.

use std::{error::Error as StdError, io};

use rustix::io::Errno;

/// What this machine lacked for a question that failed this way, and what to do; `None` where it was
/// asked, or nobody can tell.
pub(crate) fn own_lack(error: &(dyn StdError + 'static)) -> Option<&'static str> {
    errnos(error).find_map(lack)
}

/// What the system said in any layer of an error.
fn errnos<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = Errno> + 'a {
    let mut next = Some(error);
    let layers = std::iter::from_fn(move || {
        let layer: &'a (dyn StdError + 'static) = next?;
        next = layer.source();
        Some(layer)
    });
    layers.filter_map(|layer| Errno::from_io_error(layer.downcast_ref::<io::Error>()?))
}

/// The same for a question to a container on this machine. A missing route is no lack of the host there:
/// the container's network was removed, which a new container mends.
pub(crate) fn own_lack_beside_routes(error: &(dyn StdError + 'static)) -> Option<&'static str> {
    errnos(error)
        .filter(|errno| *errno != Errno::NETUNREACH)
        .find_map(lack)
}

fn lack(errno: Errno) -> Option<&'static str> {
    Some(match errno {
        Errno::MFILE => {
            "this process has no file descriptor left: raise its limit of open files (ulimit -n, LimitNOFILE of a \
             service)"
        }
        Errno::NFILE => "this machine has no file descriptor left: raise fs.file-max",
        Errno::NOMEM => "this machine has no memory left for another connection",
        Errno::NOBUFS => "the kernel has no room left for another connection",
        Errno::ADDRNOTAVAIL => {
            "this machine has no local port left for another connection: see net.ipv4.ip_local_port_range"
        }
        Errno::NETUNREACH => "this machine has no route to it: look at the routes and rules that changed",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("could not connect")]
    struct Layer(#[source] io::Error);

    #[test]
    fn what_the_machine_lacks_is_known_in_any_layer_and_what_others_do_is_not_taken_for_it() {
        let of = |errno: Errno| own_lack(&Layer(errno.into()));
        for (errno, word) in [
            (Errno::MFILE, "descriptor"),
            (Errno::NFILE, "fs.file-max"),
            (Errno::NOMEM, "memory"),
            (Errno::NOBUFS, "room"),
            (Errno::ADDRNOTAVAIL, "port"),
            (Errno::NETUNREACH, "route"),
        ] {
            assert!(of(errno).is_some_and(|lack| lack.contains(word)), "{errno:?}");
        }
        for errno in [
            Errno::CONNREFUSED,
            Errno::CONNRESET,
            Errno::TIMEDOUT,
            Errno::HOSTUNREACH,
            Errno::NOENT,
            Errno::ACCESS,
        ] {
            assert_eq!(of(errno), None, "{errno:?}");
        }
        assert_eq!(own_lack(&io::Error::other("words")), None);
    }

    #[test]
    fn a_container_whose_network_is_gone_is_no_lack_of_the_host() {
        let gone = Layer(Errno::NETUNREACH.into());
        assert_eq!(own_lack_beside_routes(&gone), None);
        assert!(own_lack_beside_routes(&Layer(Errno::MFILE.into())).is_some());
    }
}
