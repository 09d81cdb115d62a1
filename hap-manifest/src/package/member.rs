//! [`Member`].

/// The flag of an entry whose sizes and checksum follow the content.
pub(super) const DESCRIPTOR: u16 = 1 << 3;

/// An entry, as the directory describes it.
#[derive(Debug)]
pub(super) struct Member {
    /// Without the `/` of a folder.
    pub(super) name: String,
    pub(super) folder: bool,
    pub(super) executable: bool,
    pub(super) flags: u16,
    pub(super) method: u16,
    pub(super) checksum: u32,
    pub(super) packed: u64,
    pub(super) unpacked: u64,
    pub(super) offset: u64,
}
