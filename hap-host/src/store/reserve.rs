//! A piece of the disk that is kept for the day on which it is full.
//!
//! A host whose disk is full must still start, and note that a plugin is to be stopped or removed:
//! often it is that plugin which fills the disk.

use std::{fs, io, path::PathBuf};

use super::folder::{Folder, private_file};

const NAME: &str = "hap.reserve";
/// Enough for the index of a write-ahead log and for some hundred small changes.
const BYTES: u64 = 1 << 20;
/// A disk with less left than this is not filled up for a reserve.
const LEAST_FREE: u64 = 4 * BYTES;

impl Folder {
    fn reserve(&self) -> PathBuf {
        self.path().join(NAME)
    }

    /// Takes the reserve where there is none and the disk has room. Returns whether there is one, and
    /// room beside it.
    pub(super) fn keep_reserve(&self) -> bool {
        let path = self.reserve();
        if fs::symlink_metadata(&path).is_ok_and(|found| found.len() == BYTES) {
            return self.has_room(BYTES);
        }
        if !self.has_room(LEAST_FREE) {
            return false;
        }
        let taken = take(&path);
        if let Err(error) = &taken {
            tracing::debug!(%error, "no reserve of the disk could be taken");
            // Half of one is none.
            let _ = fs::remove_file(&path);
        }
        taken.is_ok()
    }

    /// Gives the reserve back to the disk. Returns whether there was one.
    pub(super) fn give_up_reserve(&self) -> bool {
        fs::remove_file(self.reserve()).is_ok()
    }

    #[cfg(unix)]
    fn has_room(&self, bytes: u64) -> bool {
        let free = rustix::fs::statvfs(self.path()).map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize));
        free.is_ok_and(|free| free >= bytes)
    }

    #[cfg(not(unix))]
    fn has_room(&self, _: u64) -> bool {
        true
    }
}

/// Makes a file that has its place on the disk.
fn take(path: &std::path::Path) -> io::Result<()> {
    let mut file = private_file(path)?;
    #[cfg(target_os = "linux")]
    if rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, BYTES).is_ok() {
        return Ok(());
    }
    io::copy(&mut io::Read::take(io::repeat(1), BYTES), &mut file)?;
    file.sync_all()
}
