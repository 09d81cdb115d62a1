//! [`PackageError`].

use std::io;

use super::name::NameRule;
use crate::diagnostics::report::ManifestError;
use crate::value::error::quoted;

/// Says why a package was refused: which entry, which rule, which limit.
///
/// Every refusal is a variant of its own. Nothing of a refused package was kept or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackageError {
    /// The file itself could not be read.
    #[error("cannot {op}")]
    Io {
        /// What was tried.
        op: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// The file is larger than the limit.
    #[error("the package has more than {limit} bytes, the most that is allowed")]
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// The file is no zip archive.
    #[error("not a package: the file is no zip archive; make one with `pack`")]
    NotZip,
    /// The file is the beginning of an archive, or a part of it lies outside.
    #[error("the package is truncated: a part of it lies beyond its end; transfer it again")]
    Truncated,
    /// Something lies before the first entry, such as a script.
    #[error("found {bytes} B before the first entry; a package begins with it")]
    Prefix {
        /// How many bytes.
        bytes: u64,
    },
    /// Something follows the archive: a comment, or anything else.
    #[error("found {bytes} B behind the end of the archive; a package ends with it and has no comment")]
    Trailing {
        /// How many bytes.
        bytes: u64,
    },
    /// Something lies between two entries, or between the last and the directory.
    #[error("found {bytes} B behind the entry {} that belong to none", quoted(.name))]
    Gap {
        /// The entry before them.
        name: String,
        /// How many bytes.
        bytes: u64,
    },
    /// The archive has the form for more than 4 GiB.
    #[error("the package has zip64 records; below 4 GiB it needs none")]
    Zip64,
    /// The archive is spread over several files.
    #[error("the package is one part of an archive of several files")]
    MultiPart,
    /// More files and folders than the limit.
    #[error("the package has {found} entries, at most {limit} are allowed")]
    TooManyEntries {
        /// How many there are.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// The directory of the archive is larger than its entries need.
    #[error("the directory of the package has {found} bytes, at most {limit} are allowed")]
    DirectoryTooLarge {
        /// Its size, in bytes.
        found: u64,
        /// The limit, in bytes.
        limit: u64,
    },
    /// The directory does not hold what the end of the archive says.
    #[error("the directory of the package has {found} entries, but {told} are told at its end")]
    EntryCount {
        /// How many it has.
        found: usize,
        /// How many the end of the archive says.
        told: usize,
    },
    /// The directory of the archive is not made of directory records.
    #[error("the directory of the package is damaged at record {index}")]
    Directory {
        /// Number of the record, counted from zero.
        index: usize,
    },
    /// A name that could mean another file, or none, on some system.
    #[error("invalid name {} in the package: {rule}", quoted(.name))]
    Name {
        /// The name; what is not UTF-8 is replaced.
        name: String,
        /// The rule it breaks.
        rule: NameRule,
    },
    /// Two entries of one name.
    #[error("the entry {} is given twice", quoted(.name))]
    Duplicate {
        /// The name.
        name: String,
    },
    /// Two names that are one where case does not count.
    #[error("the entries {} and {} differ only in case", quoted(.name), quoted(.other))]
    CaseClash {
        /// The second name.
        name: String,
        /// The first name.
        other: String,
    },
    /// A name that is a file and a folder.
    #[error("the entry {} is a file and a folder at once", quoted(.name))]
    FileAndFolder {
        /// The name.
        name: String,
    },
    /// A symbolic link.
    #[error("the entry {} is a symbolic link; a package holds only files and folders", quoted(.name))]
    Link {
        /// Its name.
        name: String,
    },
    /// A device, pipe or socket, or a type that contradicts the name.
    #[error("the entry {} is neither a file nor a folder, or another than its name says", quoted(.name))]
    Special {
        /// Its name.
        name: String,
    },
    /// A folder with content.
    #[error("the folder {} has content of its own", quoted(.name))]
    FolderContent {
        /// Its name.
        name: String,
    },
    /// An encrypted entry.
    #[error("the entry {} is encrypted; a package is open to everyone", quoted(.name))]
    Encrypted {
        /// Its name.
        name: String,
    },
    /// A compression that is not allowed.
    #[error("the entry {} is compressed by method {method}; only 0 (stored) and 8 (deflate) are allowed", quoted(.name))]
    Method {
        /// Its name.
        name: String,
        /// Number of the method.
        method: u16,
    },
    /// A feature of the format that is not allowed.
    #[error("the entry {} needs features {flags:#06x}, which are not allowed", quoted(.name))]
    Features {
        /// Its name.
        name: String,
        /// The flags that are not allowed.
        flags: u16,
    },
    /// Two entries that share bytes.
    #[error("the entry {} overlaps {}", quoted(.name), quoted(.other))]
    Overlap {
        /// The later entry.
        name: String,
        /// What it overlaps: an earlier entry, or the directory.
        other: String,
    },
    /// An entry that is described in two ways.
    #[error("the entry {} has another {field} in front of its content than in the directory", quoted(.name))]
    Header {
        /// Its name in the directory.
        name: String,
        /// What differs.
        field: &'static str,
    },
    /// More bytes unpacked than the limit.
    #[error("the entry {} brings the package to more than {limit} bytes unpacked, the most that is allowed", quoted(.name))]
    UnpackedTooLarge {
        /// The entry that goes beyond it.
        name: String,
        /// The limit, in bytes.
        limit: u64,
    },
    /// Another size than the directory says.
    #[error("the entry {} does not unpack to the {told} bytes that are told", quoted(.name))]
    Size {
        /// Its name.
        name: String,
        /// The size in the directory.
        told: u64,
    },
    /// Something follows a compressed content, within the entry.
    #[error("found {bytes} B behind the compressed content of the entry {}, which unpack to nothing", quoted(.name))]
    Hidden {
        /// Its name.
        name: String,
        /// How many bytes.
        bytes: u64,
    },
    /// A content that is not the one that was packed.
    #[error("the entry {} is damaged: its checksum is wrong", quoted(.name))]
    Checksum {
        /// Its name.
        name: String,
    },
    /// A content that cannot be unpacked.
    #[error("the entry {} is damaged: it cannot be unpacked", quoted(.name))]
    Damaged {
        /// Its name.
        name: String,
        /// Where it failed.
        source: io::Error,
    },
    /// The archive library sees another archive than the checks here did.
    #[error("the package can be understood in two ways: {what}")]
    Ambiguous {
        /// What differs.
        what: &'static str,
    },
    /// The file is another now than when it was opened.
    #[error("the entry {} has changed since the package was opened", quoted(.name))]
    Changed {
        /// Its name.
        name: String,
    },
    /// Files that every package has: the manifest, and what [`pack`](super::pack) demands besides.
    #[error("the package has no {}; {help}", in_words(.names))]
    Missing {
        /// Their names.
        names: Vec<String>,
        /// What to do.
        help: String,
    },
    /// A manifest larger than [`Manifest::MAX_BYTES`](crate::Manifest::MAX_BYTES).
    #[error("manifest.json has {found} bytes, at most {limit} are allowed")]
    ManifestTooLarge {
        /// Its size, in bytes.
        found: u64,
        /// The limit, in bytes.
        limit: u64,
    },
    /// A manifest with problems.
    #[error("manifest.json is refused")]
    Manifest {
        /// All of them.
        source: ManifestError,
        /// The text they are in, for [`ManifestError::render`]; what is not UTF-8 is replaced.
        text: String,
    },
    /// A name that the package does not have.
    #[error("the package has no file {}", quoted(.name))]
    NoSuchFile {
        /// The name.
        name: String,
    },
}

fn in_words(names: &[String]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| quoted(name)).collect();
    quoted.join(" and no ")
}
