//! Why a container's program cannot be run, read from the file itself.

use std::io::Read as _;

use bollard::query_parameters::DownloadFromContainerOptionsBuilder;
use futures_util::TryStreamExt;

use super::{client::Client, container, elf};
use crate::engine::{error::EngineError, observed::ContainerId, program_fault::ProgramFault};

/// Bytes of an archive that are read: what says how to run a program is at the front of its file.
const MOST_READ: usize = 16 * 1024;
/// Bits of a file's mode that let somebody run it.
const EXECUTABLE: u32 = 0o111;
/// Links that are followed from one to the next.
const MOST_LINKS: usize = 8;

/// Looks at the program that the container starts with. `None` where nothing is found to
/// be wrong with it.
pub(super) async fn fault(client: &Client, id: &ContainerId) -> Result<Option<ProgramFault>, EngineError> {
    // Anything but a whole path is looked for in the directories of PATH, which may lead anywhere.
    let whole = |path: &String| path.starts_with('/');
    let Some(path) = container::program(client, id).await?.filter(whole) else {
        return Ok(None);
    };
    let Some(file) = follow(client, id, &path).await? else {
        return Ok(Some(ProgramFault::Missing { path }));
    };
    if !file.regular || file.mode & EXECUTABLE == 0 {
        return Ok(Some(ProgramFault::NotExecutable { path }));
    }
    if let Some(machine) = elf::machine(&file.front) {
        let version = client.docker().version();
        let version = client.read("version", "docker", version).await?;
        let architecture = version.arch.unwrap_or_default();
        if elf::runs_on(machine, &architecture) == Some(false) {
            return Ok(Some(ProgramFault::OtherProcessor { path, architecture }));
        }
    }
    let Some(needs) = elf::interpreter(&file.front).or_else(|| script_interpreter(&file.front)) else {
        return Ok(None);
    };
    let found = follow(client, id, &needs).await?;
    Ok(found
        .is_none()
        .then_some(ProgramFault::NeedsMissing { path, needs }))
}

/// What a script names behind `#!`.
fn script_interpreter(file: &[u8]) -> Option<String> {
    let line = file.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let name = std::str::from_utf8(line).ok()?.split_whitespace().next()?;
    name.starts_with('/').then(|| name.to_owned())
}

/// One file of a container.
#[derive(Debug, PartialEq, Eq)]
struct File {
    regular: bool,
    mode: u32,
    /// Where a link leads.
    link: Option<String>,
    front: Vec<u8>,
}

/// The file at the end of links; `None` when there is none.
async fn follow(client: &Client, id: &ContainerId, path: &str) -> Result<Option<File>, EngineError> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        match read(client, id, &path).await? {
            Some(File { link: Some(link), .. }) => path = beside(&path, &link),
            file => return Ok(file),
        }
    }
    Ok(None)
}

/// The path that a link at `path` leads to.
fn beside(path: &str, link: &str) -> String {
    if link.starts_with('/') {
        return link.to_owned();
    }
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    format!("{folder}/{link}")
}

async fn read(client: &Client, id: &ContainerId, path: &str) -> Result<Option<File>, EngineError> {
    let options = DownloadFromContainerOptionsBuilder::default().path(path).build();
    let mut archive = Box::pin(
        client
            .docker()
            .download_from_container(id.as_str(), Some(options)),
    );
    let front = async {
        let mut bytes = Vec::new();
        while bytes.len() < MOST_READ
            && let Some(chunk) = archive.try_next().await?
        {
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    };
    match client.call("read program", &id.to_string(), front).await {
        Ok(bytes) => Ok(unpack(&bytes)),
        Err(failure) if failure.is(404) => Ok(None),
        Err(failure) => Err(failure.into()),
    }
}

/// The first file of an archive of which only the front is there.
fn unpack(archive: &[u8]) -> Option<File> {
    let mut archive = tar::Archive::new(archive);
    let mut entry = archive.entries().ok()?.next()?.ok()?;
    let kind = entry.header().entry_type();
    let link = entry.link_name().ok().flatten();
    let link = link.filter(|_| kind.is_symlink() || kind.is_hard_link());
    let mut file = File {
        regular: kind.is_file(),
        mode: entry.header().mode().ok()?,
        link: link.map(|link| link.to_string_lossy().into_owned()),
        front: Vec::new(),
    };
    // It ends in the middle, and what came before that is what is wanted.
    let _ = entry.read_to_end(&mut file.front);
    Some(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(header: &mut tar::Header, content: &[u8]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        header.set_size(content.len() as u64);
        header.set_mode(0o755);
        builder.append_data(header, "plugin", content).unwrap();
        builder.into_inner().unwrap()
    }

    #[test]
    fn the_front_of_a_file_is_read_from_an_archive_that_is_cut() {
        let whole = archive(&mut tar::Header::new_gnu(), &[7; 100_000]);
        let file = unpack(&whole[..MOST_READ]).unwrap();
        assert!(file.regular && file.mode & EXECUTABLE != 0 && file.link.is_none());
        assert!(file.front.len() > 1000 && file.front.iter().all(|byte| *byte == 7));
        assert_eq!(unpack(b"no archive"), None);
    }

    #[test]
    fn links_lead_from_their_own_folder() {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_link_name("ld-2.so").unwrap();
        let file = unpack(&archive(&mut header, &[])).unwrap();
        assert_eq!(file.link.as_deref(), Some("ld-2.so"));
        assert_eq!(beside("/lib/ld.so", "ld-2.so"), "/lib/ld-2.so");
        assert_eq!(beside("/plugin", "bin/plugin"), "/bin/plugin");
        assert_eq!(beside("/lib/ld.so", "/usr/ld.so"), "/usr/ld.so");
    }

    #[test]
    fn a_script_names_its_interpreter() {
        assert_eq!(
            script_interpreter(b"#! /bin/sh -e\nexit").as_deref(),
            Some("/bin/sh")
        );
        assert_eq!(script_interpreter(b"\x7fELF"), None);
        assert_eq!(script_interpreter(b"#!"), None);
    }
}
