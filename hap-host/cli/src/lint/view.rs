use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufReader},
    path::Path,
};

use hap_manifest::{
    Issue, ManifestError,
    package::{
        PackError, PackOptions, Package, PackageError,
        survey::{look_of, survey},
    },
};

use crate::failure::{Exit, Failure};

/// Most bytes of one file, and of all, that are kept to look into. Of others the beginning is kept.
const MOST_OF_ONE: usize = 1 << 20;
const MOST_OF_ALL: usize = 32 << 20;
const BEGINNING: usize = 4 << 10;

/// The files of a plugin as a package of it has them.
#[derive(Debug, Default)]
pub(crate) struct View {
    pub(crate) files: BTreeMap<String, FileView>,
    /// Files and folders that are there and would not be packed.
    pub(crate) left_out: Vec<String>,
    /// Why no package can be made of it, or why this is none.
    pub(crate) refusals: Vec<Refusal>,
    /// Whether it is of a package, and not of a folder.
    pub(crate) is_package: bool,
    /// Whether there are more files than were looked at.
    pub(crate) is_partial: bool,
    kept: usize,
}

/// A file, as far as it is looked into.
#[derive(Debug)]
pub(crate) struct FileView {
    pub(crate) size: usize,
    pub(crate) executable: bool,
    /// All of it, or the beginning of a long one.
    pub(crate) head: Vec<u8>,
    /// Why it looks like a secret.
    pub(crate) secret: Option<&'static str>,
}

/// Why a folder or a package is refused as a whole or in part.
#[derive(Debug)]
pub(crate) enum Refusal {
    Pack(PackError),
    Package(PackageError),
    /// The manifest of a package, with the text that it is in.
    Manifest {
        source: ManifestError,
        text: String,
    },
}

impl View {
    /// Looks at the folder of a plugin.
    pub(crate) fn of_folder(folder: &Path) -> Result<Self, Failure> {
        let mut view = Self::default();
        let seen = survey(folder, &PackOptions::new(), &mut |file| {
            view.add(file.name, file.content, file.executable);
        })
        .map_err(|error| {
            let message = format!("{} cannot be looked at: {error}", folder.display());
            Failure::new(Exit::NotFound, "no_such_folder", message).help("name the folder of a plugin")
        })?;
        view.left_out = seen.left_out;
        let cuts = |refusal: &PackError| {
            matches!(
                refusal,
                PackError::TooManyEntries { .. } | PackError::TooLarge { .. }
            )
        };
        view.is_partial = seen.refusals.iter().any(cuts);
        view.refusals = seen.refusals.into_iter().map(Refusal::Pack).collect();
        Ok(view)
    }

    /// Looks into a package. One that is refused is a view with that refusal alone.
    pub(crate) fn of_package(path: &Path) -> Result<Self, Failure> {
        let file = File::open(path).map_err(|error| unreadable(path, &error))?;
        let mut view = Self {
            is_package: true,
            ..Self::default()
        };
        let mut package = match Package::open(BufReader::new(file)) {
            Ok(package) => package,
            Err(PackageError::Manifest { source, text }) => {
                view.refusals.push(Refusal::Manifest { source, text });
                return Ok(view);
            }
            Err(PackageError::Io { source, .. }) => return Err(unreadable(path, &source)),
            Err(refusal) => {
                view.refusals.push(Refusal::Package(refusal));
                return Ok(view);
            }
        };
        let entries: Vec<_> = package
            .entries()
            .iter()
            .map(|entry| (entry.name().to_owned(), entry.is_executable()))
            .collect();
        for (name, executable) in entries {
            match package.read(&name) {
                Ok(content) => view.add(&name, &content, executable),
                Err(refusal) => view.refusals.push(Refusal::Package(refusal)),
            }
        }
        Ok(view)
    }

    fn add(&mut self, name: &str, content: &[u8], executable: bool) {
        let is_kept = content.len() <= MOST_OF_ONE && self.kept + content.len() <= MOST_OF_ALL;
        let most = if is_kept { content.len() } else { BEGINNING };
        let head = content
            .get(..most.min(content.len()))
            .unwrap_or_default()
            .to_vec();
        self.kept += head.len();
        let file = FileView {
            size: content.len(),
            executable,
            head,
            secret: look_of(name, content),
        };
        self.files.insert(name.to_owned(), file);
    }

    /// The text of a file that is small enough to be kept whole.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        let file = self.files.get(name)?;
        (file.head.len() == file.size)
            .then(|| std::str::from_utf8(&file.head).ok())
            .flatten()
    }

    /// Whether a file or folder is in it.
    pub(crate) fn has(&self, path: &str) -> bool {
        path.is_empty() || self.files.contains_key(path) || self.below(path).next().is_some()
    }

    /// The files in a folder, and in those below it.
    pub(crate) fn below<'a>(&'a self, folder: &str) -> impl Iterator<Item = (&'a str, &'a FileView)> {
        let folder = match folder {
            "" => String::new(),
            folder => format!("{folder}/"),
        };
        let files = self.files.iter().map(|(name, file)| (name.as_str(), file));
        files.filter(move |(name, _)| name.starts_with(&folder))
    }

    /// Whether a file or folder is there and would not be packed.
    pub(crate) fn leaves_out(&self, path: &str) -> bool {
        let is_it = |out: &String| {
            let rest = path.strip_prefix(out.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.left_out.iter().any(is_it)
    }

    /// The issues of a manifest by which a package was refused.
    pub(crate) fn refused_manifest(&self) -> Option<(&[Issue], &str)> {
        self.refusals.iter().find_map(|refusal| match refusal {
            Refusal::Manifest { source, text } => Some((source.issues(), text.as_str())),
            _ => None,
        })
    }
}

impl FileView {
    /// Whether it begins as a script, and what interprets it.
    pub(crate) fn interpreter(&self) -> Option<&str> {
        let line = self
            .head
            .strip_prefix(b"#!")?
            .split(|byte| *byte == b'\n')
            .next()?;
        std::str::from_utf8(line).ok()
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    let message = format!("{} cannot be read: {error}", path.display());
    Failure::new(Exit::NotFound, "no_such_file", message).help("name a package or the folder of a plugin")
}
