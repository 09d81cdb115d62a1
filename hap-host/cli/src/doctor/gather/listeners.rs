//! Who listens on this machine.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
};

use super::super::facts::Listener;

/// A listening socket, with the number by which its process has it.
type Row = (SocketAddr, String);

/// Lists what listens on these ports. `None` where the kernel does not tell.
pub(super) fn on(ports: &[u16]) -> Option<Vec<Listener>> {
    let mut rows = rows(&fs::read_to_string("/proc/thread-self/net/tcp").ok()?);
    rows.extend(rows_of_6());
    let listeners = rows
        .into_iter()
        .filter(|(address, _)| ports.contains(&address.port()));
    let listeners = listeners.map(|(address, inode)| Listener {
        address,
        program: program(&format!("socket:[{inode}]")),
    });
    Some(listeners.collect())
}

fn rows_of_6() -> Vec<Row> {
    rows(&fs::read_to_string("/proc/thread-self/net/tcp6").unwrap_or_default())
}

fn rows(table: &str) -> Vec<Row> {
    table.lines().skip(1).filter_map(row).collect()
}

fn row(line: &str) -> Option<Row> {
    const LISTENS: &str = "0A";
    let mut fields = line.split_whitespace().skip(1);
    let local = fields.next()?;
    let state = fields.nth(1)?;
    let inode = fields.nth(5)?.to_owned();
    if state != LISTENS {
        return None;
    }
    let (address, port) = local.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    Some((SocketAddr::new(kernel_address(address)?, port), inode))
}

/// The kernel prints addresses as native integers of four bytes in network order.
fn kernel_address(hex: &str) -> Option<IpAddr> {
    let word = |at: usize| {
        let digits = hex.get(at * 8..at * 8 + 8)?;
        u32::from_str_radix(digits, 16).ok().map(u32::to_ne_bytes)
    };
    match hex.len() {
        8 => word(0).map(|bytes| Ipv4Addr::from(bytes).into()),
        32 => {
            let mut whole = [0; 16];
            for (at, part) in whole.chunks_exact_mut(4).enumerate() {
                part.copy_from_slice(&word(at)?);
            }
            let address = Ipv6Addr::from(whole);
            Some(address.to_ipv4_mapped().map_or(address.into(), IpAddr::V4))
        }
        _ => None,
    }
}

/// The process that has a socket open, as far as this user may see.
fn program(socket: &str) -> Option<String> {
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let mut processes = processes.filter(|entry| {
        let name = entry.file_name();
        name.to_str()
            .is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
    });
    let found = processes.find(|entry| {
        let files = fs::read_dir(entry.path().join("fd"))
            .into_iter()
            .flatten()
            .flatten();
        files
            .into_iter()
            .any(|file| fs::read_link(file.path()).is_ok_and(|to| to == Path::new(socket)))
    })?;
    let name = fs::read_to_string(found.path().join("comm")).ok()?;
    Some(format!(
        "{} (process {})",
        name.trim(),
        found.file_name().display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_endian = "little")]
    #[test]
    fn the_kernels_tables_of_sockets_are_read() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4242 1 0 100 0\n\
            1: 0100007F:1F91 0100007F:A000 01 00000000:00000000 00:00000000 00000000     0        0 4243 1 0 100 0\n\
            2: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 4244 1\n\
            3: 0000000000000000FFFF00000100007F:0051 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 4245 1\n\
            broken\n";
        let found: Vec<_> = rows(table)
            .iter()
            .map(|(at, inode)| format!("{at} {inode}"))
            .collect();
        assert_eq!(
            found,
            ["127.0.0.1:8080 4242", "[::]:80 4244", "127.0.0.1:81 4245"]
        );
    }

    #[test]
    fn a_listener_of_this_process_is_found_with_its_name() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let found = on(&[address.port()]).unwrap();
        let found = found.iter().find(|found| found.address == address).unwrap();
        let told = found.program.as_deref().unwrap();
        assert!(
            told.contains(&format!("(process {})", std::process::id())),
            "{told}"
        );
    }
}
